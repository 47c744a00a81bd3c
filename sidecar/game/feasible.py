"""What can be had at all: the region of feasible rates, and the fair point on its border.

An application that works on `capacity_s` requests at a time is busy at most `capacity_s` seconds per second, so the
rates it can serve are those with `Σ rate·cost ≤ capacity_s` (Little 1961: concurrency = rate × time). That set is
convex and downward closed: whoever asks for less never makes a feasible demand infeasible. Between callers the border
is shared by weighted max-min fairness (Bertsekas and Gallager, "Data Networks", 6.5.2), found by water-filling.
"""

import math
from typing import Final

_SLACK: Final = 1e-9
"""Relative: rounding is no reason to call a point on the border infeasible."""
LEAST_WEIGHT: Final = 1e-100
"""Less is none: a demand per unit of it could be beyond all floats, and who is full first could not be told."""


class Region:
    """Rate vectors (requests/s per class) an application can serve.

    `capacity_s`: busy seconds per second, that is, requests at a time; `costs_s[i]`: seconds one request of class i
    keeps a slot. Raises `ValueError` for a negative or undefined capacity or cost.
    """

    __slots__ = ("capacity_s", "costs_s")

    def __init__(self, capacity_s: float, costs_s: list[float]) -> None:
        _check("capacity_s", capacity_s)
        for cost in costs_s:
            _check("a cost", cost)
        self.capacity_s = capacity_s
        self.costs_s = costs_s

    def load(self, rates: list[float]) -> float:
        """`Σ rate·cost`: busy seconds per second these rates would cause. `ValueError` unless one rate per class."""
        if len(rates) != len(self.costs_s):
            raise ValueError(f"{len(rates)} rates for {len(self.costs_s)} classes")
        total = 0.0
        for rate, cost in zip(rates, self.costs_s):  # noqa: B905
            _check("a rate", rate)
            if rate > 0.0 and cost > 0.0:  # not ∞ · 0
                total += rate * cost
        return total

    def contains(self, rates: list[float]) -> bool:
        """Whether the application can serve these."""
        return self.load(rates) <= self.capacity_s * (1.0 + _SLACK)

    def scale(self, rates: list[float]) -> float:
        """The largest factor by which all of these may grow (or must shrink) to stay inside; ∞ for no load."""
        load = self.load(rates)
        return self.capacity_s / load if load > 0.0 else math.inf


def fair_shares(demands: list[float], weights: list[float], capacity: float) -> list[float]:
    """Weighted max-min fair shares of `capacity`; all three in the same unit, e.g. requests/s.

    Nobody gets more than it asks for, the shares add up to min(capacity, Σ demands), and who gets less than it asks
    for gets at least as much per unit of weight as anybody else. Weight 0 (or below 1e-100) shares, equally, what the
    others leave. A demand may be infinite. `ValueError` for negative or undefined numbers and for lists of different
    lengths.
    """
    if len(demands) != len(weights):
        raise ValueError(f"{len(demands)} demands, {len(weights)} weights")
    _check("capacity", capacity)
    for demand, weight in zip(demands, weights):  # noqa: B905
        _check("a demand", demand)
        _check("a weight", weight)
        if weight == math.inf:
            raise ValueError("a weight must be finite")
    shares = [0.0] * len(demands)
    weighted = [i for i, weight in enumerate(weights) if weight > LEAST_WEIGHT]
    left = _fill(shares, weighted, demands, weights, capacity)
    rest = [i for i, weight in enumerate(weights) if weight <= LEAST_WEIGHT]
    _fill(shares, rest, demands, [1.0] * len(weights), left)
    return shares


def _fill(
    shares: list[float], who: list[int], demands: list[float], weights: list[float], capacity: float
) -> float:
    """Raise the water: who wants least per unit of weight is full first. Returns what nobody wanted."""
    order = sorted([(demands[i] / weights[i], i) for i in who])
    above = [0.0] * (
        len(order) + 1
    )  # weight of those not yet full; summed from the end, so that it ends exact
    for place in range(len(order) - 1, -1, -1):
        above[place] = above[place + 1] + weights[order[place][1]]
    left = capacity
    for place, (_, i) in enumerate(order):
        part = left * (weights[i] / above[place])
        shares[i] = min(demands[i], part)
        left = max(0.0, left - shares[i])
    return left


def _check(name: str, value: float) -> None:
    """Not negative, not NaN."""
    if not value >= 0.0:
        raise ValueError(f"{name} must not be negative: {value}")
