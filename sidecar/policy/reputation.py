"""A caller's cooperation score, in [0, 1]: halfway to 0 in one half-life of defections, halfway to 1 in one without.

Silence is no defection, so it heals. One judgement never counts for more than one tick, however late it comes: a
stalled event loop must not turn one burst into a minute of bad faith.
"""

import math
from typing import Final

CLEAN: Final = 0.999
"""From here on the score is 1: nothing is left to forgive."""
_AGES: Final = 1e9
"""Ticks: no integer is infinite."""


def fallen(score: float, elapsed_s: float, half_life_s: float) -> float:
    """After a tick with a defection."""
    return score * _kept(elapsed_s, half_life_s)


def risen(score: float, elapsed_s: float, half_life_s: float) -> float:
    """After so many seconds without one."""
    score += (1.0 - score) * (1.0 - _kept(elapsed_s, half_life_s))  # never below what it was, by rounding
    return 1.0 if score >= CLEAN else score


def ticks_until(threshold: float, score: float, tick_s: float, half_life_s: float) -> int:
    """Ticks without a defection until the score is back at the threshold (in (0, 1)); 0 if it is."""
    if score >= threshold:
        return 0
    halvings = math.log2((1.0 - score) / (1.0 - threshold))
    return math.ceil(min(_AGES, halvings * half_life_s / tick_s - 1e-9))


def _kept(elapsed_s: float, half_life_s: float) -> float:
    """2^(−Δt/half-life)."""
    return math.exp(-math.log(2.0) * max(0.0, elapsed_s) / half_life_s)
