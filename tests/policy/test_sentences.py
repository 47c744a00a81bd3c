"""The mildest level for which a short punishment deters; and the score that says when it is over."""

import math
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sidecar.policy import reputation
from sidecar.policy.rules import PoliceConfig
from sidecar.policy.sentences import DEPTHS, Offence, enforceable, pronounce

DISCOUNT = math.exp(-1 / 60)
LONGEST = 10


@st.composite
def offences(draw: st.DrawFn) -> Offence:
    floor = draw(st.floats(0.1, 20.0))
    due = floor + draw(st.floats(0.0, 500.0))
    excess = draw(st.floats(0.1, 30.0)) * due
    return Offence(offered=due + excess, due=due, floor=floor, waited_for=draw(st.booleans()))


def length_at(offence: Offence, level: float) -> int:
    return enforceable(offence.offered - offence.due, offence.due - level, DISCOUNT)


@settings(max_examples=300, deadline=None)
@given(offences(), st.integers(0, 10))
def test_a_sentence_deters_or_is_the_longest_at_the_floor(offence: Offence, back: int) -> None:
    sentence = pronounce(offence, DISCOUNT, LONGEST, back)
    assert offence.floor <= sentence.level <= offence.due
    assert 1 <= sentence.length <= LONGEST
    if sentence.certificate.holds:
        assert sentence.length == length_at(offence, sentence.level)
    else:
        assert (sentence.level, sentence.length) == (offence.floor, LONGEST)


@settings(max_examples=300, deadline=None)
@given(offences())
def test_its_certificate_holds_exactly_if_some_level_deters_in_time(offence: Offence) -> None:
    """Computed state by state, without the theorem's formula."""
    needed = (offence.offered - offence.due) / sum(DISCOUNT**tick for tick in range(1, LONGEST + 1))
    loss = offence.due - offence.floor
    assume(abs(needed - loss) > 1e-6 * offence.due)
    assert pronounce(offence, DISCOUNT, LONGEST).certificate.holds is (loss > needed)


@settings(max_examples=300, deadline=None)
@given(offences())
def test_no_milder_level_would_do(offence: Offence) -> None:
    sentence = pronounce(offence, DISCOUNT, LONGEST)
    milder = [offence.due * depth for depth in DEPTHS if offence.due * depth > sentence.level]
    assert all(length_at(offence, level) > LONGEST for level in milder)


def test_a_sentence_is_certified_for_as_long_as_it_is_served() -> None:
    """The score may keep the caller punished for longer than the theorem asks."""
    offence = Offence(offered=120.0, due=100.0, floor=1.0, waited_for=True)
    sentence = pronounce(offence, DISCOUNT, LONGEST, forgiven_after=7)
    assert (sentence.length, sentence.certificate.length) == (1, 7)
    assert sentence.certificate.holds


def test_where_nobody_waits_a_trifle_is_not_worth_withholding_anything() -> None:
    """Then the enforcer would rather spare: the certificate is honest about it."""
    trifle = Offence(offered=100.1, due=100.0, floor=1.0, waited_for=False)
    assert not pronounce(trifle, DISCOUNT, LONGEST).certificate.holds


def test_a_certificate_is_bounded_however_slow_the_forgiveness() -> None:
    offence = Offence(offered=500.0, due=100.0, floor=1.0, waited_for=True)
    sentence = pronounce(offence, DISCOUNT, LONGEST, forgiven_after=10**9)
    assert (sentence.certificate.length, sentence.certificate.holds) == (100, True)


# -- the score


@given(st.floats(0.0, 1.0), st.floats(0.0, 100.0), st.floats(0.1, 100.0))
def test_the_score_stays_between_0_and_1(score: float, elapsed_s: float, half_life_s: float) -> None:
    assert 0.0 <= reputation.fallen(score, elapsed_s, half_life_s) <= score
    assert score <= reputation.risen(score, elapsed_s, half_life_s) <= 1.0


def test_half_is_forgotten_in_a_half_life() -> None:
    assert reputation.fallen(0.8, 5.0, 5.0) == pytest.approx(0.4)
    assert reputation.risen(0.2, 5.0, 5.0) == pytest.approx(0.6)


@given(st.floats(0.0, 1.0), st.floats(0.05, 0.95), st.floats(0.5, 30.0))
def test_it_is_back_after_the_ticks_it_says_and_not_before(
    score: float, threshold: float, half_life_s: float
) -> None:
    ticks = reputation.ticks_until(threshold, score, 1.0, half_life_s)
    assert reputation.risen(score, float(ticks), half_life_s) >= threshold - 1e-6
    assert ticks == 0 or reputation.risen(score, ticks - 1.0, half_life_s) < threshold


def test_a_clock_that_steps_back_changes_no_score() -> None:
    assert reputation.fallen(0.5, -1.0, 5.0) == 0.5


def test_hardly_any_forgiveness_takes_hardly_for_ever() -> None:
    assert reputation.ticks_until(0.6, 0.1, 1.0, 1e308) == 10**9


# -- the rules


def rules(**changes: Any) -> PoliceConfig:
    return PoliceConfig(**changes)


@pytest.mark.parametrize("name", ["tick_s", "half_life_s", "floor_rate", "unknown_budget"])
@pytest.mark.parametrize("value", [0.0, -1.0, math.nan, math.inf])
def test_a_rule_that_cannot_be_kept_is_refused_with_its_name(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=name):
        rules(**{name: value})


@pytest.mark.parametrize("name", ["longest", "most_callers", "most_keys"])
def test_a_number_of_things_is_at_least_one(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        rules(**{name: 0})


@pytest.mark.parametrize("name", ["tolerance", "luck", "retry_share", "retry_free"])
def test_an_allowance_may_be_nothing_but_not_less(name: str) -> None:
    assert getattr(rules(**{name: 0.0}), name) == 0.0
    with pytest.raises(ValueError, match=name):
        rules(**{name: -0.1})


@pytest.mark.parametrize("threshold", [0.0, 1.0, math.nan])
def test_a_threshold_that_everybody_or_nobody_reaches_is_refused(threshold: float) -> None:
    with pytest.raises(ValueError, match="threshold"):
        PoliceConfig(threshold=threshold)


def test_a_longest_punishment_has_an_end() -> None:
    with pytest.raises(ValueError, match="longest"):
        PoliceConfig(longest=10**9)


@pytest.mark.parametrize("horizon_s", [1e-9, 1e9])
def test_a_horizon_without_a_discount_is_refused(horizon_s: float) -> None:
    with pytest.raises(ValueError, match="horizon_s"):
        PoliceConfig(horizon_s=horizon_s)


def test_the_discount_per_tick_is_that_of_the_horizon() -> None:
    assert PoliceConfig(tick_s=2.0, horizon_s=30.0).discount == pytest.approx(math.exp(-1 / 15))
