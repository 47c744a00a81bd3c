"""Eight gateways that cannot see each other before ten pods of different speeds: real sidecars, real load."""

import json
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from loadtest import load, openloop, processes
from loadtest.experiments import coordinator
from loadtest.mesh import addresses, admin, launch
from loadtest.scenarios import pod as sidecars
from sidecar import clock, contract

GATEWAYS: Final = 8
SPEEDS: Final = (0.3, 0.6, 1.0, 1.0, 1.5) * 2
WORKERS: Final = 4
WORK_MS: Final = 60.0
SIGMA: Final = 0.5
LOAD: Final = 0.65
"""Of what the pods can serve, all together."""
SERVICE: Final = "bus-service"
PORT: Final = 8080
EPOCH_S: Final = 3.0
EXPIRY_S: Final = 2 * EPOCH_S
PATIENCE_S: Final = 5.0
_FIRST_GATEWAY, _FIRST_POD = 20, 100
_POLL_S: Final = 0.2


def rate_per_s() -> float:
    """Of all gateways together."""
    return LOAD * sum(SPEEDS) * WORKERS * 1000.0 / WORK_MS


class Gateways:
    """The pods and the sidecars before them. `advisor`: whom the sidecars ask for advice, or `off`."""

    def __init__(self, children: processes.Children, net: addresses.Net, advisor: str) -> None:
        self._children = children
        self._prefix = net.prefix
        self._advisor = advisor
        self._discovery = children.directory / "discovery.json"
        self._apps = [self._app(number, speed) for number, speed in enumerate(SPEEDS)]
        self._discovery.write_text(json.dumps(self._document()))
        self.sidecars = [self._sidecar(number) for number in range(GATEWAYS)]

    def _app(self, number: int, speed: float) -> tuple[str, processes.Child]:
        address = f"{self._prefix}.{_FIRST_POD + number}:{PORT}"
        argv = [sys.executable, "-m", "loadtest.upstream", "--listen", address, "--name", f"bus-{number}"]
        argv += ["--delay-ms", str(WORK_MS / speed), "--sigma", str(SIGMA), "--workers", str(WORKERS)]
        return address, self._children.start(f"bus-{number}", argv)

    def _document(self) -> dict[str, object]:
        endpoints = [
            {"address": address, "name": child.name, "workload": f"default/{SERVICE}"}
            for address, child in self._apps
        ]
        return {"services": [{"host": SERVICE, "port": PORT, "endpoints": endpoints}]}

    def _sidecar(self, number: int) -> sidecars.Pod:
        ip = f"{self._prefix}.{_FIRST_GATEWAY + number}"
        env = sidecars.environment(ip, str(self._discovery)) | {
            "EQUILIBRIUM_WORKLOAD": "default/gateway",
            "EQUILIBRIUM_POD": f"gateway-{number}",
            "EQUILIBRIUM_ADVICE": self._advisor,
        }
        name = f"gateway-{number}"
        return sidecars.Pod(ip, self._children.start(name, [launch.program()], env=env))

    def await_all(self) -> None:
        """Return when all serve. StartError when one does not come up."""
        for address, child in self._apps:
            processes.await_http(address, child, host=SERVICE, path="/health")
        for each in self.sidecars:
            processes.await_http(each.admin, each.sidecar, host="localhost", path="/readyz", timeout_s=60.0)

    def loads(self, seconds: float, start_s: float) -> list[load.Load]:
        """A generator for each gateway; every one reports all its requests at its end."""
        return [
            load.start(
                self._children,
                openloop.Plan(
                    f"{each.ip}:{contract.OUTBOUND_PORT}",
                    f"{SERVICE}:{PORT}",
                    "/",
                    rate_per_s() / GATEWAYS,
                    seconds,
                    timeout_s=PATIENCE_S,
                    start_s=start_s,
                ),
                name=f"load-{number}",
            )
            for number, each in enumerate(self.sidecars)
        ]

    def advice(self) -> list[dict[str, Any]]:
        """What each sidecar says of its advice; empty where it never had any."""
        return [advice_of(admin.state(each.admin)) for each in self.sidecars]

    def obeying(self) -> int:
        """How many sidecars follow advice now."""
        return sum(bool(each.get("obeys")) and bool(each.get("action")) for each in self.advice())

    def advised(self) -> int:
        """How many have advice in force, obeyed or not."""
        return sum(bool(each.get("action")) for each in self.advice())


def advice_of(state: dict[str, Any]) -> dict[str, Any]:
    """Of a sidecar's `/state`: the first service's that has any."""
    for service in state.get("services", {}).values():
        found = service.get("routing", service).get("advice")
        if found:
            return dict(found)
    return {}


def lead(children: processes.Children, url: str) -> coordinator.Coordinator:
    """A coordinator that works out advice: it has to hold the Lease, so it is waited for."""
    env = {f"{coordinator.PREFIX}EPOCH": f"{EPOCH_S:g}s", f"{coordinator.PREFIX}MEMORY": "off"}
    started = coordinator.start(children, url, 15.0, env)
    deadline = clock.now() + coordinator.LEAD_S
    while clock.now() < deadline and not any("cycle" in line for line in started.journal()):
        time.sleep(_POLL_S)
    return started


def until(happened: Callable[[], bool], most_s: float) -> float | None:
    """Seconds until it had, looked at five times a second; None when it has not."""
    began_s = clock.now()
    while clock.now() - began_s < most_s:
        if happened():
            return clock.now() - began_s
        time.sleep(_POLL_S)
    return None


def gathered(loads: Sequence[load.Load], start_s: float) -> list[load.Sample]:
    """All requests, ascending by when they were due, in seconds from the beginning."""
    found = [each._replace(due_s=each.due_s - start_s) for one in loads for each in one.finish()]
    return sorted(found)
