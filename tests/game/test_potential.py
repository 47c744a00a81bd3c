"""Routing as a congestion game: one that moves alone to its own advantage lowers the potential, so this must end."""

from collections.abc import Callable
from dataclasses import astuple

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sidecar.game.potential import Curve, Moments, beckmann, better_response, fit, rosenthal
from tests.game.play import bounded

Costs = list[Callable[[int], float]]
MOST = 8


@st.composite
def crowds(draw: st.DrawFn) -> tuple[Costs, list[int]]:
    """Whole costs by number of players, any shape (up, down, crooked); up to eight players on up to five links."""
    links = draw(st.integers(1, 5))
    tables = [[float(draw(st.integers(-20, 20))) for _ in range(MOST + 1)] for _ in range(links)]
    counts = [0] * links
    for _ in range(draw(st.integers(0, MOST))):
        counts[draw(st.integers(0, links - 1))] += 1
    return [table.__getitem__ for table in tables], counts


def moved(counts: list[int], j: int, k: int) -> list[int]:
    return [n - (i == j) + (i == k) for i, n in enumerate(counts)]


def gain(costs: Costs, counts: list[int], j: int, k: int) -> float:
    """What one player on j saves by going to k."""
    return costs[j](counts[j]) - costs[k](counts[k] + 1)


# -- Rosenthal


@bounded(200)
@given(crowds(), st.data())
def test_a_single_move_lowers_the_potential_by_exactly_what_the_mover_gains(
    crowd: tuple[Costs, list[int]], data: st.DataObject
) -> None:
    costs, counts = crowd
    assume(sum(counts) > 0 and len(counts) > 1)
    j = data.draw(st.sampled_from([j for j, n in enumerate(counts) if n]))
    k = data.draw(st.sampled_from([k for k in range(len(counts)) if k != j]))
    fall = rosenthal(costs, counts) - rosenthal(costs, moved(counts, j, k))
    assert fall == gain(costs, counts, j, k)


@bounded(200)
@given(crowds())
def test_the_better_response_is_the_best_there_is_or_none(crowd: tuple[Costs, list[int]]) -> None:
    costs, counts = crowd
    pairs = [(j, k) for j, n in enumerate(counts) if n for k in range(len(counts)) if k != j]
    best = max((gain(costs, counts, j, k) for j, k in pairs), default=0.0)
    move = better_response(costs, counts)
    assert (move is None) is (best <= 0.0)
    if move is not None:
        assert gain(costs, counts, *move) == best


@bounded(150)
@given(crowds())
def test_better_responses_end_in_a_pure_nash_equilibrium(crowd: tuple[Costs, list[int]]) -> None:
    """Each lowers a potential that has finitely many values; so a pure equilibrium exists, too."""
    costs, counts = crowd
    potential = rosenthal(costs, counts)
    for _ in range(1000):
        move = better_response(costs, counts)
        if move is None:
            break
        counts = moved(counts, *move)
        assert rosenthal(costs, counts) < potential
        potential = rosenthal(costs, counts)
    else:
        pytest.fail("better responses go on for ever")
    assert all(
        gain(costs, counts, j, k) <= 0.0
        for j, n in enumerate(counts)
        if n
        for k in range(len(counts))
        if k != j
    )


def test_two_that_move_at_once_may_go_round_for_ever() -> None:
    """Why agents move a part of their share only: each gains alone, both lose together."""
    costs: Costs = [float, float]  # as many seconds as players
    both_here, both_there = [2, 0], [0, 2]
    assert better_response(costs, both_here) == (0, 1)
    assert better_response(costs, both_there) == (1, 0)
    assert rosenthal(costs, both_here) == rosenthal(costs, both_there) > rosenthal(costs, [1, 1])


# -- Beckmann


curves = st.builds(Curve, st.floats(0.0, 2.0), st.floats(0.05, 2.0))


def wardrop(links: list[Curve], demand: float) -> list[float]:
    """Loads at which all links in use cost the same and no other less: by bisection on that cost."""
    low, high = 0.0, 2.0 + 2.0 * demand
    for _ in range(100):
        level = (low + high) / 2
        loads = [max(0.0, (level - link.base_s) / link.slope_s) for link in links]
        low, high = (level, high) if sum(loads) < demand else (low, level)
    return loads


@bounded(150)
@given(st.lists(curves, min_size=1, max_size=5), st.floats(0.1, 10.0), st.data())
def test_beckmann_is_least_at_wardrops_equilibrium(
    links: list[Curve], demand: float, data: st.DataObject
) -> None:
    weights = data.draw(st.lists(st.floats(0.01, 1.0), min_size=len(links), max_size=len(links)))
    other = [demand * weight / sum(weights) for weight in weights]
    assert beckmann(links, other) >= beckmann(links, wardrop(links, demand)) - 1e-9


@bounded(150)
@given(curves, curves, st.floats(0.1, 10.0))
def test_and_only_there(one: Curve, two: Curve, demand: float) -> None:
    """Of two links: on a grid, the least potential is where the equilibrium is."""
    grid = [demand * n / 1000 for n in range(1001)]
    least = min(grid, key=lambda load: beckmann([one, two], [load, demand - load]))
    assert least == pytest.approx(wardrop([one, two], demand)[0], abs=demand / 1000)


@bounded(100)
@given(curves, st.floats(0.0, 10.0))
def test_area_is_the_integral_of_the_curve(curve: Curve, load: float) -> None:
    """A straight line: the midpoint rule is exact."""
    width = load / 7
    strips = sum(curve.at((n + 0.5) * width) * width for n in range(7))
    assert curve.area(load) == pytest.approx(strips)


# -- the curve through what was seen


samples = st.lists(
    st.tuples(st.integers(0, 20), st.integers(0, 100).map(lambda n: n / 50)), min_size=1, max_size=12
)


def moments(points: list[tuple[int, float]]) -> Moments:
    seen = Moments()
    for load, cost in points:
        seen.add(float(load), cost)
    return seen


def squares(points: list[tuple[int, float]], base: float, slope: float) -> float:
    return sum((base + slope * load - cost) ** 2 for load, cost in points)


@bounded(200)
@given(samples)
def test_the_fit_is_the_least_of_squares_among_lines_that_do_not_fall(
    points: list[tuple[int, float]],
) -> None:
    """Against brute force: no other base and slope ≥ 0 does better, on a grid around it and on one of everything."""
    curve = fit(moments(points))
    assert curve is not None
    assert curve.base_s >= 0.0
    assert curve.slope_s >= 0.0
    found = squares(points, curve.base_s, curve.slope_s)
    steps = [n / 10 for n in range(-10, 11)]
    for scale in (1.0, 1e-3):
        for a in steps:
            for b in steps:
                base, slope = max(0.0, curve.base_s + scale * a), max(0.0, curve.slope_s + scale * b)
                assert squares(points, base, slope) >= found - 1e-9


@bounded(150)
@given(curves, st.sets(st.integers(0, 50), min_size=2, max_size=10))
def test_points_on_a_line_give_that_line(curve: Curve, loads: set[int]) -> None:
    found = fit(moments([(load, curve.at(load)) for load in loads]))
    assert found is not None
    assert astuple(found) == pytest.approx(astuple(curve), abs=1e-6)


@bounded(100)
@given(samples, st.lists(st.floats(0.1, 1.0), max_size=5))
def test_fading_everything_alike_changes_nothing(points: list[tuple[int, float]], keeps: list[float]) -> None:
    """Only the proportions of the samples count, however faint; until too little is left to say anything."""
    seen = moments(points)
    before = fit(seen)
    for keep in keeps:
        seen.fade(keep)
    assert before is not None
    after = fit(seen)
    assert (after is None) is (seen.weight < 1e-6)
    if after is not None:
        assert astuple(after) == pytest.approx(astuple(before), rel=1e-6, abs=1e-6)


@bounded(100)
@given(samples, samples)
def test_faded_samples_count_less(old: list[tuple[int, float]], new: list[tuple[int, float]]) -> None:
    seen = moments(old)
    seen.fade(1e-9)
    for load, cost in new:
        seen.add(float(load), cost)
    found, fresh = fit(seen), fit(moments(new))
    assert found is not None
    assert fresh is not None
    if len({load for load, _ in new}) > 1:
        assert astuple(found) == pytest.approx(astuple(fresh), abs=1e-4)


def test_nothing_seen_is_no_curve() -> None:
    assert fit(Moments()) is None


@pytest.mark.parametrize("load", [0, 7])
def test_one_load_seen_says_nothing_of_slope(load: int) -> None:
    found = fit(moments([(load, 0.2), (load, 0.4)]))
    assert found is not None
    assert astuple(found) == pytest.approx((0.3, 0.0))
