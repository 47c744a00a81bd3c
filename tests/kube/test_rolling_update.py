"""A Deployment is rolled over under load, with a real sidecar that follows the API server: nobody notices.

Pods are processes at loopback addresses of their own; the controllers of the cluster start and stop them as a
kubelet would. A pod that is marked terminating goes on serving until the sidecar has seen it and for a while after,
so that a request that should not have been sent to it would be counted.
"""

import asyncio
import itertools
import json
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from loadtest import load, openloop, processes
from sidecar import clock
from tests.program.process import program
from tests.program.wire import ask, request
from tests.support.kube import ApiServer, Controllers

pytestmark = [pytest.mark.kube, pytest.mark.slow]

Object = dict[str, Any]

RATE = 300.0
LINGER_S = 0.5
"""How long a terminating pod goes on serving after the sidecar has seen it go."""
PATIENCE_S = 60.0
LABELS = {"app": "bus"}
SERVICE = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "bus", "namespace": "default"},
    "spec": {"selector": LABELS, "ports": [{"name": "http", "port": 80, "targetPort": "http"}]},
}


def deployment(version: str) -> Object:
    ports = [{"name": "http", "containerPort": 8080}]
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "bus", "namespace": "default"},
        "spec": {
            "replicas": 3,
            "selector": {"matchLabels": LABELS},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "template": {
                "metadata": {"labels": LABELS, "annotations": {"version": version}},
                "spec": {"containers": [{"name": "app", "image": "bus:1", "ports": ports}]},
            },
        },
    }


@dataclass
class Pods:
    """The kubelet: a pod is a process. `left_at`: when the sidecar had seen that a pod is terminating."""

    children: processes.Children
    net: str
    endpoints: Callable[[], Any]
    left_at: dict[str, float] = field(default_factory=dict)
    noticed_s: list[float] = field(default_factory=list)
    _running: dict[str, processes.Child] = field(default_factory=dict)
    _numbers: Any = field(default_factory=lambda: itertools.count(1))

    async def start(self, pod: Object) -> str:
        name, ip = pod["metadata"]["name"], f"{self.net}.{next(self._numbers)}"
        argv = [sys.executable, "-m", "loadtest.upstream", "--listen", f"{ip}:8080", "--name", name]
        child = self._running[name] = self.children.start(name, [*argv, "--delay-ms", "5"])
        await asyncio.to_thread(processes.await_http, f"{ip}:8080", child, host="bus", path="/delay/0")
        return ip

    async def stop(self, pod: Object) -> None:
        name, marked = pod["metadata"]["name"], clock.now()
        async with asyncio.timeout(PATIENCE_S):
            while name in (await self.endpoints()).values():
                await asyncio.sleep(0.01)
        self.left_at[name] = clock.now()
        self.noticed_s.append(self.left_at[name] - marked)
        await asyncio.sleep(LINGER_S)
        await asyncio.to_thread(self._running.pop(name).end)


@dataclass
class Scene:
    """A cluster with three pods of `bus`, a sidecar that follows it, and load through that sidecar."""

    api: ApiServer
    pods: Pods
    running: load.Load
    controllers: Controllers

    async def result(self) -> list[load.Sample]:
        """Stop the load: every request there was."""
        return await asyncio.to_thread(self.running.finish, now=True)


async def endpoints(admin: str) -> dict[str, str]:
    """What the sidecar sends requests for `bus` to: name by address."""
    answer = await ask(admin, request("/state", host="admin"))
    services = json.loads(answer.body)["services"]
    found: dict[str, str] = services.get("bus", {}).get("endpoints", {})
    return found


@asynccontextmanager
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    with processes.Children(tmp_path) as children:
        async with ApiServer() as api:
            host, _, port = api.url.removeprefix("https://").rpartition(":")
            cluster = {"DISCOVERY": "kubernetes", "TOKEN": str(api.token_file), "CA": str(api.ca_file)}
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("KUBERNETES_SERVICE_HOST", host)
                patch.setenv("KUBERNETES_SERVICE_PORT", port)
                running = program(tmp_path, None, WORKLOAD="default/gateway", **cluster)
                async with running as sidecar:
                    net = processes.loopback_net()
                    pods = Pods(children, net, lambda: endpoints(sidecar.admin))
                    async with Controllers(api, pods) as controllers:
                        await api.create(SERVICE)
                        await api.create(deployment("1"))
                        await controllers.settled()
                        plan = openloop.Plan(sidecar.outbound, "bus", "/", RATE, 300.0)
                        traffic = await asyncio.to_thread(load.start, children, plan)
                        try:
                            await _until(pods.endpoints, lambda found: len(found) == 3)
                            yield Scene(api, pods, traffic, controllers)
                        finally:
                            await asyncio.to_thread(traffic.finish, now=True)


async def _until(look: Callable[[], Any], wanted: Callable[[Any], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not wanted(await look()):
            await asyncio.sleep(0.01)


async def test_a_rolling_update_costs_no_request_and_sends_none_to_a_pod_that_leaves(tmp_path: Path) -> None:
    async with scene(tmp_path) as stage:
        await asyncio.sleep(1.0)
        old = set((await stage.pods.endpoints()).values())
        await stage.api.update(deployment("2"))
        await stage.controllers.settled()
        await asyncio.sleep(0.5)
        new = set((await stage.pods.endpoints()).values())
        samples = await stage.result()
        assert (len(old), len(new), old & new) == (3, 3, set()), "every pod was replaced"
        assert stage.pods.left_at.keys() == old
        print(
            f"{len(samples)} requests, {load.failures(samples)} failed; the sidecar saw a pod leave after "
            f"{max(stage.pods.noticed_s) * 1000:.0f} ms at most; {load.latency(samples)}"
        )
        assert load.failures(samples) == {}, f"of {len(samples)} requests"
        late = [s for s in samples if s.due_s > stage.pods.left_at.get(s.pod, s.due_s)]
        assert late == [], "sent to a terminating pod while ready ones exist"
        assert {sample.pod for sample in samples} == old | new, "all of them served"


async def test_while_the_api_server_is_gone_traffic_flows_and_then_it_is_followed_again(
    tmp_path: Path,
) -> None:
    async with scene(tmp_path) as stage:
        async with stage.api.gone():
            await asyncio.sleep(3.0)
            assert len(await stage.pods.endpoints()) == 3
        back = clock.now()
        old = set((await stage.pods.endpoints()).values())
        await stage.api.update(deployment("2"))
        await _until(stage.pods.endpoints, lambda found: set(found.values()) != old)
        noticed_s = clock.now() - back
        await stage.controllers.settled()
        samples = await stage.result()
        print(
            f"{len(samples)} requests; the first change was seen {noticed_s:.2f} s after the server's return"
        )
        assert load.failures(samples) == {}, f"of {len(samples)} requests"
