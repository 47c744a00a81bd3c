"""The feasible region and its fair point, over random demands: theorems, not pinned outputs."""

import math
import random

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from sidecar.game.feasible import Region, fair_shares
from tests.game.play import bounded

numbers = st.floats(0.0, 1e6)
positive = st.floats(1e-3, 1e6)
CLOSE = 1e-6


@st.composite
def markets(draw: st.DrawFn, least: float = 0.0) -> tuple[list[float], list[float], float]:
    """Demands, weights, capacity; some demands and weights are zero, some alike."""
    count = draw(st.integers(1, 8))
    demands = draw(st.lists(numbers | st.just(10.0), min_size=count, max_size=count))
    weights = draw(st.lists(st.floats(least, 100.0) | st.just(1.0), min_size=count, max_size=count))
    return demands, weights, draw(numbers)


@st.composite
def regions(draw: st.DrawFn) -> tuple[Region, list[float], list[float]]:
    """A region and two rate vectors."""
    count = draw(st.integers(1, 6))
    costs = draw(st.lists(st.floats(0.0, 10.0), min_size=count, max_size=count))
    rates = st.lists(st.floats(0.0, 100.0), min_size=count, max_size=count)
    return Region(draw(st.floats(0.1, 100.0)), costs), draw(rates), draw(rates)


# -- fair shares


@bounded(300)
@given(markets())
@example(([31.0, 10.0], [5e-324, 5e-324], 51.0))  # demand per weight overflows
def test_shares_use_all_there_is_or_all_that_is_asked(market: tuple[list[float], list[float], float]) -> None:
    demands, weights, capacity = market
    total = sum(fair_shares(demands, weights, capacity))
    assert total == pytest.approx(min(capacity, sum(demands)), rel=CLOSE, abs=CLOSE)


@bounded(300)
@given(markets())
def test_nobody_gets_more_than_it_asks_for(market: tuple[list[float], list[float], float]) -> None:
    demands, weights, capacity = market
    shares = fair_shares(demands, weights, capacity)
    assert all(0.0 <= share <= demand for share, demand in zip(shares, demands, strict=True))


@bounded(300)
@given(markets(least=0.01))
def test_who_gets_too_little_gets_as_much_per_weight_as_anybody(
    market: tuple[list[float], list[float], float],
) -> None:
    demands, weights, capacity = market
    shares = fair_shares(demands, weights, capacity)
    levels = [share / weight for share, weight in zip(shares, weights, strict=True)]
    for i, share in enumerate(shares):
        if share < demands[i] * (1 - CLOSE):
            assert levels[i] >= max(levels) * (1 - CLOSE) - CLOSE, "another one has more per unit of weight"


@bounded(300)
@given(markets(least=0.01))
def test_nobody_can_gain_by_asking_for_more(market: tuple[list[float], list[float], float]) -> None:
    """Max-min is the guarantee: a caller that wants its weight's part of the capacity has it, whatever others want."""
    demands, weights, capacity = market
    shares = fair_shares(demands, weights, capacity)
    for i, share in enumerate(shares):
        part = capacity * weights[i] / sum(weights)
        assert share >= min(demands[i], part) * (1 - CLOSE) - CLOSE


@bounded(100)
@given(markets(), st.randoms(use_true_random=False))
def test_the_order_of_callers_does_not_matter(
    market: tuple[list[float], list[float], float], rng: random.Random
) -> None:
    demands, weights, capacity = market
    order = list(range(len(demands)))
    rng.shuffle(order)
    shares = fair_shares(demands, weights, capacity)
    again = fair_shares([demands[i] for i in order], [weights[i] for i in order], capacity)
    assert again == pytest.approx([shares[i] for i in order], rel=CLOSE, abs=CLOSE)


def test_budgets_three_to_one_share_three_to_one() -> None:
    assert fair_shares([200.0, 200.0], [3.0, 1.0], 100.0) == [75.0, 25.0]


def test_what_a_small_demand_leaves_goes_to_the_others() -> None:
    assert fair_shares([10.0, 200.0, 200.0], [1.0, 1.0, 1.0], 100.0) == [10.0, 45.0, 45.0]


def test_no_weight_gets_only_what_is_left() -> None:
    assert fair_shares([60.0, 50.0, 50.0], [1.0, 0.0, 0.0], 100.0) == [60.0, 20.0, 20.0]


def test_an_infinite_demand_takes_all_that_is_left() -> None:
    assert fair_shares([math.inf, 10.0], [1.0, 1.0], 100.0) == [90.0, 10.0]


def test_nobody_shares_nothing() -> None:
    assert fair_shares([], [], 100.0) == []


@pytest.mark.parametrize(
    ("demands", "weights", "capacity", "says"),
    [
        ([1.0], [1.0, 2.0], 1.0, "1 demands, 2 weights"),
        ([-1.0], [1.0], 1.0, "a demand must not be negative"),
        ([1.0], [math.nan], 1.0, "a weight must not be negative"),
        ([1.0], [math.inf], 1.0, "a weight must be finite"),
        ([1.0], [1.0], -1.0, "capacity must not be negative"),
    ],
)
def test_nonsense_is_named(demands: list[float], weights: list[float], capacity: float, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        fair_shares(demands, weights, capacity)


# -- the region


@bounded(300)
@given(regions(), st.data())
def test_less_of_what_is_feasible_is_feasible(
    sample: tuple[Region, list[float], list[float]], data: st.DataObject
) -> None:
    region, rates, _ = sample
    assume(region.contains(rates))
    less = [rate * data.draw(st.floats(0.0, 1.0)) for rate in rates]
    assert region.contains(less), "the region is downward closed"


@bounded(300)
@given(regions(), st.floats(0.0, 1.0))
def test_what_lies_between_two_feasible_points_is_feasible(
    sample: tuple[Region, list[float], list[float]], part: float
) -> None:
    region, one, other = sample
    assume(region.contains(one) and region.contains(other))
    between = [part * a + (1.0 - part) * b for a, b in zip(one, other, strict=True)]
    assert region.contains(between), "the region is convex: callers may take turns"


@bounded(300)
@given(regions())
def test_the_scale_leads_to_the_border_and_not_beyond(
    sample: tuple[Region, list[float], list[float]],
) -> None:
    region, rates, _ = sample
    assume(region.load(rates) > 1e-6)
    scale = region.scale(rates)
    assert region.contains([scale * rate for rate in rates])
    assert not region.contains([1.001 * scale * rate for rate in rates])


def test_eight_workers_of_ten_milliseconds_serve_eight_hundred_a_second() -> None:
    region = Region(8.0, [0.010])
    assert region.contains([800.0])
    assert not region.contains([801.0])
    assert region.scale([400.0]) == pytest.approx(2.0)


def test_no_load_may_grow_for_ever() -> None:
    assert Region(1.0, [0.1]).scale([0.0]) == math.inf
    assert Region(1.0, [0.0]).contains([math.inf])


@pytest.mark.parametrize(
    ("capacity", "costs", "rates", "says"),
    [
        (-1.0, [1.0], [1.0], "capacity_s must not be negative"),
        (1.0, [math.nan], [1.0], "a cost must not be negative"),
        (1.0, [1.0], [-1.0], "a rate must not be negative"),
        (1.0, [1.0], [1.0, 1.0], "2 rates for 1 classes"),
    ],
)
def test_a_region_of_nonsense_is_refused(
    capacity: float, costs: list[float], rates: list[float], says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        Region(capacity, costs).contains(rates)
