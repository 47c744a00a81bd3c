"""The market's potential: 0 at its solution and nowhere else, rising with every step towards it."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.game import welfare
from coordinator.game.explanation import Explanation
from coordinator.game.market import Bid, explain

AMOUNT = st.integers(0, 2000)
BIDS = st.lists(
    st.tuples(st.floats(0.0, 10.0), st.floats(0.0, 1.0), AMOUNT, AMOUNT), min_size=1, max_size=6
).map(
    lambda rows: [
        Bid(f"p{number}", budget, demand, min(low, high), max(low, high))
        for number, (budget, demand, low, high) in enumerate(rows)
    ]
)


def due(market: Explanation) -> dict[str, float]:
    return {name: line.exact_m for name, line in market.lines.items()}


@given(st.integers(0, 8000), BIDS)
def test_it_is_zero_at_the_solution(capacity_m: int, bids: list[Bid]) -> None:
    market = explain(capacity_m, bids)
    scale = welfare.bids(market) or 1.0
    assert welfare.shortfall(market, due(market)) == pytest.approx(0.0, abs=1e-6 * scale)


@given(st.integers(0, 8000), BIDS, st.lists(AMOUNT, min_size=6, max_size=6))
def test_it_is_nowhere_above_zero_not_even_on_an_oversold_node(
    capacity_m: int, bids: list[Bid], has: list[int]
) -> None:
    market = explain(capacity_m, bids)
    assert welfare.shortfall(market, dict(zip(market.lines, has, strict=False))) <= 0.0


@given(st.integers(0, 8000), BIDS, st.lists(AMOUNT, min_size=6, max_size=6), st.data())
def test_one_pods_step_towards_its_share_never_lowers_it(
    capacity_m: int, bids: list[Bid], has: list[int], data: st.DataObject
) -> None:
    market = explain(capacity_m, bids)
    before = dict(zip(market.lines, map(float, has), strict=False))
    who = data.draw(st.sampled_from(sorted(before)))
    step = data.draw(st.floats(0.0, 1.0))
    after = before | {who: before[who] + step * (due(market)[who] - before[who])}
    slack = 1e-9 * (1.0 + welfare.bids(market))
    assert welfare.shortfall(market, after) >= welfare.shortfall(market, before) - slack


@pytest.mark.parametrize("seed", range(20))
def test_no_other_division_of_the_same_cpu_is_as_good(seed: int) -> None:
    rng = random.Random(seed)
    bids = [
        Bid(f"p{number}", rng.choice([1, 2, 5]), rng.uniform(0.2, 1.0), 100, rng.choice([600, 4000]))
        for number in range(5)
    ]
    market = explain(2500, bids)
    best = due(market)
    for _ in range(20):
        giver, taker = rng.sample(sorted(best), 2)
        moved = rng.uniform(1.0, max(1.0, best[giver] - 100))
        other = best | {giver: best[giver] - moved, taker: best[taker] + moved}
        assert welfare.shortfall(market, other) < 0.0


def test_a_pod_at_its_floor_is_a_finite_loss() -> None:
    market = explain(1000, [Bid("a", 1.0, 1.0, 100, 1000), Bid("b", 1.0, 1.0, 100, 1000)])
    lost = welfare.shortfall(market, {"a": 100.0, "b": 500.0})
    assert -welfare.bids(market) * 4.0 < lost < -1.0


@pytest.mark.parametrize(
    "bids", [[Bid("a", 1.0, 0.0, 100, 500)], [Bid("a", 1.0, 1.0, 900, 950), Bid("b", 1.0, 1.0, 900, 950)]]
)
def test_where_nothing_is_decided_there_is_nothing_to_lose(bids: list[Bid]) -> None:
    market = explain(1000, bids)
    assert market.idle or market.infeasible
    assert welfare.shortfall(market, {bid.pod: 500.0 for bid in bids}) == 0.0
