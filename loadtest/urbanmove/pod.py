"""What everything inside one pod shares: its name, its options, its randomness, its faults, its counts."""

import random
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web

from loadtest.urbanmove.faults import Faults
from loadtest.urbanmove.latency import Latency


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line and the environment decide."""

    role: str
    name: str = "pod"
    database: Path | None = None
    """SQLite file shared by the replicas; None keeps state in this process."""
    proxy: str | None = None
    """`ip:port` of the pod's sidecar; every outgoing connection goes there."""
    hosts: Path | None = None
    """JSON file of service addresses, for pods without a sidecar."""
    pay_s: float = 2.0
    seed: int = 7
    drain_s: float = 1.0
    """How long idle connections stay open after SIGTERM."""


@dataclass(slots=True)
class Pod:
    """One running pod, whatever its role."""

    options: Options
    rng: random.Random
    latency: Latency
    faults: Faults
    requests: Counter[str] = field(default_factory=Counter)
    """Requests by route, health checks left out."""
    sockets: set[web.WebSocketResponse] = field(default_factory=set)
    """Open WebSockets, closed when the pod drains."""
    draining: bool = False

    @property
    def name(self) -> str:
        """What `X-Pod` says."""
        return self.options.name

    @classmethod
    def of(cls, options: Options) -> "Pod":
        """A pod whose draws depend on its seed and its name, so that replicas differ and runs repeat."""
        draws = {
            kind: random.Random(f"{options.seed}/{options.name}/{kind}") for kind in ("app", "wait", "fault")
        }
        return cls(options, draws["app"], Latency(options.role, draws["wait"]), Faults(draws["fault"]))
