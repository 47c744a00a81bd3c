"""What kind of endpoint is this? A Bayesian game: its type (healthy, degraded, failing) is hidden.

Failures count only beyond what the peers' failures predict (Wilson 1927, lower bound): ten healthy pods at 1 % errors
differ sevenfold by luck alone. Failures in a row are judged by their likelihood ratio, so the second one is
already conclusive where 1 % is normal.
"""

import math
from typing import Final

TYPES: Final = ("healthy", "degraded", "failing")
Z90: Final = 1.2816
PRIOR_FAILING: Final = 0.01
FAILING_RATE: Final = 0.9
LEAST_RATE: Final = 0.002
_DEGRADED_RATE: Final = 0.1
_LEAST: Final = 1e-6
MOST_IN_A_ROW: Final = 7
_PRIOR: Final[tuple[float, ...]] = (0.97, 0.02, 0.01)
_SLOW: Final[tuple[float, ...]] = (0.05, 0.6, 0.05)
"""Probability of a slow answer, given an answer, by type."""


def wilson_lower(failed: float, tried: float) -> float:
    """Lower 90 % bound of a failure rate; counts may be discounted, hence fractional. 0 without evidence."""
    if tried <= 0.0 or failed <= 0.0:
        return 0.0
    p, z2 = min(1.0, failed / tried), Z90 * Z90
    spread = Z90 * math.sqrt(p * (1.0 - p) / tried + z2 / (4.0 * tried * tried))
    return max(0.0, (p + z2 / (2.0 * tried) - spread) / (1.0 + z2 / tried))


def failing(peer_rates: list[float]) -> float:
    """Posterior that an endpoint is failing after failures in a row, where peers fail at these rates."""
    odds = PRIOR_FAILING
    for rate in peer_rates:
        odds *= FAILING_RATE / max(LEAST_RATE, rate)
    return odds / (1.0 + odds)


def fade_s(in_a_row: int) -> float:
    """Time constant of an accusation, seconds: it is tried again, later each time."""
    return 0.5 * 2.0 ** min(in_a_row, MOST_IN_A_ROW)


class TypePosterior:
    """P(type | outcomes), with a hazard of switching: it forgets."""

    HAZARD_PER_S: Final = 0.05

    def __init__(self) -> None:
        self.probability = list(_PRIOR)

    def answered(self, peer_rate: float, *, slow: bool) -> None:
        """A reply; `slow`: several times its route's baseline."""
        speed = [s if slow else 1.0 - s for s in _SLOW]
        self._weigh([(1.0 - f) * s for f, s in zip(_failure_rates(peer_rate), speed)])  # noqa: B905

    def failed(self, peer_rate: float) -> None:
        """A failure, where peers fail at `peer_rate`."""
        self._weigh(_failure_rates(peer_rate))

    def fade(self, elapsed_s: float) -> None:
        """The type may have changed meanwhile."""
        keep = math.exp(-self.HAZARD_PER_S * elapsed_s)
        self.probability = [
            prior + keep * (p - prior)
            for p, prior in zip(self.probability, _PRIOR)  # noqa: B905
        ]

    def _weigh(self, likelihood: list[float]) -> None:
        joint = [p * like for p, like in zip(self.probability, likelihood)]  # noqa: B905
        total = sum(joint)
        floored = [max(_LEAST, p / total) for p in joint]  # nothing is ever impossible
        total = sum(floored)
        self.probability = [p / total for p in floored]


def _failure_rates(peer_rate: float) -> list[float]:
    """Probability of a failure by type, where peers fail at `peer_rate`; no worse than *failing* is usual."""
    usual = min(FAILING_RATE, max(LEAST_RATE, peer_rate))
    return [usual, max(usual, _DEGRADED_RATE), FAILING_RATE]
