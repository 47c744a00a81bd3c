"""Probability vectors: how they move under the growth cap, how one is drawn from, how far two are apart."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.game.mix import draw, grown, normalised, total_variation, uniform
from tests.game.play import Vector, bounded

ROUNDING = 1e-9
factors = st.sampled_from([1.0, 1.035, 1.5, 2.0, 10.0])


@st.composite
def mixes(drawn: st.DrawFn, count: int | None = None) -> Vector:
    """Probabilities, some of them 0."""
    size = drawn(st.integers(1, 8)) if count is None else count
    weights = drawn(st.lists(st.integers(0, 20), min_size=size, max_size=size).filter(any))
    return [weight / sum(weights) for weight in weights]


@st.composite
def moves(drawn: st.DrawFn) -> tuple[Vector, Vector]:
    """Where the mix wants to go, and where it is."""
    count = drawn(st.integers(1, 8))
    return drawn(mixes(count)), drawn(mixes(count))


def limits(before: Vector, factor: float) -> Vector:
    return [max(factor * b, 1.0 / (20.0 * len(before))) for b in before]


# -- normalising


@pytest.mark.parametrize("count", [1, 2, 7])
def test_uniform_is_the_same_for_all(count: int) -> None:
    assert uniform(count) == [1.0 / count] * count


def test_of_nobody_there_is_no_mix() -> None:
    assert uniform(0) == []
    assert normalised([]) is None
    assert grown([], [], 2.0) == []


@bounded(100)
@given(st.lists(st.floats(0.0, 1e6), min_size=1, max_size=8))
def test_weights_become_a_probability_in_proportion(weights: Vector) -> None:
    mix = normalised(weights)
    if mix is None:
        assert sum(weights) <= 1e-12
    else:
        assert sum(mix) == pytest.approx(1.0)
        assert [share * sum(weights) for share in mix] == pytest.approx(weights)


# -- the growth cap


@bounded(200)
@given(moves(), factors)
def test_before_renormalising_no_share_passes_its_limit(move: tuple[Vector, Vector], factor: float) -> None:
    """max(factor × before, 1/(20K)) caps it, and after renormalising the proportions are those of the capped."""
    target, before = move
    capped = [min(t, limit) for t, limit in zip(target, limits(before, factor), strict=True)]
    assert grown(target, before, factor) == pytest.approx([c / sum(capped) for c in capped])


@bounded(200)
@given(moves(), factors)
def test_after_renormalising_it_is_a_probability_over_the_same_actions(
    move: tuple[Vector, Vector], factor: float
) -> None:
    target, before = move
    mix = grown(target, before, factor)
    assert sum(mix) == pytest.approx(1.0)
    assert min(mix) >= 0.0
    assert [share > 0.0 for share in mix] == [t > 0.0 for t in target]


@bounded(200)
@given(moves(), factors)
def test_after_renormalising_a_share_passes_its_limit_by_at_most_what_has_to_move(
    move: tuple[Vector, Vector], factor: float
) -> None:
    """Σ capped ≥ Σ min(target, before) = 1 − TV for factor ≥ 1: the limit holds up to 1/(1 − TV), and no further."""
    target, before = move
    room = 1.0 - total_variation(target, before)
    for share, limit in zip(grown(target, before, factor), limits(before, factor), strict=True):
        assert share * room <= limit + ROUNDING


@bounded(200)
@given(moves(), factors)
def test_a_share_the_cap_does_not_touch_gets_at_least_its_target(
    move: tuple[Vector, Vector], factor: float
) -> None:
    target, before = move
    mix = grown(target, before, factor)
    for share, t, limit in zip(mix, target, limits(before, factor), strict=True):
        assert share >= min(t, limit) - ROUNDING


@bounded(100)
@given(mixes(), factors)
def test_where_it_wants_to_be_it_stays(mix: Vector, factor: float) -> None:
    assert grown(mix, mix, factor) == pytest.approx(mix)


@bounded(60)
@given(moves(), st.sampled_from([1.035, 2.0]))
def test_it_gets_where_it_wants_to_be(move: tuple[Vector, Vector], factor: float) -> None:
    target, mix = move
    for _ in range(200):
        mix = grown(target, mix, factor)
    assert mix == pytest.approx(target, abs=1e-6)


@pytest.mark.parametrize("count", [2, 3, 10, 20])
def test_a_return_is_slowed_but_not_to_the_factor(count: int) -> None:
    """Renormalised, a share that wants a half grows up to twofold a tick of 50 ms, not twofold a second: what the
    capped may not take goes to all, themselves included. It starts at 2/(20K) or less, and needs 8 ticks or more.
    """
    target = [0.5 / (count - 1)] * (count - 1) + [0.5]
    mix, shares = [1.0 / (count - 1)] * (count - 1) + [0.0], list[float]()
    while mix[-1] < 0.95 * 0.5:
        mix = grown(target, mix, 2.0**0.05)
        shares.append(mix[-1])
    assert shares[0] <= 2.0 / (20.0 * count)
    assert 8 <= len(shares) <= 20
    assert all(a < b <= 2.1 * a for a, b in pairwise(shares))


def test_who_alone_holds_regret_gets_everything_at_once() -> None:
    assert grown([0.0, 0.0, 1.0], [0.5, 0.5, 0.0], 1.035) == [0.0, 0.0, 1.0]


# -- drawing


@bounded(100)
@given(st.lists(st.integers(0, 9), min_size=1, max_size=8).filter(any))
def test_each_is_drawn_as_often_as_its_weight_says(weights: list[int]) -> None:
    """Exactly: the u that fall on it make up its share of [0, 1)."""
    total = sum(weights)
    plain = [float(weight) for weight in weights]
    drawn = [draw(plain, float(total), (u + 0.5) / total) for u in range(total)]
    assert [drawn.count(k) for k in range(len(weights))] == weights


@bounded(100)
@given(mixes(), st.floats(0.0, 1.0, exclude_max=True), st.floats(0.0, 1e-9))
def test_what_has_no_weight_is_never_drawn(weights: Vector, u: float, excess: float) -> None:
    """Also when rounding has made the total a little more than the sum."""
    assert weights[draw(weights, sum(weights) + excess, u)] > 0.0


# -- distance


@bounded(150)
@given(moves())
def test_total_variation_is_the_largest_difference_on_any_event(move: tuple[Vector, Vector]) -> None:
    p, q = move
    differences = [a - b for a, b in zip(p, q, strict=True)]
    events = range(2 ** len(p))
    largest = max(sum(d for k, d in enumerate(differences) if event >> k & 1) for event in events)
    assert total_variation(p, q) == pytest.approx(largest, abs=1e-12)


@bounded(100)
@given(st.data(), st.integers(1, 6))
def test_total_variation_is_a_distance(data: st.DataObject, count: int) -> None:
    p, q, r = (data.draw(mixes(count)) for _ in range(3))
    assert 0.0 <= total_variation(p, q) <= 1.0 + ROUNDING
    assert total_variation(p, q) == total_variation(q, p)
    assert total_variation(p, r) <= total_variation(p, q) + total_variation(q, r) + ROUNDING
    assert (total_variation(p, q) < ROUNDING) is (p == pytest.approx(q, abs=ROUNDING))
