"""What a caller's windows say about its type: evidence moves belief the right way, silence takes it back."""

import math
from typing import TypedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.game.callers import COOPERATIVE, GREEDY, HOSTILE, LEAST, PRIOR, CallerPosterior
from tests.game.play import bounded


class Window(TypedDict, total=False):
    over_share: float | None
    storm: float | None
    churn: float | None
    path_entropy: float | None
    waste: float | None


OBSERVABLES = ["over_share", "storm", "churn", "path_entropy", "waste"]
fractions = st.none() | st.floats(0.0, 1.0)
windows = st.fixed_dictionaries(dict.fromkeys(OBSERVABLES, fractions))
histories = st.lists(windows, max_size=20)

GOOD: Window = {"over_share": 0.0, "storm": 0.0, "churn": 0.0, "path_entropy": 0.3, "waste": 0.0}
GREEDY_ONE: Window = {"over_share": 1.0, "storm": 0.0, "churn": 0.0, "path_entropy": 0.3, "waste": 0.0}
ROTATING: Window = {"over_share": 1.0, "churn": 1.0, "path_entropy": 1.0, "waste": 0.0}


def after(history: list[Window]) -> CallerPosterior:
    posterior = CallerPosterior()
    for window in history:
        posterior.observe(**window)
    return posterior


def odds(posterior: CallerPosterior, one: int, other: int) -> float:
    return posterior.probability[one] / posterior.probability[other]


@bounded(200)
@given(histories, st.floats(0.0, 1e4))
def test_it_stays_a_probability_bounded_away_from_certainty(history: list[Window], elapsed_s: float) -> None:
    posterior = after(history)
    for _ in range(2):
        assert sum(posterior.probability) == pytest.approx(1.0, abs=1e-12)
        assert min(posterior.probability) >= LEAST / (1.0 + 3.0 * LEAST), "a type was ruled out for good"
        posterior.fade(elapsed_s)


@bounded(200)
@given(windows, st.sampled_from(OBSERVABLES), st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_more_of_any_observable_never_speaks_for_the_caller(
    window: Window, name: str, one: float, other: float
) -> None:
    less, more = after([{**window, name: min(one, other)}]), after([{**window, name: max(one, other)}])  # type: ignore[misc]
    slack = 1.0 + 1e-9
    assert odds(more, HOSTILE, COOPERATIVE) * slack >= odds(less, HOSTILE, COOPERATIVE)
    assert odds(more, GREEDY, COOPERATIVE) * slack >= odds(less, GREEDY, COOPERATIVE)


@pytest.mark.parametrize("name", ["churn", "path_entropy", "waste"])
def test_rotation_and_waste_tell_the_hostile_from_the_greedy(name: str) -> None:
    seen, unseen = after([{name: 1.0}]), after([{name: 0.0}])  # type: ignore[misc]
    assert (
        odds(seen, HOSTILE, GREEDY) > odds(CallerPosterior(), HOSTILE, GREEDY) > odds(unseen, HOSTILE, GREEDY)
    )


@bounded(60)
@given(histories)
def test_what_is_not_known_says_nothing(history: list[Window]) -> None:
    posterior, before = after(history), after(history).probability
    posterior.observe()
    posterior.observe(churn=float("nan"))
    assert posterior.probability == pytest.approx(before, abs=4.0 * LEAST**2), "beyond rounding at the floor"


@bounded(60)
@given(st.sampled_from(OBSERVABLES), st.floats(1.0, 1e300), st.floats(-1e300, 0.0))
def test_out_of_range_counts_as_the_end_of_the_range(name: str, above: float, below: float) -> None:
    assert after([{name: above}]).probability == after([{name: 1.0}]).probability  # type: ignore[misc]
    assert after([{name: below}]).probability == after([{name: 0.0}]).probability  # type: ignore[misc]


@pytest.mark.parametrize("name", OBSERVABLES)
def test_what_may_happen_adds_up_so_belief_moves_only_by_surprise(name: str) -> None:
    """At 0 and 1 the likelihoods are Bernoulli's: seen or not, weighed by how likely, gives the prior back."""
    seen, unseen = after([{name: 1.0}]).probability, after([{name: 0.0}]).probability  # type: ignore[misc]
    chance = (PRIOR[HOSTILE] - unseen[HOSTILE]) / (seen[HOSTILE] - unseen[HOSTILE])
    assert 0.0 < chance < 1.0
    for kind in (COOPERATIVE, GREEDY):
        assert chance * seen[kind] + (1.0 - chance) * unseen[kind] == pytest.approx(PRIOR[kind])


@bounded(100)
@given(histories, st.floats(0.0, 60.0), st.floats(0.0, 60.0))
def test_silence_returns_it_to_the_prior_at_the_rate_of_switching(
    history: list[Window], first_s: float, second_s: float
) -> None:
    """In one go or in two."""
    posterior, other = after(history), after(history)
    keep = math.exp(-CallerPosterior.HAZARD_PER_S * (first_s + second_s))
    expected = [q + keep * (p - q) for p, q in zip(posterior.probability, PRIOR, strict=True)]
    posterior.fade(first_s + second_s)
    other.fade(first_s)
    other.fade(second_s)
    assert posterior.probability == pytest.approx(expected)
    assert other.probability == pytest.approx(expected)


def test_ten_minutes_of_silence_are_a_clean_slate() -> None:
    posterior = after([ROTATING] * 10)
    posterior.fade(600.0)
    assert posterior.probability == pytest.approx(list(PRIOR), abs=1e-9)


def test_a_clock_that_stands_or_runs_back_changes_nothing() -> None:
    posterior, before = after([ROTATING]), after([ROTATING]).probability
    posterior.fade(0.0)
    posterior.fade(-5.0)
    assert posterior.probability == pytest.approx(before)


@pytest.mark.parametrize(
    ("window", "kind", "enough"), [(GOOD, COOPERATIVE, 1), (GREEDY_ONE, GREEDY, 3), (ROTATING, HOSTILE, 3)]
)
def test_a_few_windows_tell_the_types_apart(window: Window, kind: int, enough: int) -> None:
    posterior = CallerPosterior()
    for _ in range(enough):
        posterior.fade(1.0)
        posterior.observe(**window)
    assert posterior.probability[kind] >= 0.9


def test_whoever_reforms_is_believed_within_seconds() -> None:
    posterior = after([ROTATING] * 1000)
    for _ in range(5):
        posterior.fade(1.0)
        posterior.observe(**GOOD)
    assert posterior.hostile <= 0.1, "a long record must not count for ever"
