"""What the controller is told once: its figures, each with its unit and the reason for its value (docs/market.md)."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Node:
    """`capacity_m`: what the market may hand out there, after everything that is not in it."""

    name: str
    capacity_m: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """A namespace's LimitRanges of type Container, merged. None: no such bound."""

    min_cpu_m: int | None = None
    max_cpu_m: int | None = None
    max_cpu_ratio: float | None = None
    """Limit over request, at most."""
    min_memory_bytes: int | None = None
    max_memory_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Whatever lasts is counted in cycles, so that a faster loop is faster in everything. ValueError on nonsense."""

    allocator: Literal["market", "regret"] = "market"
    cycle_s: float = 15.0
    calm_weight: float = 0.15
    """Of a new demand in the average, per cycle, while demand is as it was."""
    quick_weight: float = 0.7
    """The same when it is not: a spike."""
    jump: float = 0.15
    """A difference in demand that is no noise: five standard deviations of what docs/demand.md promises."""
    gain: float = 0.6
    """Of the way to the market's figure, per cycle: a pod's demand answers to what it gets."""
    swing: float = 0.05
    """Of the present CPU: a change of direction larger than this, soon after the last change, says that that one was
    too large; from then on the pod moves half as far."""
    swing_cycles: float = 6.0
    """What soon is."""
    recovery: float = 0.05
    """Of what is missing to the full gain, so much comes back per cycle."""
    max_delta: float = 0.5
    """Of the present CPU, per cycle and pod."""
    min_delta_m: int = 100
    """So much may always move: half of little is nothing."""
    hot: float = 0.9
    """A pod with more demand than this is throttled or queueing: what it may gain has no such limit."""
    dead_band: float = 0.02
    """Of the present CPU: a smaller change is not worth a resize."""
    cooldown_cycles: float = 2.0
    """Before a pod that got more gets less, or the other way round."""
    stale_cycles: float = 2.0
    """An older observation says nothing."""
    veto_cycles: float = 4.0
    """How long a pod's no stands."""
    backoff_cycles: float = 2.0
    """After a resize that could not be, doubled each time in a row."""
    backoff_most_cycles: float = 64.0
    clock_cycles: float = 4.0
    """More than this between two plans: the clock jumped, or this process slept."""
    memory: Literal["off", "grow", "decay"] = "grow"
    """`decay`: what was given is taken back, slowly, when it has not been used for long."""
    memory_near: float = 0.85
    """Use over limit from which memory grows."""
    memory_aim: float = 0.7
    """Use over limit where it grows to."""
    memory_most: float = 2.0
    """Never more than this many times the limit the pod had when it was first seen."""
    memory_idle: float = 0.5
    """Use over limit below which decay counts."""
    memory_idle_cycles: int = 40
    """In a row, before a twentieth is taken back."""
    slo_s: float = 0.1
    """`regret` only: the p95 a pod is to keep, where no other is known."""

    def __post_init__(self) -> None:
        """Raises ValueError naming the figure, its value and what is allowed."""
        for name in ("calm_weight", "quick_weight", "gain", "recovery", "memory_near", "memory_aim"):
            self._need(name, 0.0 < getattr(self, name) <= 1.0, "above 0, at most 1")
        for name in ("jump", "hot", "dead_band", "swing", "memory_idle"):
            self._need(name, 0.0 <= getattr(self, name) <= 1.0, "0 to 1")
        for name in ("cycle_s", "max_delta", "stale_cycles", "slo_s"):
            self._need(name, 0.0 < getattr(self, name) < 1e9, "a number above 0")
        for name in (
            "min_delta_m",
            "cooldown_cycles",
            "swing_cycles",
            "veto_cycles",
            "backoff_cycles",
            "memory_idle_cycles",
        ):
            self._need(name, 0.0 <= getattr(self, name) < 1e9, "a number, 0 or more")
        for name in ("clock_cycles", "memory_most", "backoff_most_cycles"):
            self._need(name, 1.0 <= getattr(self, name) < 1e9, "a number, 1 or more")
        self._need("memory_aim", self.memory_aim < self.memory_near, f"below memory_near, {self.memory_near}")
        self._need("allocator", self.allocator in ("market", "regret"), "market or regret")
        self._need("memory", self.memory in ("off", "grow", "decay"), "off, grow or decay")

    def _need(self, name: str, holds: bool, allowed: str) -> None:
        if not holds:
            raise ValueError(f"{name} is {getattr(self, name)!r}; allowed: {allowed}")
