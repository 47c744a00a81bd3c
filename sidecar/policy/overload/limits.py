"""The limits there are, by name: how many requests the application works on at a time is found out, not configured.

* `GradientLimit`: the limit moves by calm latency over present latency (Netflix concurrency-limits, Gradient2; Envoy's
  adaptive concurrency): `L ← g·L + √L`, `g = min(1, tolerance · calm / median)`, at least a half.
* `AimdLimit`: while at least half of it is used, +1, or ×0.9 when latency is above tolerance × calm; ×0.9 when the
  application refuses (Chiu and Jain 1989).
* `FixedLimit`: what it was told.
"""

import math
from typing import Final

from sidecar.policy.overload.adaptive import CUT, AdaptiveLimit
from sidecar.policy.overload.limit import TOLERANCE, FixedLimit, Limit

_UNHURRIED: Final = 1.1
"""× calm: up to here there is no queue at all, and the limit grows faster."""
_FASTER: Final = 1.1
_PATIENT: Final = 1.25
"""× calm: from here on the gradient points down; √L makes it rest a little higher."""
_STEEPEST: Final = 0.5
_SMOOTHING: Final = 0.5


class GradientLimit(AdaptiveLimit):
    """Follows the gradient of latency."""

    def moved(self, limit: float, ratio: float, *, used: bool) -> float:
        """See `AdaptiveLimit`; √L is the queue that is welcome: without it the limit would never grow."""
        if not used:
            return limit
        if ratio < _UNHURRIED:
            return max(limit + 1.0, _FASTER * limit)
        gradient = max(_STEEPEST, min(1.0, _PATIENT / max(ratio, 1e-9)))
        return limit + _SMOOTHING * (gradient * limit + math.sqrt(limit) - limit)


class AimdLimit(AdaptiveLimit):
    """Adds one, or takes a tenth."""

    def moved(self, limit: float, ratio: float, *, used: bool) -> float:
        """See `AdaptiveLimit`."""
        if not used:  # what is slow then is not the limit's doing
            return limit
        return CUT * limit if ratio > TOLERANCE else limit + 1.0


def make(name: str, initial: int) -> Limit:
    """The limit called `gradient`, `aimd` or `fixed`; `ValueError` for another name."""
    if name == "gradient":
        return GradientLimit(initial)
    if name == "aimd":
        return AimdLimit(initial)
    if name == "fixed":
        return FixedLimit(initial)
    raise ValueError(f"no limit is called {name!r}: gradient, aimd or fixed")
