"""Total costs compared over the same seeds: ratios, and how much of a gap is closed, with bootstrap intervals. Pure.

Seeds are drawn with replacement, the same for all arms (they faced the same requests); the 2.5th and 97.5th percentile
of many such draws are the interval.
"""

import random
from collections.abc import Callable, Sequence

from loadtest.lab.outcome import Outcome
from loadtest.lab.statistics import DRAWS, Ratio

Costs = Sequence[float]
"""Mean seconds a request, by seed, in the same order for every arm."""


def of(outcomes: Sequence[Outcome]) -> list[float]:
    """By seed."""
    return [each.total_s / max(each.requests, 1) for each in outcomes]


def ratio(ours: Costs, theirs: Costs) -> Ratio:
    """Of the means."""
    return _bootstrapped(lambda one, other: one / other, ours, theirs)


def closed(ours: Costs, alone: Costs, best: Costs) -> Ratio:
    """How much of the way from `alone` to `best` ours has gone: 1 is all of it, more is beyond."""
    return _bootstrapped(lambda one, start, end: (start - one) / (start - end), ours, alone, best)


def _bootstrapped(of_means: Callable[..., float], *arms: Costs) -> Ratio:
    count = min(len(arm) for arm in arms)
    rng = random.Random(1)
    draws = [[rng.randrange(count) for _ in range(count)] for _ in range(DRAWS if count > 1 else 0)]
    found = sorted(of_means(*(_mean(arm, drawn) for arm in arms)) for drawn in draws)
    value = of_means(*(_mean(arm, range(count)) for arm in arms))
    low, high = (
        (found[int(share * (len(found) - 1))] for share in (0.025, 0.975)) if found else (value, value)
    )
    return Ratio(value, low, high)


def _mean(costs: Costs, places: Sequence[int]) -> float:
    return sum(costs[place] for place in places) / len(places)
