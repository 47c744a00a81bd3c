"""How long a defection must be punished so that it does not pay: the folk theorem for one caller and its enforcer.

A caller gains `g` once and then loses `d` in each of the next L ticks. With discount δ per tick it gains nothing when

    g ≤ d·(δ + δ² + … + δ^L) = d·δ·(1 − δ^L)/(1 − δ),  so  L ≥ ln(1 − g(1 − δ)/(δd)) / ln δ

(Friedman 1971; Fudenberg and Maskin, Econometrica 1986, for punishments that end). If g(1 − δ) ≥ δd not even an
endless punishment deters: d must be raised, not L. Whether anybody gains by leaving the punishment itself is another
question: repeated.py answers it state by state.
"""

import math
from typing import Final

ROUNDING: Final = 1e-9
"""A length this close above a whole number of ticks is that number."""


class Unenforceable(Exception):
    """However long the punishment, the defection pays."""


def punishment_length(gain: float, loss: float, discount: float) -> int:
    """Shortest punishment, in whole ticks ≥ 1, after which a defection has not paid.

    `gain` of one defection, `loss` per tick while punished, both in one unit; `discount` in (0, 1) per tick.
    Raises `Unenforceable` when no length suffices, `ValueError` for a discount that is none.
    """
    _check(discount)
    tempted, feared = gain * (1.0 - discount), loss * discount
    if not tempted < feared:  # this way round so that nan is unenforceable too
        raise Unenforceable(f"a gain of {gain:g} outweighs a loss of {loss:g} per tick for ever")
    if tempted <= 0.0:
        return 1
    return max(1, math.ceil(math.log1p(-tempted / feared) / math.log(discount) - ROUNDING))


def least_loss(gain: float, discount: float, longest: int) -> float:
    """The least loss per tick for which `longest` ticks (≥ 1) of punishment suffice; 0 when nothing is gained."""
    _check(discount)
    if longest < 1:
        raise ValueError(f"a punishment lasts at least one tick, not {longest}")
    worth = -math.expm1(longest * math.log(discount)) * discount / (1.0 - discount)  # δ + … + δ^longest
    return max(0.0, gain) / worth


def _check(discount: float) -> None:
    if not 0.0 < discount < 1.0:
        raise ValueError(f"the discount per tick must be between 0 and 1, not {discount}")
