"""Arithmetic of measurements: percentiles, medians with their ranges, ratios of repetitions. Pure.

Ratios between two arms are taken inside one repetition and only then summarised: what the machine did
to a repetition it did to both.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Spread:
    """What repetitions of one measurement say: the middle one and the extremes, in the measurement's unit."""

    median: float
    low: float
    high: float

    def text(self, digits: int = 1) -> str:
        """`12.3 (11.9–13.0)`: the form in which every table of ours shows repetitions; `12.3` where all agree."""
        middle, low, high = (f"{value:,.{digits}f}" for value in (self.median, self.low, self.high))
        return middle if low == high else f"{middle} ({low}–{high})"


def spread(values: Sequence[float | None]) -> Spread | None:
    """Median and range of what was measured; None when nothing was."""
    known = [value for value in values if value is not None]
    return Spread(median(known), min(known), max(known)) if known else None


def percentile(ordered: Sequence[float], percent: float) -> float:
    """Nearest rank: the smallest value with at least `percent` % of all values at or below it.

    `ordered` is ascending. Nearest rank never invents a value between two measured ones, which matters
    in a tail of five samples. NaN for no samples.
    """
    if not ordered:
        return math.nan
    rank = math.ceil(round(percent * len(ordered) / 100, 9))
    return ordered[max(rank, 1) - 1]


def ratios(of: Sequence[float | None], to: Sequence[float | None]) -> list[float]:
    """One ratio per repetition in which both were measured."""
    return [a / b for a, b in zip(of, to, strict=True) if a is not None and b]


def differences(of: Sequence[float | None], to: Sequence[float | None]) -> list[float]:
    """One difference per repetition in which both were measured."""
    return [a - b for a, b in zip(of, to, strict=True) if a is not None and b is not None]


def shares(counts: dict[str, int]) -> dict[str, float]:
    """Counts as fractions of their sum; all zero when nothing was counted."""
    total = sum(counts.values())
    return {name: count / total if total else 0.0 for name, count in counts.items()}


def rotated(items: Sequence[T], by: int) -> list[T]:
    """Another order for every repetition, so that no arm is always the first or always after another."""
    if not items:
        return []
    start = by % len(items)
    return [*items[start:], *items[:start]]
