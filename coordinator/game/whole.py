"""Whole numbers from shares, by largest remainder (Hamilton's method)."""

import math
from collections.abc import Sequence
from typing import Final

_NOISE: Final = 1e-9
"""A share this close below a whole number is that number: rounding, not want."""
_DIGITS: Final = 6
"""Remainders equal to so many digits are a tie."""


def whole(shares: Sequence[float], total: int) -> list[int]:
    """Whole numbers, each within one of its share, that add up to `total`. `Σ shares` is `total`, but for rounding.

    Ties go to whoever comes first.
    """
    counts = [math.floor(share + max(_NOISE, 16 * math.ulp(share))) for share in shares]
    spare = total - sum(counts)
    remainders = [round(share - count, _DIGITS) for share, count in zip(shares, counts, strict=True)]
    order = sorted(range(len(counts)), key=lambda index: (-remainders[index], index))
    for index in order[: max(0, spare)]:
        counts[index] += 1
    return counts
