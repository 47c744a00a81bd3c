"""What kind of endpoint is this? A Bayesian game: its type (healthy, degraded, failing) is hidden.

Failures count only beyond what the peers' failures predict (Wilson 1927, lower bound): ten healthy pods at 1 % errors
differ sevenfold by luck alone. Failures in a row are judged by their likelihood ratio, so the second one is
already conclusive where 1 % is normal.
"""

import math
from typing import ClassVar, Final

Z90: Final = 1.2816
PRIOR_FAILING: Final = 0.01
FAILING_RATE: Final = 0.9
LEAST_RATE: Final = 0.002
_DEGRADED_RATE: Final = 0.1
_LEAST: Final = 1e-6
MOST_IN_A_ROW: Final = 7
_HEALTHY: Final = 0.97
_DEGRADED: Final = 0.02
"""Prior probabilities; the rest is `PRIOR_FAILING`."""
_SLOW: Final = 0.05
_DEGRADED_SLOW: Final = 0.6
"""Probability of a slow answer, given an answer."""


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
    """P(type | outcomes), with a hazard of switching: it forgets. Plain floats: it learns from every request."""

    HAZARD_PER_S: ClassVar[float] = 0.05

    def __init__(self) -> None:
        self._healthy, self._degraded, self._failing = _HEALTHY, _DEGRADED, PRIOR_FAILING

    @property
    def probability(self) -> list[float]:
        """Of *healthy*, *degraded*, *failing*; they add up to 1."""
        return [self._healthy, self._degraded, self._failing]

    def answered(self, peer_rate: float, *, slow: bool) -> None:
        """A reply; `slow`: several times its route's baseline."""
        usual = _usual(peer_rate)
        degraded = max(usual, _DEGRADED_RATE)
        often, seldom = (_DEGRADED_SLOW, _SLOW) if slow else (1.0 - _DEGRADED_SLOW, 1.0 - _SLOW)
        self._weigh((1.0 - usual) * seldom, (1.0 - degraded) * often, (1.0 - FAILING_RATE) * seldom)

    def failed(self, peer_rate: float) -> None:
        """A failure, where peers fail at `peer_rate`."""
        usual = _usual(peer_rate)
        self._weigh(usual, max(usual, _DEGRADED_RATE), FAILING_RATE)

    def fade(self, elapsed_s: float) -> None:
        """The type may have changed meanwhile."""
        keep = math.exp(-self.HAZARD_PER_S * elapsed_s)
        self._healthy = _HEALTHY + keep * (self._healthy - _HEALTHY)
        self._degraded = _DEGRADED + keep * (self._degraded - _DEGRADED)
        self._failing = PRIOR_FAILING + keep * (self._failing - PRIOR_FAILING)

    def _weigh(self, healthy: float, degraded: float, failing: float) -> None:
        """By the likelihood of what happened, under each type."""
        healthy *= self._healthy
        degraded *= self._degraded
        failing *= self._failing
        least = _LEAST * (healthy + degraded + failing)  # nothing is ever impossible
        healthy, degraded, failing = max(least, healthy), max(least, degraded), max(least, failing)
        total = healthy + degraded + failing
        self._healthy, self._degraded, self._failing = healthy / total, degraded / total, failing / total


def _usual(peer_rate: float) -> float:
    """How often a healthy endpoint fails; no worse than *failing* is usual."""
    return min(FAILING_RATE, max(LEAST_RATE, peer_rate))
