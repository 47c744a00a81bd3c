"""Costs in seconds, losses in [0, 1]: bounded, in order, and failing fast is never cheap."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.game.payoff import ERROR_PRICE_S, MOST_ERROR_PRICE_S, SPAN, base, error_price, losses, pace
from tests.game.play import bounded

costs_s = st.lists(st.floats(1e-6, 1e4), min_size=1, max_size=10)
seconds = st.floats(1e-4, 10.0)
ratios = st.floats(1.0, 32.0)
unit = st.floats(0.0, 1.0)


# -- losses


@bounded(200)
@given(costs_s)
def test_losses_are_in_the_unit_interval_and_the_best_is_a_quarter(costs: list[float]) -> None:
    found = losses(costs)
    assert all(0.0 < loss <= 1.0 for loss in found)
    assert min(found) == pytest.approx(1.0 / SPAN)
    assert found.index(min(found)) == costs.index(min(costs))


@bounded(200)
@given(costs_s)
def test_who_costs_more_loses_no_less(costs: list[float]) -> None:
    """Up to four times the best in proportion; beyond that bad is bad."""
    found = losses(costs)
    ranked = sorted(range(len(costs)), key=lambda k: costs[k])
    assert [found[k] for k in ranked] == sorted(found)
    for cost, loss in zip(costs, found, strict=True):
        assert loss == pytest.approx(min(1.0, cost / (SPAN * min(costs))))


@bounded(200)
@given(costs_s, st.floats(1e-2, 1e3))
def test_the_unit_of_cost_does_not_matter(costs: list[float], factor: float) -> None:
    assert losses([factor * cost for cost in costs]) == pytest.approx(losses(costs))


@bounded(100)
@given(st.lists(st.floats(0.0, 1e-9), min_size=1, max_size=5))
def test_costs_of_nothing_are_losses_all_the_same(costs: list[float]) -> None:
    """Below a nanosecond the scale is a nanosecond: no division by zero, and the best is at most a quarter."""
    found = losses(costs)
    assert all(0.0 <= loss <= 1.0 for loss in found)
    assert min(found) <= 1.0 / SPAN


def test_nobody_loses_nothing() -> None:
    assert losses([]) == []


# -- the cost of an endpoint


@bounded(100)
@given(seconds, ratios, seconds, unit, unit, unit)
def test_cost_grows_with_everything_that_is_bad(
    baseline: float, slowdown: float, price: float, excess: float, congestion: float, weight: float
) -> None:
    here = base(baseline, slowdown, price, excess, congestion, weight)
    assert here <= base(baseline * 1.5, slowdown, price, excess, congestion, weight)
    assert here < base(baseline, slowdown * 1.5, price, excess, congestion, weight)
    assert here <= base(baseline, slowdown, price * 1.5, excess, congestion, weight)
    assert here < base(baseline, slowdown, price, excess + 0.1, congestion, weight)
    assert here <= base(baseline, slowdown, price, excess, min(1.0, congestion + 0.1), weight)


@bounded(100)
@given(seconds, ratios, unit)
def test_a_healthy_endpoint_costs_its_latency(baseline: float, slowdown: float, congestion: float) -> None:
    assert base(baseline, slowdown, ERROR_PRICE_S, 0.0, congestion, 0.0) == baseline * slowdown


@bounded(200)
@given(seconds, ratios, st.floats(0.0, 1.0), st.none() | st.floats(0.0, 600.0))
def test_failing_costs_more_than_being_slow_up_to_the_price_of_a_failure(
    baseline: float, slowdown: float, excess: float, retry_after: float | None
) -> None:
    """However fast it fails. Not always: an endpoint slower than P·ê seconds (P = 5 and up) costs more still."""
    price = error_price(retry_after)
    black_hole = base(baseline, 0.0, price, excess, 0.0, 0.0)  # answers at once, with an error
    slow = base(baseline, slowdown, price, 0.0, 0.0, 0.0)
    assert (black_hole >= slow) is (price * excess >= baseline * slowdown)


@bounded(100)
@given(seconds, ratios, st.floats(0.001, 1.0))
def test_of_two_equally_fast_endpoints_the_failing_one_costs_more(
    baseline: float, slowdown: float, excess: float
) -> None:
    assert base(baseline, slowdown, ERROR_PRICE_S, excess, 0.0, 0.0) > base(
        baseline, slowdown, ERROR_PRICE_S, 0.0, 0.0, 0.0
    )


# -- slowness that may be luck

slowdowns = st.floats(1e-3, 1e3)
lucks = st.floats(1.0, 8.0)


@bounded(200)
@given(slowdowns, slowdowns, lucks)
def test_luck_makes_nobody_look_slower(slowdown: float, fastest: float, luck: float) -> None:
    assert pace(slowdown, fastest, luck) <= slowdown


@bounded(200)
@given(slowdowns, st.floats(1.0, 100.0), lucks)
def test_beyond_luck_slowness_counts_in_full(fastest: float, times: float, luck: float) -> None:
    slowdown = math.nextafter(luck * fastest * times, math.inf)
    assert pace(slowdown, fastest, luck) == slowdown


@bounded(200)
@given(slowdowns, st.floats(0.0, 1.0), lucks)
def test_all_within_luck_count_as_the_fastest(fastest: float, place: float, luck: float) -> None:
    slowdown = min(luck * fastest, fastest + place * (luck - 1.0) * fastest)
    assert pace(slowdown, fastest, luck) == fastest


@bounded(200)
@given(st.lists(slowdowns, min_size=1, max_size=8), lucks)
def test_no_slower_endpoint_is_cheaper_than_a_faster_one(slowdowns: list[float], luck: float) -> None:
    fastest = min(slowdowns)
    paces = [pace(slowdown, fastest, luck) for slowdown in sorted(slowdowns)]
    assert paces == sorted(paces)
    assert paces[0] == fastest


@bounded(100)
@given(slowdowns, slowdowns, lucks)
def test_one_faster_than_the_fastest_admitted_keeps_its_lead(
    slowdown: float, lead: float, luck: float
) -> None:
    """Those that are out may be: the fastest is of those admitted, as of the last tick."""
    assert pace(slowdown, slowdown + lead, luck) == slowdown


# -- the price of a failure


@bounded(100)
@given(st.none() | st.floats(0.0, 1e9))
def test_a_failure_is_worth_retry_after_between_five_seconds_and_a_minute(retry_after: float | None) -> None:
    price = error_price(retry_after)
    assert ERROR_PRICE_S <= price <= MOST_ERROR_PRICE_S
    if retry_after is not None and ERROR_PRICE_S <= retry_after <= MOST_ERROR_PRICE_S:
        assert price == retry_after


@pytest.mark.parametrize(
    ("retry_after", "least", "price"),
    [(None, 2.0, 2.0), (1.0, 2.0, 2.0), (7.0, 2.0, 7.0), (None, 90.0, 60.0)],
)
def test_a_strategy_may_set_the_least_price_but_not_the_most(
    retry_after: float | None, least: float, price: float
) -> None:
    assert error_price(retry_after, least) == price
