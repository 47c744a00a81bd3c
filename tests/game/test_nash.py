"""The gap is what a deviation would gain: never negative, nothing exactly where all that is played costs the least."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.game.nash import TOLERANCE, gap, relative_gap
from tests.game.play import bounded


@st.composite
def positions(draw: st.DrawFn) -> tuple[list[float], list[float]]:
    """Shares in eighths and whole costs, so that sums are exact."""
    cuts = sorted(draw(st.lists(st.integers(0, 8), min_size=0, max_size=5)))
    shares = [(b - a) / 8 for a, b in zip([0, *cuts], [*cuts, 8], strict=True)]
    return shares, [float(draw(st.integers(1, 9))) for _ in shares]


@bounded(200)
@given(positions())
def test_the_gap_is_nothing_exactly_at_wardrops_equilibrium(
    position: tuple[list[float], list[float]],
) -> None:
    shares, costs = position
    used = [cost for share, cost in zip(shares, costs, strict=True) if share > 0.0]
    assert gap(shares, costs) >= 0.0
    assert (gap(shares, costs) == 0.0) is (max(used) == min(costs))


@bounded(200)
@given(positions())
def test_the_gap_is_the_best_deviations_gain_and_at_most_the_spread(
    position: tuple[list[float], list[float]],
) -> None:
    shares, costs = position
    pays = sum(share * cost for share, cost in zip(shares, costs, strict=True))
    assert gap(shares, costs) == max(pays - cost for cost in costs)
    assert gap(shares, costs) <= max(costs) - min(costs)


@bounded(100)
@given(positions(), st.sampled_from([0.25, 3.0, 1e-3]))
def test_the_relative_gap_has_no_unit(position: tuple[list[float], list[float]], factor: float) -> None:
    shares, costs = position
    scaled = relative_gap(shares, [factor * cost for cost in costs])
    assert scaled == pytest.approx(relative_gap(shares, costs))
    assert relative_gap(shares, costs) == pytest.approx(gap(shares, costs) / min(costs))


@pytest.mark.parametrize(("slow", "settled"), [(1.44, True), (1.46, False)])
def test_a_third_of_the_traffic_may_cost_almost_half_more(slow: float, settled: bool) -> None:
    """What 15 % means: the mean is that much above the best, not any one endpoint."""
    assert (relative_gap([1 / 3] * 3, [1.0, 1.0, slow]) <= TOLERANCE) is settled


def test_costs_of_nothing_are_an_equilibrium() -> None:
    assert relative_gap([0.5, 0.5], [0.0, 0.0]) == 0.0
