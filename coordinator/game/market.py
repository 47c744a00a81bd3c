"""Who gets how much of a node's CPU: budgets times demand, above floors and below caps.

Every pod bids β = budget·demand and gets x = clip(floor + β/λ, floor, cap), with one price λ for all, such that
Σx = min(C, Σ caps of those who bid + Σ floors of the rest). That is Nash's bargaining solution with the floors as
the disagreement point: it maximises Σ β·log(x − floor) (Nash, Econometrica 18, 1950, with Kalai's weights, 1977), and
the proportional fairness of Kelly (1998). The price comes from sorting the points at which caps are reached
(water filling): no iteration, no tolerance.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from coordinator.game import figures
from coordinator.game.explanation import Explanation, Line
from coordinator.game.whole import whole

_FAINTEST: Final = 1e-290
"""Of the largest bid. A fainter one counts as this: its share of anything is nothing a float could hold."""


@dataclass(frozen=True, slots=True)
class Bid:
    """One pod's. `budget` and `demand`: finite, ≥ 0; 0 ≤ `floor_m` ≤ `cap_m`, whole millicores."""

    pod: str
    budget: float
    demand: float
    floor_m: int
    cap_m: int

    @property
    def beta(self) -> float:
        """What it is worth to the market."""
        return self.budget * self.demand


def clear(capacity_m: int, bids: Sequence[Bid]) -> dict[str, int]:
    """Millicores for each pod, in the order of their names, whatever the order of the bids.

    Within 1 m of the exact solution, within each pod's bounds, Σ ≤ `capacity_m`. Floors that together exceed the
    capacity are cut pro rata. Raises ValueError naming the pod and the value for anything but sound bids.
    """
    return {name: line.cpu_m for name, line in explain(capacity_m, bids).lines.items()}


def explain(capacity_m: int, bids: Sequence[Bid]) -> Explanation:
    """The same, with how it came about. Raises ValueError as `clear` does."""
    _check_capacity(capacity_m)
    for bid in bids:
        if not isinstance(bid, Bid) or not isinstance(bid.pod, str):
            raise figures.unfit("bid", bid, "a market.Bid, its pod a text")
    ordered = sorted(bids, key=lambda bid: bid.pod)
    _check(ordered)
    floors_m = sum(bid.floor_m for bid in ordered)
    if floors_m > capacity_m:
        exact = [bid.floor_m * (capacity_m / floors_m) for bid in ordered]
        return _explained(capacity_m, ordered, exact, capacity_m, math.inf)
    betas = _relative(ordered)
    rooms = [bid.cap_m - bid.floor_m for bid in ordered]
    for_sale_m = min(
        capacity_m - floors_m, sum(room for room, beta in zip(rooms, betas, strict=True) if beta > 0.0)
    )
    level, extras = fill(for_sale_m, betas, rooms)
    exact = [bid.floor_m + extra for bid, extra in zip(ordered, extras, strict=True)]
    largest = max((bid.beta for bid in ordered), default=0.0)
    price = 0.0 if largest == 0.0 else largest / level if level > 0.0 else math.inf
    return _explained(capacity_m, ordered, exact, floors_m + for_sale_m, price)


def fill(amount: int, weights: Sequence[float], rooms: Sequence[int]) -> tuple[float, list[float]]:
    """Pour `amount` into vessels `rooms` deep that fill in proportion to `weights`: the level, and what is in each.

    min(weight·level, room), exactly: the vessels are visited in the order in which they are full. `amount` is at most
    the room of those with a weight.
    """
    order = sorted(
        (room / weight, index)
        for index, (weight, room) in enumerate(zip(weights, rooms, strict=True))
        if weight > 0.0
    )
    above = [0.0] * (
        len(order) + 1
    )  # weight of those not yet full; summed from the end, so that it ends exact
    for place in range(len(order) - 1, -1, -1):
        above[place] = above[place + 1] + weights[order[place][1]]
    poured = [0.0] * len(rooms)
    left, level = amount, 0.0  # `left` stays whole: full vessels hold whole millicores
    for place, (full_at, index) in enumerate(order):
        level = left / above[place]
        if level < full_at:
            for _, rest in order[place:]:
                poured[rest] = weights[rest] * level
            return level, poured
        level = full_at
        poured[index] = float(rooms[index])
        left -= rooms[index]
    return level, poured


def _relative(bids: Sequence[Bid]) -> list[float]:
    """β over the largest of them: nothing overflows on the way."""
    betas = [bid.beta for bid in bids]
    largest = max(betas, default=0.0)
    return [max(beta / largest, _FAINTEST) if beta > 0.0 else 0.0 for beta in betas]


def _explained(
    capacity_m: int, bids: Sequence[Bid], exact: Sequence[float], total_m: int, price: float
) -> Explanation:
    cpu = whole(exact, total_m)
    lines = {
        bid.pod: Line(
            pod=bid.pod,
            beta=bid.beta,
            floor_m=bid.floor_m,
            cap_m=bid.cap_m,
            exact_m=exact_m,
            cpu_m=cpu_m,
            floor_hit=exact_m <= bid.floor_m,
            cap_hit=exact_m >= bid.cap_m,
        )
        for bid, exact_m, cpu_m in zip(bids, exact, cpu, strict=True)
    }
    return Explanation(
        capacity_m=capacity_m,
        lines=lines,
        price=price,
        infeasible=sum(bid.floor_m for bid in bids) > capacity_m,
        idle=all(bid.beta <= 0.0 for bid in bids),
        left_m=capacity_m - total_m,
    )


def _check_capacity(capacity_m: int) -> None:
    if not _is_whole(capacity_m) or capacity_m < 0:
        raise ValueError(f"capacity_m is {capacity_m!r}; allowed: whole millicores, 0 or more")


def _check(bids: Sequence[Bid]) -> None:
    """`bids` in the order of their names."""
    for before, bid in pairwise(bids):
        if before.pod == bid.pod:
            raise ValueError(f"pod {bid.pod!r} bids twice; allowed: one bid a pod")
    for bid in bids:
        _check_bid(bid)


def _check_bid(bid: Bid) -> None:
    for name, value in (("budget", bid.budget), ("demand", bid.demand)):
        if not (isinstance(value, int | float) and 0.0 <= value < math.inf):
            raise ValueError(f"pod {bid.pod!r}: {name} is {value!r}; allowed: a finite number, 0 or more")
    if bid.beta == math.inf:
        raise ValueError(
            f"pod {bid.pod!r}: budget {bid.budget!r} times demand {bid.demand!r} is beyond any number; "
            "allowed: a finite product"
        )
    for name, amount in (("floor_m", bid.floor_m), ("cap_m", bid.cap_m)):
        if not _is_whole(amount) or amount < 0:
            raise ValueError(f"pod {bid.pod!r}: {name} is {amount!r}; allowed: whole millicores, 0 or more")
    if bid.cap_m < bid.floor_m:
        raise ValueError(
            f"pod {bid.pod!r}: cap_m {bid.cap_m} is below floor_m {bid.floor_m}; allowed: a cap at or above it"
        )


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
