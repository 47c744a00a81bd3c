"""The market is Nash's bargaining solution: against a convex solver that knows nothing of it.

Kelley's cutting planes (1960) by linear programs (HiGHS): log is replaced by tangents from above, which are added where
the last solution was, so every program's value is an upper bound of what any division of the node can reach.
"""

import math
import random

import highspy
import pytest

from coordinator.game.market import Bid, explain

EPSILON = 1e-7


def gains(amounts: list[float], bids: list[Bid]) -> float:
    """Σ β·log(x − floor) of those who bid."""
    pairs = zip(amounts, bids, strict=True)
    return sum(bid.beta * math.log(amount - bid.floor_m) for amount, bid in pairs if bid.beta > 0.0)


def upper_bound(capacity_m: int, bids: list[Bid], enough: float) -> float:
    """The most that can be gained, from above: to `EPSILON`, or until it is below `enough`."""
    solver = highspy.Highs()
    solver.setOptionValue("output_flag", False)
    shares = [solver.addVariable(lb=1e-9, ub=float(bid.cap_m - bid.floor_m)) for bid in bids]
    logs = [solver.addVariable(lb=-1e4, ub=1e4) for _ in bids]
    solver.addConstr(sum(shares) <= float(capacity_m - sum(bid.floor_m for bid in bids)))
    objective = sum(bid.beta * log for bid, log in zip(bids, logs, strict=True))
    points = [[float(bid.cap_m - bid.floor_m) * part for bid in bids] for part in (0.01, 0.1, 0.5, 1.0)]
    bound = math.inf
    for _ in range(200):
        for point in points:
            for share, log, at in zip(shares, logs, point, strict=True):
                solver.addConstr(log <= math.log(at) + (share - at) * (1.0 / at))
        solver.maximize(objective)
        bound = solver.getInfo().objective_function_value
        point = [max(1e-6, solver.val(share)) for share in shares]
        reached = sum(bid.beta * math.log(at) for bid, at in zip(bids, point, strict=True))
        if bound - reached < EPSILON or bound <= enough:
            return bound
        points = [point]
    return bound


@pytest.mark.parametrize("seed", range(8))
def test_no_division_of_the_node_gains_more(seed: int) -> None:
    rng = random.Random(seed)
    bids = [
        Bid(
            pod=f"p{index}",
            budget=rng.uniform(0.2, 5.0),
            demand=rng.uniform(0.1, 1.0),
            floor_m=(floor_m := rng.randint(0, 200)),
            cap_m=floor_m + rng.randint(50, 1500),
        )
        for index in range(rng.randint(2, 5))
    ]
    capacity_m = sum(bid.floor_m for bid in bids) + rng.randint(100, 2500)
    ours = gains([line.exact_m for line in explain(capacity_m, bids).lines.values()], bids)
    most = upper_bound(capacity_m, bids, ours + EPSILON)
    assert ours >= most - 2 * EPSILON * max(1.0, abs(most)), "the solver finds a better division"
    assert ours <= most + EPSILON * max(1.0, abs(most)), "more than can be had: the bound is none"


@pytest.mark.parametrize("seed", range(20))
def test_every_millicore_moved_from_one_to_another_costs_gains(seed: int) -> None:
    rng = random.Random(seed)
    bids = [
        Bid(pod=f"p{i}", budget=rng.uniform(0.5, 3.0), demand=1.0, floor_m=50, cap_m=rng.randint(300, 2000))
        for i in range(4)
    ]
    best = [line.exact_m for line in explain(1500, bids).lines.values()]
    for giver in range(4):
        for taker in range(4):
            moved = list(best)
            moved[giver] -= 1.0
            moved[taker] += 1.0
            if giver != taker and moved[taker] <= bids[taker].cap_m:
                assert gains(moved, bids) < gains(best, bids)
