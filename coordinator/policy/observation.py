"""What one pod was seen to want and use in one cycle."""

from dataclasses import dataclass
from typing import Literal

Source = Literal["sidecar", "prometheus", "default"]

DEFAULT_DEMAND = 0.5
"""Where nobody knows: neither starved nor fed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """None where nobody said. `at`: when it was measured, seconds of `sidecar.clock.now()`."""

    demand: float
    """0: nothing beyond its floor, 1: all it can get (docs/demand.md)."""
    source: Source
    at: float
    usage_m: float | None = None
    usage_bytes: int | None = None
    throttled: float | None = None
    """Share of scheduling periods, 0 to 1."""
    latency_s: float | None = None
    """p95."""
    rate: float | None = None
    """Requests a second."""
    failing: float | None = None
    """Share of requests, 0 to 1."""
    reason: str = ""
    """Why the default stands here, where it does."""
