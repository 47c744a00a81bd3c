"""Ratios of tails between two rules over the same seeds, with bootstrap intervals: more than luck? Pure.

Seeds are drawn with replacement, the same ones for both rules (they faced the same requests), pooled, and compared
again; the 2.5th and 97.5th percentile of many such draws are the interval.
"""

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from loadtest.lab import outcome
from loadtest.lab.outcome import Counts

DRAWS = 400


@dataclass(frozen=True, slots=True)
class Ratio:
    """A ratio and its 95 % interval."""

    value: float
    low: float
    high: float

    def text(self) -> str:
        """`0.97 (0.94–1.01)`."""
        return f"{self.value:.2f} ({self.low:.2f}–{self.high:.2f})"


Seeds = Sequence[Counts]
"""One rule's latency cells by seed, in the same order for every rule."""


def ratio(ours: Seeds, theirs: Seeds, percent: float, seed: int = 1) -> Ratio:
    """Pooled percentile of one against the other's."""
    return mean_ratio({"": (ours, theirs)}, percent, seed)


def mean_ratio(pairs: Mapping[str, tuple[Seeds, Seeds]], percent: float, seed: int = 1) -> Ratio:
    """Geometric mean over scenarios of the ratio of pooled percentiles."""
    rng = random.Random(seed)
    found = [_mean(pairs, percent, None)]
    count = min(len(ours) for ours, _ in pairs.values())
    draws = ([rng.randrange(count) for _ in range(count)] for _ in range(DRAWS if count > 1 else 0))
    found += [_mean(pairs, percent, drawn) for drawn in draws]
    ordered = sorted(found[1:]) or found
    low, high = (ordered[int(share * (len(ordered) - 1))] for share in (0.025, 0.975))
    return Ratio(found[0], low, high)


def _mean(pairs: Mapping[str, tuple[Seeds, Seeds]], percent: float, drawn: Sequence[int] | None) -> float:
    logs = []
    for ours, theirs in pairs.values():
        one, other = (_pooled(cells, drawn, percent) for cells in (ours, theirs))
        logs.append(math.log(one / other))
    return math.exp(sum(logs) / len(logs))


def _pooled(cells: Seeds, drawn: Sequence[int] | None, percent: float) -> float:
    chosen = cells if drawn is None else [cells[place] for place in drawn]
    total = chosen[0].copy()
    for each in chosen[1:]:
        total += each
    return outcome.percentile_ms(total, percent)
