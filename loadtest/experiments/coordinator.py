"""The real coordinator program, told where the node's API is."""

import re
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from loadtest import processes
from loadtest.mesh import admin
from sidecar import clock

PROGRAM = "coordinator"
READY = re.compile(rb"^equilibrium-coordinator ready at=(\S+)", re.MULTILINE)
READY_S = 30.0
LEAD_S = 40.0
"""A new Lease is led after one of its durations."""
PREFIX = "EQUILIBRIUM_COORDINATOR_"


class Coordinator:
    """A running one."""

    def __init__(self, child: processes.Child, address: str) -> None:
        self.child = child
        self.address = address
        """`ip:port` of its /metrics, /readyz, /state."""

    def journal(self) -> list[dict[str, Any]]:
        """Its log so far: the JSON lines of it."""
        return lines(self.child.log)

    def state(self) -> dict[str, Any]:
        """What it saw and decided last."""
        return admin.state(self.address)

    def stop(self) -> None:
        """SIGTERM, as Kubernetes does it; StartError when it had ended by itself before."""
        if (ended := self.child.obituary()) is not None:
            raise processes.StartError(f"{ended}:\n{self.child.last_words()}")
        self.child.end()


def start(
    children: processes.Children, url: str, cycle_s: float, env: Mapping[str, str] | None = None
) -> Coordinator:
    """Return when it is ready. StartError when it does not come up."""
    told = {
        f"{PREFIX}API": url,
        f"{PREFIX}CYCLE": f"{cycle_s:g}s",
        f"{PREFIX}LISTEN": "127.0.0.1:0",
        f"{PREFIX}LEASE_DURATION": "2s",
        **(env or {}),
    }
    child = children.start("coordinator", [sys.executable, "-m", PROGRAM], env=told)
    return Coordinator(child, _address(child))


def _address(child: processes.Child) -> str:
    deadline = clock.now() + READY_S
    while clock.now() < deadline:
        if (found := READY.search(child.log.read_bytes())) is not None:
            return found[1].decode()
        if not child.running:
            raise processes.StartError(f"the coordinator exited:\n{child.last_words()}")
        time.sleep(processes.POLL_S)
    raise processes.StartError(f"the coordinator is not ready after {READY_S:.0f} s:\n{child.last_words()}")


def lines(log: Path) -> list[dict[str, Any]]:
    """The JSON objects among a log's lines; the rest is for people."""
    found = []
    for line in log.read_bytes().splitlines():
        try:
            told = orjson.loads(line)
        except orjson.JSONDecodeError:
            continue
        if isinstance(told, dict):
            found.append(told)
    return found
