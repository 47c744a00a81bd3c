"""One pod under trial: the application with a sidecar before it, and the callers the sidecar knows."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from loadtest import processes
from loadtest.mesh import admin, launch
from loadtest.scenarios import application
from loadtest.scenarios.arms import Arm
from sidecar import contract


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody discovery names: who it is, where it connects from, what its requests are worth."""

    workload: str
    ip: str
    budget: float = 1.0


@dataclass(frozen=True, slots=True)
class Pod:
    """A running pod; `inbound` is where callers send, `admin` where metrics are."""

    ip: str
    sidecar: processes.Child

    @property
    def inbound(self) -> str:
        """`ip:port`."""
        return f"{self.ip}:{contract.INBOUND_PORT}"

    @property
    def admin(self) -> str:
        """`ip:port`."""
        return f"{self.ip}:{contract.ADMIN_PORT}"

    def metrics(self) -> str:
        """`/metrics` as Prometheus reads it. OSError, AnswerError when nobody answers."""
        return admin.ask(self.admin, "GET", "/metrics").decode()


def start(
    children: processes.Children,
    ip: str,
    arm: Arm,
    callers: Sequence[Caller],
    env: Mapping[str, str] | None = None,
) -> Pod:
    """Application and sidecar at `ip`, answering; `env` wins over the arm's. StartError when they do not come up."""
    application.start(children, ip)
    discovery = children.directory / "discovery.json"
    discovery.write_text(json.dumps(document(callers)))
    told = {**environment(ip, str(discovery)), **arm.env, **(env or {})}
    pod = Pod(ip, children.start("sidecar", [launch.program()], env=told))
    processes.await_http(pod.admin, pod.sidecar, host="localhost", path="/readyz")
    processes.await_http(pod.inbound, pod.sidecar, host=application.HOST)
    return pod


def document(callers: Sequence[Caller]) -> dict[str, object]:
    """The discovery file: nobody to call, these who may."""
    known = [{"address": each.ip, "workload": each.workload, "budget": each.budget} for each in callers]
    return {"services": [], "callers": known}


def environment(ip: str, discovery: str) -> dict[str, str]:
    """Where the sidecar of a pod at `ip` stands; everything else is left at its default."""
    return {
        "EQUILIBRIUM_OUTBOUND": f"{ip}:{contract.OUTBOUND_PORT}",
        "EQUILIBRIUM_INBOUND": f"{ip}:{contract.INBOUND_PORT}",
        "EQUILIBRIUM_ADMIN": f"{ip}:{contract.ADMIN_PORT}",
        "EQUILIBRIUM_SOURCE": ip,
        "EQUILIBRIUM_WORKLOAD": application.WORKLOAD,
        "EQUILIBRIUM_POD": f"{application.HOST}-0",
        "EQUILIBRIUM_APP": f"{ip}:{application.PORT}",
        "EQUILIBRIUM_DISCOVERY": f"file:{discovery}",
    }
