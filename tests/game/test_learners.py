"""What holds of every learner: names of actions do not matter, and play stays a probability whatever happens."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.game.mix import normalised
from sidecar.game.regret import (
    MOST_CONDITIONAL,
    ConditionalRegretMatching,
    Learner,
    PredictiveRegretMatching,
    RegretMatching,
    make,
)
from tests.game.play import NAMES, Vector, bounded, vectors

names = st.sampled_from(NAMES)
retained = st.sampled_from([None, 0.5, 0.98])
growths = st.sampled_from([1e18, 1.035, 2.0])


def ratio(retain: float | None, t: int) -> float:
    return 1.0 - 1.0 / t if retain is None else retain


def assert_probability(mix: Vector, count: int) -> None:
    assert len(mix) == count
    assert min(mix, default=0.0) >= 0.0
    assert sum(mix) == pytest.approx(1.0 if count else 0.0, abs=1e-9)


# -- relabelling


@bounded(150)
@given(st.data(), names, st.integers(1, 7), retained, growths)
def test_renaming_actions_renames_regrets_mix_and_play(
    data: st.DataObject, name: str, count: int, retain: float | None, growth: float
) -> None:
    order = data.draw(st.permutations(range(count)))
    plain, renamed = make(name, count), make(name, count)
    script = data.draw(st.lists(vectors(count), min_size=1, max_size=15))
    for t, losses in enumerate(script, 1):
        plain.observe(losses, ratio(retain, t), 0.02, growth)
        renamed.observe([losses[k] for k in order], ratio(retain, t), 0.02, growth)
    now = data.draw(vectors(count))
    weights = renamed.weights([now[k] for k in order], 0.3)
    assert renamed.mix == pytest.approx([plain.mix[k] for k in order], abs=1e-6)
    assert renamed.regrets() == pytest.approx([plain.regrets()[k] for k in order], abs=1e-6)
    assert weights == pytest.approx([plain.weights(now, 0.3)[k] for k in order], abs=1e-6)


@bounded(60)
@given(st.data(), names, st.integers(2, 7))
def test_actions_that_always_cost_the_same_are_played_the_same(
    data: st.DataObject, name: str, count: int
) -> None:
    learner = make(name, count)
    for t, losses in enumerate(data.draw(st.lists(vectors(count), min_size=1, max_size=15)), 1):
        learner.observe([losses[0], *losses[:-1]], 1.0 - 1.0 / t)
    assert learner.mix[0] == pytest.approx(learner.mix[1], abs=1e-6)


# -- probability


def change(data: st.DataObject, learner: Learner, t: int) -> int:
    """One thing that may happen to a learner; how many actions it has afterwards."""
    count = len(learner.mix)
    if data.draw(st.booleans()):
        learner.observe(data.draw(vectors(count)), ratio(data.draw(retained), t), 0.02, data.draw(growths))
        return count
    stay = data.draw(st.lists(st.integers(0, count - 1), unique=True)) if count else []
    kept = data.draw(st.permutations(stay + [-1] * data.draw(st.integers(0, 3))))
    learner.reseat(kept)
    return len(kept)


@bounded(200)
@given(st.data(), names, st.integers(0, 6))
def test_play_stays_a_probability_and_regret_finite_through_arrivals_and_departures(
    data: st.DataObject, name: str, count: int
) -> None:
    learner = make(name, count)
    for t in range(1, data.draw(st.integers(2, 15))):
        count = change(data, learner, t)
        assert_probability(learner.mix, count)
        assert len(learner.regrets()) == count
        assert all(0.0 <= regret < math.inf for regret in learner.regrets())
    weights = learner.weights(data.draw(vectors(count)), 1.0)
    assert all(0.0 <= weight < math.inf for weight in weights)
    if sum(weights) > 0.0:
        assert_probability(normalised(weights) or learner.mix, count)


@bounded(60)
@given(st.data(), names, st.integers(2, 6))
def test_who_stays_keeps_its_odds_and_a_newcomer_gets_the_mean(
    data: st.DataObject, name: str, count: int
) -> None:
    learner = make(name, count)
    for t, losses in enumerate(data.draw(st.lists(vectors(count), min_size=1, max_size=10)), 1):
        learner.observe(losses, ratio(0.98, t))
    before, regrets = list(learner.mix), list(learner.regrets())
    learner.reseat([*range(count), -1])
    scale = 1.0 + 1.0 / count  # all of them, and one more who gets the mean 1/K
    assert learner.mix == pytest.approx([*(share / scale for share in before), 1.0 / count / scale])
    newcomer = 0.0 if name == "conditional" else sum(regrets) / count  # of pairs nothing is known yet
    assert learner.regrets() == pytest.approx([*regrets, newcomer])


@pytest.mark.parametrize("name", NAMES)
def test_when_everybody_is_new_everybody_is_alike(name: str) -> None:
    learner = make(name, 3)
    learner.observe([0.0, 0.5, 1.0], 0.0)
    learner.reseat([-1, -1])
    assert learner.mix == [0.5, 0.5]
    assert learner.regrets() == [0.0, 0.0]


# -- regret is the only reason to move


@bounded(60)
@given(st.data(), names, st.integers(1, 6))
def test_equal_losses_move_nobody(data: st.DataObject, name: str, count: int) -> None:
    learner = make(name, count)
    learner.observe(data.draw(vectors(count)), 0.0)
    before = list(learner.mix)
    learner.reseat(list(range(count)))
    learner.observe([0.5] * count, 0.9)
    assert learner.mix == pytest.approx(before, abs=1e-4)  # the conditional one solves for it anew, within ε


@bounded(60)
@given(st.data(), names, st.integers(1, 6))
def test_differences_within_the_dead_zone_move_nobody(data: st.DataObject, name: str, count: int) -> None:
    learner = make(name, count)
    nearly = [0.5 + 0.02 * loss for loss in data.draw(vectors(count))]
    learner.observe(nearly, 0.0, 0.02)
    assert learner.mix == [1.0 / count] * count


@bounded(60)
@given(st.data(), names, st.integers(2, 6))
def test_an_action_without_regret_is_not_played(data: st.DataObject, name: str, count: int) -> None:
    """The external learners never explore: being tried again is the probes' business (policy)."""
    learner = make(name, count)
    learner.observe(data.draw(vectors(count)), 0.0)
    if max(learner.regrets()) > 1e-6 and name != "conditional":
        idle = [share for share, regret in zip(learner.mix, learner.regrets(), strict=True) if regret == 0.0]
        assert not any(idle)


def test_a_name_and_a_number_of_endpoints_make_a_learner() -> None:
    assert type(make("external", 3)) is RegretMatching
    assert type(make("predictive", 3)) is PredictiveRegretMatching
    assert type(make("conditional", MOST_CONDITIONAL)) is ConditionalRegretMatching
    assert type(make("conditional", MOST_CONDITIONAL + 1)) is PredictiveRegretMatching
