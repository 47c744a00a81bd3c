"""A kubelet that acts on resizes, as the recorded one did (`transcripts/kubelet-*.json`).

    async with ApiServer() as api, ResizingKubelet(api, node_cpu="2") as kubelet:
        await api.create(pod)                      # with nodeName: node-a; it runs as soon as the kubelet saw it
        await kubelet.settled()

Of every pod on its node, after `delay_s` each:

    fits            PodResizeInProgress, allocatedResources = requests; then resources = what was asked, no condition
    does not fit    PodResizePending, Deferred; tried again whenever a pod changes. Before 1.36 Infeasible, for good,
                    where it is more than the node has
    memory limit below usage    PodResizeInProgress with reason Error, as long as it is so
    resizePolicy RestartContainer    restartCount goes up
"""

import asyncio
import copy
from collections.abc import Iterator
from decimal import Decimal
from math import ceil
from typing import Any, Self

from sidecar.supervise import Supervisor
from tests.support.kube import capacity, told
from tests.support.kube.cluster import until
from tests.support.kube.hands import key_of
from tests.support.kube.kubelet import run
from tests.support.kube.quantities import canonical, value
from tests.support.kube.resources import by_kind
from tests.support.kube.server import ApiServer

Object = dict[str, Any]

PENDING = "PodResizePending"
IN_PROGRESS = "PodResizeInProgress"
FIRST_GENERATIONS = 34
"""The minor version of the first server whose kubelets say which generation they have seen."""


class ResizingKubelet:
    """Run inside `async with`. Of `api.minor`; `usage_bytes` is what a pod's containers use, by the pod's name.

    `step_m`: 10 for a kubelet with systemd's cgroup driver, which reports CPU limits as the kernel keeps them.
    """

    def __init__(
        self,
        api: ApiServer,
        *,
        node: str = "node-a",
        node_cpu: str = "4",
        node_memory: str = "8Gi",
        delay_s: float = 0.0,
        step_m: int = 1,
    ):
        self.usage_bytes: dict[str, int] = {}
        self.paused = False
        """It sees nothing and does nothing, as one that is cut off."""
        self._api, self._store = api, api.store
        self._node, self._delay_s, self._step_m = node, delay_s, step_m
        self._allocatable = {"cpu": value(node_cpu), "memory": value(node_memory)}
        self._amounts = {"cpu": canonical(node_cpu), "memory": canonical(node_memory)}
        self._failures: list[BaseException] = []
        self._supervisor = Supervisor(lambda name, error: self._failures.append(error))
        self._begun: dict[str, int] = {}
        self._seen = -1
        self._addresses = iter(range(1, 2**16))

    async def __aenter__(self) -> Self:
        key = (by_kind("Node"), "", self._node)
        if self._store.get(key) is None:
            node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": self._node}}
            await self._api.create(node)
        node = self._store.get(key) or {}
        node["status"] = node.get("status") or {}
        node["status"] |= {"capacity": dict(self._amounts), "allocatable": dict(self._amounts)}
        self._store.put(key, node)
        self._supervisor.start("kubelet", self._run)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._supervisor.stop()
        if self._failures:
            raise self._failures[0]

    async def settled(self) -> None:
        """Returns when it has done what there was to do."""
        await until(lambda: bool(self._failures) or self._seen == self._store.version)
        if self._failures:
            raise self._failures[0]

    async def _run(self) -> None:
        while True:
            changed, version = self._store.changed, self._store.version
            if not self.paused:
                await self._look()
            if self._store.version == version:
                self._seen = version
                await changed.wait()

    def retry(self) -> None:
        """Look at everything again, as a real one does every few minutes."""
        self._seen = -1
        self._store.wake()

    async def _look(self) -> None:
        for pod in self._pods():
            status = pod["status"]
            if status["phase"] == "Pending":
                number = next(self._addresses)
                run(self._store, key_of(pod), f"10.2.{number // 254}.{number % 254 + 1}")
            elif status["phase"] == "Running" and (changed := self._acted(copy.deepcopy(pod))) != pod:
                await asyncio.sleep(self._delay_s)
                self._write(pod, changed["status"])

    def _write(self, seen: Object, status: Object) -> None:
        """Unless somebody wrote in between: then the next look decides anew."""
        found = self._store.get(key_of(seen))
        if found is not None and found["metadata"]["resourceVersion"] == seen["metadata"]["resourceVersion"]:
            self._store.put(key_of(seen), found | {"status": status})

    def _pods(self) -> Iterator[Object]:
        for pod in self._store.all(by_kind("Pod")):
            if pod["spec"].get("nodeName") == self._node and "deletionTimestamp" not in pod["metadata"]:
                yield pod

    # what one look makes of a pod, one step at a time

    def _acted(self, pod: Object) -> Object:
        """The pod with what its status says next."""
        uid, generation = pod["metadata"]["uid"], pod["metadata"]["generation"]
        if self._begun.get(uid) == generation:
            return self._finished(pod)
        self._observe(pod)
        if refused := self._refused(pod):
            told.add(pod, PENDING, *refused)
            return pod
        told.drop(pod, PENDING)
        if told.condition(pod, IN_PROGRESS) or not self._is_enforced(pod):
            self._begun[uid] = generation
            told.drop(pod, IN_PROGRESS)
            told.add(pod, IN_PROGRESS)
            for container, says in told.pairs(pod):
                if requests := container["resources"].get("requests"):
                    says["allocatedResources"] = copy.deepcopy(requests)
        return pod

    def _finished(self, pod: Object) -> Object:
        if said := told.below(pod, self.usage_bytes.get(pod["metadata"]["name"], 0)):
            told.add(pod, IN_PROGRESS, "Error", said)
            return pod
        told.drop(pod, IN_PROGRESS)
        for container, says in told.pairs(pod):
            enforced = self._enforced(container["resources"])
            if told.restarts(container, enforced, says["resources"]):
                says["restartCount"] += 1
            says["resources"] = enforced
        return pod

    def _observe(self, pod: Object) -> None:
        if self._api.minor < FIRST_GENERATIONS:
            pod["status"].pop("observedGeneration", None)
            return
        generation = pod["metadata"]["generation"]
        pod["status"]["observedGeneration"] = generation
        for each in pod["status"].get("conditions") or []:
            each["observedGeneration"] = generation

    def _refused(self, pod: Object) -> tuple[str, str] | None:
        """(reason, message) where its requests do not fit beside the others'."""
        wanted, used, have = capacity.total(pod), self._used(pod), self._allocatable
        for name, unit in capacity.UNITS.items():
            asked, there = wanted.get(name, Decimal(0)), have[name]
            if asked > there and self._api.minor < capacity.IN_THE_API:
                said = f"requested: {asked * unit:.0f}, capacity: {there * unit:.0f}"
                return "Infeasible", f"Node didn't have enough capacity: {name}, {said}"
            if asked > there - used[name]:
                said = f"requested: {asked * unit:.0f}, used: {used[name] * unit:.0f}"
                said += f", capacity: {there * unit:.0f}"
                return "Deferred", f"Node didn't have enough resource: {name}, {said}"
        return None

    def _used(self, pod: Object) -> dict[str, Decimal]:
        """What is allocated to the others."""
        used = dict.fromkeys(capacity.UNITS, Decimal(0))
        for other in self._pods():
            if other["metadata"]["uid"] != pod["metadata"]["uid"] and other["status"]["phase"] == "Running":
                for _, says in told.pairs(other):
                    for name, amount in (says.get("allocatedResources") or {}).items():
                        used[name] = used.get(name, Decimal(0)) + value(amount)
        return used

    def _is_enforced(self, pod: Object) -> bool:
        return all(
            self._enforced(container["resources"]) == says["resources"]
            and (container["resources"].get("requests") or {}) == (says.get("allocatedResources") or {})
            for container, says in told.pairs(pod)
        )

    def _enforced(self, resources: Object) -> Object:
        """As the runtime tells it: CPU limits in whole steps."""
        enforced = copy.deepcopy(resources)
        if limit := (enforced.get("limits") or {}).get("cpu"):
            steps = max(1, ceil(value(limit) * 1000 / self._step_m))
            enforced["limits"]["cpu"] = canonical(f"{steps * self._step_m}m")
        return enforced
