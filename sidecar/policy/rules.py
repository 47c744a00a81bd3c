"""The rules callers are held to: one table, checked when it is made."""

import math
from dataclasses import dataclass
from typing import Final

MOST_TICKS: Final = 1000
LEAST_BUDGET: Final = 0.01
MOST_BUDGET: Final = 1e6
"""Budgets beyond count as these: a floor must be a rate that can be waited for."""


@dataclass(frozen=True, slots=True)
class PoliceConfig:
    """What counts as defection and how it is punished."""

    tick_s: float = 1.0
    horizon_s: float = 60.0
    """Callers care for so long: the discount per tick is e^(−tick/horizon)."""
    half_life_s: float = 5.0
    """Of what is held against a caller."""
    threshold: float = 0.6
    """Punished below this score."""
    longest: int = 10
    """Ticks; deeper rather than longer."""
    floor_rate: float = 1.0
    """Requests/s per unit of budget that nobody is pushed below."""
    unknown_budget: float = 0.2
    """Of all callers together that nothing proves."""
    tolerance: float = 0.1
    """So much above the share does not count."""
    luck: float = 1.0
    """Nor do so many standard deviations of what Poisson arrivals at the share bring in one tick."""
    cooperating: float = 0.25
    """Budgets of those within their shares, per budget of those beyond, from which on beyond is a defection."""
    retry_share: float = 0.2
    retry_free: float = 10.0
    """Retries that are nobody's storm: a part of the requests, plus so many per second."""
    most_callers: int = 1024
    most_keys: int = 256
    """`Idempotency-Key`s remembered per caller."""

    def __post_init__(self) -> None:
        """Raises `ValueError` for a rule that could not be kept."""
        positive = ("tick_s", "horizon_s", "half_life_s", "floor_rate", "unknown_budget", "longest")
        for name in (*positive, "most_callers", "most_keys"):
            if not 0.0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be positive")
        for name in ("tolerance", "luck", "cooperating", "retry_share", "retry_free"):
            if not getattr(self, name) >= 0.0:
                raise ValueError(f"{name} must not be negative")
        if not 0.0 < self.threshold < 1.0:
            raise ValueError("threshold must be between 0 and 1")
        if self.longest > MOST_TICKS:
            raise ValueError(f"longest must be at most {MOST_TICKS} ticks")
        if not 1e-6 < self.tick_s / self.horizon_s < 100.0:
            raise ValueError(
                "horizon_s must be longer than a hundredth of a tick, and shorter than a million"
            )

    @property
    def discount(self) -> float:
        """δ, per tick: what a caller gives for something one tick later."""
        return math.exp(-self.tick_s / self.horizon_s)

    def counted(self, budget: float) -> float:
        """A budget as it counts; what is none (negative, nan, infinite) as that of the unknown."""
        if not 0.0 < budget < math.inf:
            return self.unknown_budget
        return min(MOST_BUDGET, max(LEAST_BUDGET, budget))
