"""A whole local mesh with everything that is ever on a dashboard: a node, a coordinator, load, faults, Prometheus."""

import contextlib
import http.client
import json
import re
import shutil
import time
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dashboards.prometheus import local
from loadtest import load, openloop, processes
from loadtest.experiments import coordinator
from loadtest.mesh import Mesh, MeshPlan, node
from loadtest.mesh.lodging import Lodging
from sidecar import clock
from tests.dashboards import expressions
from tests.support import ports

CPU_M = 600
REPLICAS = 2
SERVICES = 4
CYCLE_S = 1.0
EPOCH = "2s"
LONGEST_S = 60.0
LOAD_S = 150.0
# A counter has to be there before it can be seen to rise.
CALM = 'equilibrium_request_count{service="bus-service"} > 0'
FAILED = re.compile(r'^equilibrium_request_count\{.*outcome="failed".*\} \d{3,}', re.MULTILINE)
"""A hundred attempts or more."""
RATES = {"/api/buses": 30.0, "/api/lines": 15.0}


def missing() -> str | None:
    """Why there can be no such house here."""
    for program in ("prometheus", "promtool"):
        if shutil.which(program) is None:
            return f"{program} is not installed (Debian: apt-get install prometheus)"
    why = node.missing()
    return None if why is None else f"no node of CPU groups (it needs root): {why}"


@dataclass(slots=True)
class Prometheus:
    """A running one."""

    address: str

    def get(self, path: str, **asked: str) -> Any:
        """`data` of an answer; AssertionError with its words where it is an error."""
        host, port = processes.split(self.address)
        connection = http.client.HTTPConnection(host, port, timeout=10.0)
        try:
            connection.request(
                "GET", f"{path}?{urllib.parse.urlencode(asked)}", headers={"Connection": "close"}
            )
            told = json.loads(connection.getresponse().read())
        finally:
            connection.close()
        assert told["status"] == "success", f"{asked}: {told}"
        return told["data"]

    def answers(self, expr: str) -> bool:
        """Whether there is a figure: a sample that is not NaN."""
        data = self.get("/api/v1/query", query=expr)
        samples = (
            [data["result"]] if data["resultType"] == "scalar" else [each["value"] for each in data["result"]]
        )
        return any(value != "NaN" for _, value in samples)


@dataclass(slots=True)
class House:
    """What tests look at."""

    mesh: Mesh
    prometheus: Prometheus
    coordinator: coordinator.Coordinator


@contextlib.contextmanager
def house(directory: Path) -> Iterator[House]:
    """Up, under load, with a fault under way. Ends everything."""
    with node.node(CPU_M) as there, processes.Children(directory) as children:
        market = coordinator.start(children, there.url, CYCLE_S, {"EQUILIBRIUM_COORDINATOR_EPOCH": EPOCH})
        plan = MeshPlan(
            replicas=REPLICAS,
            lodging=Lodging(there, SERVICES * REPLICAS),
            pay_s=0.1,
            env={"EQUILIBRIUM_ADVICE": f"http://{market.address}"},
        )
        with Mesh.start(children, plan) as mesh:
            prometheus = _prometheus(children, mesh, market.address, there.url)
            loads = [
                load.start(
                    children, openloop.Plan(mesh.entry, "gateway", path, rate, LOAD_S), name=f"load-{n}"
                )
                for n, (path, rate) in enumerate(RATES.items())
            ]
            try:
                until(lambda: prometheus.answers(CALM))
                _trouble(mesh)
                yield House(mesh, prometheus, market)
            finally:
                for each in loads:
                    each.finish(now=True)


def _trouble(mesh: Mesh) -> None:
    """A service that fails for a while, a pod of it that goes on, a discovery file that is broken for a moment."""
    one, other = mesh.pods("bus-service")
    mesh.fault(one, error_status=503)
    mesh.fault(other, error_status=503)
    until(lambda: FAILED.search(mesh.metrics(mesh.gateway)))
    mesh.heal(one)
    good = mesh.discovery.path.read_bytes()
    _write(mesh.discovery.path, b"{")
    until(lambda: "discovery_error" in mesh.metrics(mesh.gateway))
    _write(mesh.discovery.path, good)


def _write(path: Path, content: bytes) -> None:
    fresh = path.with_suffix(".broken")
    fresh.write_bytes(content)
    fresh.rename(path)


def _prometheus(children: processes.Children, mesh: Mesh, market: str, url: str) -> Prometheus:
    """With the rules we ship, their windows shortened."""
    rules = []
    for path in expressions.RULES:
        shortened = children.directory / path.name
        shortened.write_text(expressions.soon(path.read_text()))
        rules.append(str(shortened))
    listed = json.loads(mesh.discovery.path.read_bytes())
    sources = local.Sources(mesh=listed, coordinators=[market], nodes=[url.removeprefix("http://")])
    path = children.directory / "prometheus.yml"
    path.write_text(json.dumps(local.config(sources, "1s", rules)))
    return start(children, path)


def start(children: processes.Children, config: Path) -> Prometheus:
    """A Prometheus with this configuration, once it answers."""
    address = f"127.0.0.1:{ports.free()}"
    argv = ["prometheus", f"--config.file={config}", f"--web.listen-address={address}"]
    argv.append(f"--storage.tsdb.path={children.directory / 'tsdb'}")
    child = children.start("prometheus", argv)
    processes.await_http(address, child, host="localhost", path="/-/ready", timeout_s=30.0)
    return Prometheus(address)


def until(ask: Callable[[], Any]) -> Any:
    """The first answer that is not empty. AssertionError when there is none for `LONGEST_S`."""
    deadline = clock.now() + LONGEST_S
    while not (told := ask()):
        assert clock.now() < deadline, f"nothing after {LONGEST_S:.0f} s"
        time.sleep(0.1)
    return told
