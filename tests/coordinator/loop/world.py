"""A cluster for the loop: the API double, a kubelet that resizes, pods of a Deployment and their scripted sidecars."""

import math
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from coordinator.app import Coordinator
from coordinator.options import read
from coordinator.record import Cycle
from coordinator.settings import Settings
from sidecar.annotations import parse_cpu
from sidecar.kube.access import Access
from tests.coordinator.loop.sidecars import Sidecar
from tests.support.kube import ApiServer, ResizingKubelet, until
from tests.support.kube.resources import by_kind

Object = dict[str, Any]

NET = "127.77.7"
"""Where sidecars listen: nobody else's loopback."""


def container(name: str = "app", cpu: str = "500m", request: str = "100m", **more: Any) -> Object:
    resources = {"requests": {"cpu": request, "memory": "64Mi"}, "limits": {"cpu": cpu, "memory": "256Mi"}}
    return {"name": name, "image": "app:1", "resources": resources, **more}


def pod(
    name: str,
    annotations: Mapping[str, str] | None = None,
    *,
    containers: list[Object] | None = None,
    injected: bool = True,
    node: str = "node-a",
    namespace: str = "shop",
) -> Object:
    meta = {"name": name, "namespace": namespace, "labels": {"app": name}}
    meta["annotations"] = {"equilibrium.io/resize": "true"} if annotations is None else dict(annotations)
    if injected:
        meta["labels"]["equilibrium.io/injected"] = "true"
    spec = {"nodeName": node, "containers": containers or [container()]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}


class Right:
    """Leads without a Lease, for as long as a test wants."""

    identity = holder = "right"
    problem = ""
    transitions = 0

    def __init__(self) -> None:
        self.seconds = math.inf

    def left_s(self) -> float:
        return self.seconds

    @property
    def leading(self) -> bool:
        return self.seconds > 0

    async def run(self) -> None:
        return

    async def release(self) -> None:
        self.seconds = 0.0


class Sovereign(Coordinator):
    """For tests in which who leads is not the question."""

    def _candidate(self, client: Any) -> Any:
        return Right()


class World:
    """What a test holds."""

    def __init__(self, api: ApiServer, kubelet: ResizingKubelet, stack: AsyncExitStack) -> None:
        self.api, self.kubelet = api, kubelet
        self.sidecars: dict[str, Sidecar] = {}
        self._stack = stack

    async def add(self, made: Object, demand: float | None = 0.5) -> Object:
        """Create a pod and see it run; with a sidecar at an address of its own, unless `demand` is None."""
        await self.api.create(made)
        await self.kubelet.settled()
        name, namespace = made["metadata"]["name"], made["metadata"]["namespace"]
        key = (by_kind("Pod"), namespace, name)
        found = self.api.store.get(key)
        assert found is not None
        if demand is not None:
            ip = f"{NET}.{len(self.sidecars) + 1}"
            sidecar = await self._stack.enter_async_context(Sidecar(name, ip, demand))
            self.sidecars[name] = sidecar
            found["status"] |= {"podIP": ip, "podIPs": [{"ip": ip}]}
            found["metadata"]["annotations"]["equilibrium.io/status"] = f'{{"admin": {sidecar.port}}}'
            found = self.api.store.put(key, found)
        return found

    async def limits(self) -> dict[str, str]:
        """CPU limit of each pod's first container, as asked for."""
        pods = await self.api.list("Pod")
        return {
            each["metadata"]["name"]: each["spec"]["containers"][0]["resources"]["limits"]["cpu"]
            for each in pods
            if each["spec"]["containers"][0].get("resources", {}).get("limits")
        }

    def access(self) -> Access:
        return Access(url=self.api.url, token_file=str(self.api.token_file), ca_file=str(self.api.ca_file))

    def settings(self, **variables: str) -> Settings:
        """Of the environment, with the prefix left out."""
        given = {"API": self.api.url, "LISTEN": "127.0.0.1:0", "LEASE_DURATION": "1s", **variables}
        key = {"EQUILIBRIUM_MESH_KEY": given.pop("MESH_KEY")} if "MESH_KEY" in given else {}
        return read(
            [], key | {f"EQUILIBRIUM_COORDINATOR_{name}": text for name, text in given.items()}
        ).settings

    def coordinator(self, *, dry_run: bool = False, **variables: str) -> Coordinator:
        return Coordinator(self.settings(**variables), self.access(), dry_run=dry_run)


@asynccontextmanager
async def world(*, node_cpu: str = "2") -> AsyncIterator[World]:
    async with (
        ApiServer() as api,
        ResizingKubelet(api, node_cpu=node_cpu) as kubelet,
        AsyncExitStack() as stack,
    ):
        for name in ("shop", "equilibrium-system"):
            await api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        yield World(api, kubelet, stack)


@asynccontextmanager
async def driven(
    made: World, *, dry_run: bool = False, lease: bool = False, **variables: str
) -> AsyncIterator[Coordinator]:
    """A coordinator that follows the cluster and leads, and whose cycles run when a test says so (`step`).

    By the Lease in the API server, which takes a second, or by right.
    """
    kind = Coordinator if lease or dry_run else Sovereign
    coordinator = kind(made.settings(**variables), made.access(), dry_run=dry_run)
    try:
        coordinator.follow()
        await until(lambda: not coordinator.not_ready())
        if not dry_run:
            await until(lambda: coordinator._leader is not None and coordinator._leader.leading)
        yield coordinator
    finally:
        await coordinator.close()


async def caught_up(made: World, coordinator: Coordinator) -> None:
    """The kubelet has done what there was to do, and the watch has brought it."""
    await made.kubelet.settled()

    def same() -> bool:
        there = {
            (pod["metadata"]["namespace"], pod["metadata"]["name"]): pod["metadata"]["resourceVersion"]
            for pod in made.api.store.all(by_kind("Pod"))
        }
        known = coordinator.parts.inventory._objects["pods"]
        return there == {key: pod["metadata"]["resourceVersion"] for key, pod in known.items()}

    await until(same)


async def step(made: World, coordinator: Coordinator) -> Cycle:
    """One cycle, on what there is now."""
    await caught_up(made, coordinator)
    await coordinator.cycle()
    assert coordinator.last is not None
    return coordinator.last


def outcomes(cycle: Cycle) -> dict[str, str]:
    """By pod."""
    return {grant.subject.name: outcome.kind for grant, outcome in cycle.outcomes}


def reasons(cycle: Cycle) -> dict[str, str]:
    """Why pods are skipped, left to others or held, by pod."""
    found = {each.key.partition("/")[2]: each.reason for each in (cycle.found.skipped if cycle.found else ())}
    found |= {each.subject.name: each.reason for each in cycle.stood_down}
    return found | {each.subject.name: each.reason for each in (cycle.plan.held if cycle.plan else ())}


def total_m(limits: Mapping[str, str]) -> int:
    """Σ of the limits, millicores."""
    return sum(parse_cpu(text) for text in limits.values())
