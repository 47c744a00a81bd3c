"""Random early detection: a queue that fills refuses a few at random, before it must refuse everybody.

Floyd and Jacobson (1993). They average the queue's length because theirs is a link's, with bursts of many packets of
one sender; here the fill is the present one: the queue is short, and RED only hits callers who fill it.
"""

from typing import Final

STARTS_AT: Final = 0.6
"""Fill below which nobody is refused."""
MOST: Final = 0.3
"""Probability at a full queue."""


def drop_probability(fill: float) -> float:
    """0 below 60 % full, then linear to 30 % at 100 % and beyond; NaN counts as empty."""
    if not fill > STARTS_AT:
        return 0.0
    return MOST * min(1.0, (fill - STARTS_AT) / (1.0 - STARTS_AT))
