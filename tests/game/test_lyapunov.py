"""V is half the squared distance of the regrets to the orthant of no regret, and learning drives it down."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.game.lyapunov import distance
from sidecar.game.payoff import losses
from sidecar.game.regret import RegretMatching
from tests.game.play import ADVERSARIES, ROUNDING, Adversary, Vector, against, bounded, regret_of

points = st.lists(st.floats(-5.0, 5.0), min_size=1, max_size=6)


def half_squared(a: Vector, b: Vector) -> float:
    return 0.5 * math.dist(a, b) ** 2


@bounded(150)
@given(st.data(), points)
def test_it_is_the_least_distance_to_any_point_without_regret(data: st.DataObject, regrets: Vector) -> None:
    """Attained at the projection, which keeps what is negative; no other point of the orthant is nearer."""
    nearest = [min(0.0, regret) for regret in regrets]
    assert distance(regrets) == pytest.approx(half_squared(regrets, nearest))
    steps = data.draw(st.lists(st.floats(-5.0, 5.0), min_size=len(regrets), max_size=len(regrets)))
    other = [min(0.0, a + step) for a, step in zip(nearest, steps, strict=True)]
    assert half_squared(regrets, other) >= distance(regrets) - ROUNDING


@bounded(100)
@given(points)
def test_it_is_nothing_exactly_without_regret(regrets: Vector) -> None:
    assert distance([min(0.0, regret) for regret in regrets]) == 0.0
    if max(regrets) > ROUNDING:
        assert distance(regrets) > 0.0


@bounded(60)
@given(st.sampled_from(ADVERSARIES), st.integers(2, 10), st.integers(1, 100), st.integers(0, 99))
def test_blackwell_a_step_adds_at_most_its_own_square(
    adversary: Adversary, count: int, length: int, seed: int
) -> None:
    """`V' ≤ ρ²·V + (1 − ρ)²·½‖r‖²`, whoever sets the losses: approachability, and every bound, follows."""
    learner, value = RegretMatching(count), 0.0
    for t, (played, found) in enumerate(against(RegretMatching(count), adversary, length, seed), 1):
        assert learner.mix == played
        fresh = 1.0 / t
        learner.observe(found, 1.0 - fresh)
        square = sum(r * r for r in regret_of(played, found))
        value, before = distance(learner.regrets()), value
        assert value <= (1.0 - fresh) ** 2 * before + 0.5 * fresh * fresh * square + ROUNDING


@bounded(60)
@given(
    st.lists(st.integers(4, 40), min_size=1, max_size=8),
    st.sampled_from([None, 0.9, 0.98]),
    st.sampled_from([0.0, 0.02]),
)
def test_under_fixed_losses_it_never_rises_again_once_the_mix_costs_no_more_than_the_best(
    costs: list[int], retain: float | None, dead_zone: float
) -> None:
    """And that comes to pass: when costs stand still and V still rises, something flaps."""
    found = losses([float(cost) for cost in costs])
    learner, value, settled = RegretMatching(len(costs)), 0.0, False
    for t in range(1, 1001):
        learner.observe(found, 1.0 - 1.0 / t if retain is None else retain, dead_zone)
        before, value = value, distance(learner.regrets())
        assert not settled or value <= before + 1e-15
        mean = sum(share * x for share, x in zip(learner.mix, found, strict=True))
        settled = settled or mean <= min(found) + dead_zone + 1e-12
    assert settled
