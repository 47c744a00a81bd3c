"""What is played: how many pods, sidecars and requests, and what goes wrong when. Values only."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from loadtest.lab.engine import Engine

SERVICE_S = 0.010
"""Mean service time of a healthy pod."""
WORKERS = 8
FAULT_AT_S = 10.0
"""Rules have so long to learn what is usual."""
SETTLE_S = 1.0
"""From a fault until requests are judged: what noticing may take."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One experiment. `script` is called once at the start and schedules what goes wrong."""

    name: str
    title: str
    script: "Callable[[Engine], None]"
    pods: int = 3
    sidecars: int = 4
    load: float = 0.5
    """Of what all pods together can serve when healthy."""
    rate: float | None = None
    """Requests per second of all sidecars, instead of `load`."""
    seconds: float = 20.0
    """Judged from `FAULT_AT_S + settle_s` to this long after the fault."""
    settle_s: float = SETTLE_S
    """From `FAULT_AT_S` until requests are judged."""
    service_s: float = SERVICE_S
    """Mean service time of a healthy pod."""
    sigma: float = 0.5
    """Spread of the logarithm of service times; 0: exponential."""
    bad: tuple[int, ...] = (0,)
    """Pods whose share of the requests is told."""
    retries: int = 0
    hedging: bool = False
    board_s: float | None = None
    """A shared board of in-flight requests, refreshed this often; local counts stay hidden."""
    goodput: bool = False
    """Overload: judged by answers within `GOOD_S`, not by latency."""

    @property
    def requests_per_s(self) -> float:
        """Of all sidecars together."""
        return self.rate if self.rate is not None else self.load * self.pods * WORKERS / self.service_s

    @property
    def end_s(self) -> float:
        """When arrivals stop."""
        return FAULT_AT_S + self.seconds

    def variant(self, suffix: str, **changes: object) -> "Scenario":
        """The same with other numbers; its name says so."""
        return replace(self, name=f"{self.name}-{suffix}", title=f"{self.title}, {suffix}", **changes)  # type: ignore[arg-type]
