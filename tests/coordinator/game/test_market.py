"""The market: its theorems on the exact solution, its promises on the whole numbers."""

import math
import random
from dataclasses import asdict, replace

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.game.market import Bid, clear, explain
from tests.coordinator.game.bidding import ROUNDING, bids, bounded, capacities, markets, sold

Market = tuple[int, list[Bid]]
TINY = 1e-6
"""Millicores."""


def exact(capacity_m: int, offered: list[Bid]) -> dict[str, float]:
    return {name: line.exact_m for name, line in explain(capacity_m, offered).lines.items()}


# -- the exact solution


@bounded(400)
@given(markets())
def test_it_satisfies_the_conditions_of_karush_kuhn_and_tucker(market: Market) -> None:
    """What a bid gains by a millicore more is λ between the bounds, at least λ at the cap; what is left is unwanted."""
    capacity_m, offered = market
    found = explain(capacity_m, offered)
    total = math.fsum(line.exact_m for line in found.lines.values())
    assert total == pytest.approx(sold(capacity_m, offered), rel=ROUNDING)
    for line in found.lines.values():
        assert line.floor_m <= line.exact_m <= line.cap_m
        if line.beta <= 0.0 or line.floor_m == line.cap_m:
            assert line.exact_m == line.floor_m
        elif line.exact_m < line.cap_m and found.price < math.inf:
            rounding = 1e-12 * found.price * line.exact_m  # of x itself, which `x − floor` brings to light
            gained = found.price * (line.exact_m - line.floor_m)
            assert gained == pytest.approx(line.beta, rel=ROUNDING, abs=rounding)
        elif line.exact_m == line.cap_m:
            assert line.beta / (line.cap_m - line.floor_m) >= found.price * (1 - ROUNDING)


@bounded(300)
@given(markets())
def test_one_price_explains_every_line(market: Market) -> None:
    found = explain(*market)
    for line in found.lines.values():
        bought = line.beta / found.price if found.price > 0.0 else 0.0
        expected = min(max(line.floor_m + bought, line.floor_m), line.cap_m)
        assert line.exact_m == pytest.approx(expected, rel=ROUNDING)


@bounded(200)
@given(markets(), st.integers(0, 8), st.floats(1.0, 20.0))
def test_a_larger_budget_gets_no_less_and_leaves_the_others_no_more(
    market: Market, who: int, times: float
) -> None:
    capacity_m, offered = market
    who %= len(offered)
    richer = [replace(bid, budget=bid.budget * times) if i == who else bid for i, bid in enumerate(offered)]
    before, after = exact(capacity_m, offered), exact(capacity_m, richer)
    for index, bid in enumerate(offered):
        if index == who:
            assert after[bid.pod] >= before[bid.pod] - TINY
        else:
            assert after[bid.pod] <= before[bid.pod] + TINY


@bounded(200)
@given(markets(), st.integers(0, 5000))
def test_more_capacity_is_less_for_nobody(market: Market, more_m: int) -> None:
    capacity_m, offered = market
    before, after = exact(capacity_m, offered), exact(capacity_m + more_m, offered)
    assert all(after[name] >= before[name] - TINY for name in before)


@bounded(200)
@given(markets(), st.floats(1e-6, 1e6))
def test_only_proportions_of_budgets_count(market: Market, times: float) -> None:
    capacity_m, offered = market
    scaled = [replace(bid, budget=bid.budget * times) for bid in offered]
    assert exact(capacity_m, scaled) == pytest.approx(exact(capacity_m, offered), rel=1e-7, abs=TINY)


@bounded(200)
@given(markets(), st.integers(0, 8))
def test_nothing_is_gained_by_splitting_a_pod(market: Market, who: int) -> None:
    """Two halves with half the bid, floor and cap each get half, and the others what they had."""
    capacity_m, doubled = 2 * market[0], [_times(bid, 2) for bid in market[1]]
    split = doubled.pop(who % len(doubled))
    half = market[1][who % len(market[1])]
    halves = [replace(half, pod="left"), replace(half, pod="right")]
    whole, parts = exact(capacity_m, [*doubled, split]), exact(capacity_m, [*doubled, *halves])
    assert parts["left"] + parts["right"] == pytest.approx(whole[split.pod], rel=ROUNDING, abs=TINY)
    assert all(parts[bid.pod] == pytest.approx(whole[bid.pod], rel=ROUNDING, abs=TINY) for bid in doubled)


def _times(bid: Bid, times: int) -> Bid:
    return replace(bid, budget=bid.budget * times, floor_m=bid.floor_m * times, cap_m=bid.cap_m * times)


@bounded(200)
@given(markets())
def test_equal_bids_get_equal_amounts(market: Market) -> None:
    capacity_m, offered = market
    twin = replace(offered[0], pod="twin")
    found = explain(capacity_m + twin.floor_m, [*offered, twin])
    first, second = found.lines[offered[0].pod], found.lines["twin"]
    assert first.exact_m == second.exact_m
    assert abs(first.cpu_m - second.cpu_m) <= 1


# -- whole numbers


@bounded(400)
@given(bids(), capacities)
def test_whole_numbers_keep_the_capacity_and_stay_by_the_exact_solution(
    offered: list[Bid], capacity_m: int
) -> None:
    """Whether or not the floors fit."""
    found = explain(capacity_m, offered)
    total = sum(line.cpu_m for line in found.lines.values())
    assert total == sold(capacity_m, offered) if not found.infeasible else total == capacity_m
    assert found.left_m == capacity_m - total >= 0
    for line in found.lines.values():
        assert abs(line.cpu_m - line.exact_m) <= 1.0
        assert line.cpu_m <= line.cap_m
        assert line.cpu_m >= line.floor_m or found.infeasible


@bounded(200)
@given(markets(), st.integers(0, 1000))
def test_the_order_of_bids_changes_nothing(market: Market, seed: int) -> None:
    capacity_m, offered = market
    shuffled = list(offered)
    random.Random(seed).shuffle(shuffled)
    assert explain(capacity_m, shuffled) == explain(capacity_m, offered)
    assert list(clear(capacity_m, shuffled)) == sorted(bid.pod for bid in offered)


def test_ties_of_a_millicore_go_by_name() -> None:
    thirds = [Bid(pod=name, budget=1.0, demand=1.0, floor_m=0, cap_m=100) for name in "cab"]
    assert clear(100, thirds) == {"a": 34, "b": 33, "c": 33}


# -- the cases that have a name


def test_budgets_of_three_to_one_divide_what_is_above_the_floors() -> None:
    two = [
        Bid(pod="a", budget=3.0, demand=0.5, floor_m=100, cap_m=4000),
        Bid(pod="b", budget=1.0, demand=0.5, floor_m=300, cap_m=4000),
    ]
    assert clear(2400, two) == {"a": 100 + 1500, "b": 300 + 500}


def test_without_any_demand_everybody_is_at_the_floor() -> None:
    idle = [Bid(pod=name, budget=2.0, demand=0.0, floor_m=150, cap_m=900) for name in "ab"]
    found = explain(4000, idle)
    assert (clear(4000, idle), found.idle, found.price, found.left_m) == (
        {"a": 150, "b": 150},
        True,
        0.0,
        3700,
    )


@bounded(200)
@given(bids(least=2), st.floats(0.0, 0.99))
def test_floors_that_do_not_fit_are_cut_pro_rata_and_flagged(offered: list[Bid], part: float) -> None:
    floors_m = sum(bid.floor_m for bid in offered)
    capacity_m = int(floors_m * part)
    found = explain(capacity_m, offered)
    assert found.infeasible is (floors_m > capacity_m)
    if found.infeasible:
        for line in found.lines.values():
            assert line.exact_m == pytest.approx(line.floor_m * capacity_m / floors_m)
            assert line.floor_hit


def test_who_is_full_leaves_the_rest_to_the_others() -> None:
    bidders = [
        Bid(pod="small", budget=9.0, demand=1.0, floor_m=100, cap_m=200),
        Bid(pod="large", budget=1.0, demand=0.2, floor_m=100, cap_m=9000),
    ]
    found = explain(1000, bidders)
    assert {name: line.cpu_m for name, line in found.lines.items()} == {"small": 200, "large": 800}
    assert (found.lines["small"].cap_hit, found.lines["large"].cap_hit) == (True, False)


def test_nobody_at_all_is_no_trouble() -> None:
    assert clear(4000, []) == {}
    assert explain(0, []).left_m == 0


@pytest.mark.parametrize("small", [1e-320, 5e-324, 1e-300])
def test_the_faintest_bid_is_a_bid(small: float) -> None:
    """Nothing divides by zero, and whatever the loud one cannot take is sold."""
    bidders = [
        Bid(pod="faint", budget=small, demand=1.0, floor_m=10, cap_m=500),
        Bid(pod="loud", budget=1e300, demand=1.0, floor_m=10, cap_m=500),
    ]
    assert clear(520, bidders) == {"faint": 20, "loud": 500}
    assert clear(2000, bidders) == {"faint": 500, "loud": 500}


def test_an_explanation_is_plain_enough_for_json() -> None:
    found = explain(1000, [Bid(pod="a", budget=1.0, demand=1.0, floor_m=10, cap_m=500)])
    told = orjson.loads(orjson.dumps(asdict(found)))
    assert told["lines"]["a"]["cpu_m"] == 500


# -- mistakes


SOUND = Bid(pod="web", budget=1.0, demand=0.5, floor_m=100, cap_m=200)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"budget": -1.0}, "pod 'web': budget is -1.0; allowed: a finite number, 0 or more"),
        ({"budget": math.nan}, "pod 'web': budget is nan"),
        ({"budget": math.inf}, "pod 'web': budget is inf"),
        ({"budget": "5"}, "pod 'web': budget is '5'"),
        ({"demand": -0.1}, "pod 'web': demand is -0.1"),
        ({"demand": math.nan}, "pod 'web': demand is nan"),
        ({"demand": math.inf}, "pod 'web': demand is inf"),
        ({"budget": 1e300, "demand": 1e300}, "beyond any number"),
        ({"floor_m": -1}, "pod 'web': floor_m is -1; allowed: whole millicores, 0 or more"),
        ({"floor_m": 1.5}, "pod 'web': floor_m is 1.5"),
        ({"cap_m": math.inf}, "pod 'web': cap_m is inf"),
        ({"cap_m": True}, "pod 'web': cap_m is True"),
        ({"cap_m": 99}, "pod 'web': cap_m 99 is below floor_m 100; allowed: a cap at or above it"),
    ],
)
def test_a_bid_of_nonsense_is_named(changes: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words.split(";", maxsplit=1)[0]) as caught:
        clear(1000, [replace(SOUND, **changes)])  # type: ignore[arg-type]
    assert words in str(caught.value)


@pytest.mark.parametrize("capacity_m", [-1, 1.5, math.nan, True])
def test_a_capacity_of_nonsense_is_named(capacity_m: int) -> None:
    with pytest.raises(ValueError, match=r"capacity_m is .*; allowed: whole millicores"):
        clear(capacity_m, [SOUND])


def test_a_pod_bids_once() -> None:
    with pytest.raises(ValueError, match="pod 'web' bids twice"):
        clear(1000, [SOUND, SOUND])
