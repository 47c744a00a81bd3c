"""Exploitation against adaptation: what a constant discount ρ buys, and what it costs.

Memory is 1/(1 − ρ) steps (ρ = 0.98 per 50 ms: 2.5 s). Bought: however long the past was, a new best action takes over
within about a memory. Paid: discounted regret stays in a neighbourhood of zero, ≤ √((1 − ρ)(K − 1)/(1 + ρ)), and an
adversary keeps it there; with ρ = 1 − 1/t it vanishes, but a learner that does not clip needs as long as the past was.
"""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.game.payoff import losses as losses_of
from sidecar.game.regret import Learner, make
from tests.game.play import (
    ADVERSARIES,
    NAMES,
    ROUNDING,
    Adversary,
    Step,
    Vector,
    against,
    bounded,
    external_regret,
    punish_the_favourite,
    regret_of,
    scripted,
    vectors,
)

RHOS = (0.9, 0.95, 0.98)
names = st.sampled_from(NAMES)
rhos = st.sampled_from(RHOS)


def favour(best: int, count: int) -> Vector:
    """The others cost four times as much, or more."""
    return losses_of([1.0 if k == best else 4.0 for k in range(count)])


def steps_until(learner: Learner, best: int, retain: float, most: int) -> int:
    """Steps until nine tenths of play are `best`, when it is."""
    for step in range(most + 1):
        if learner.mix[best] >= 0.9:
            return step
        learner.observe(favour(best, len(learner.mix)), retain)
    return most + 1


def discounted(steps: list[Step], retain: float) -> list[float]:
    """The largest discounted regret after each step; written without the learner."""
    regret, largest = [0.0] * len(steps[0][0]), []
    for played, losses in steps:
        step = regret_of(played, losses)
        regret = [retain * r + (1.0 - retain) * s for r, s in zip(regret, step, strict=True)]
        largest.append(max(regret))
    return largest


# -- bought


@bounded(100)
@given(st.data(), names, st.integers(2, 6), rhos, st.integers(0, 500))
def test_a_new_best_action_takes_over_within_two_memories_whatever_was_before(
    data: st.DataObject, name: str, count: int, retain: float, past: int
) -> None:
    script = data.draw(st.lists(vectors(count), min_size=1, max_size=6))
    learner = make(name, count)
    against(learner, scripted(script), past, 0, retain)
    memory = 1.0 / (1.0 - retain)
    assert steps_until(learner, count - 1, retain, 1000) <= 2.0 * memory


@pytest.mark.parametrize("past", [100, 1000])
@pytest.mark.parametrize("name", NAMES)
def test_the_length_of_the_past_does_not_matter_when_it_is_discounted(name: str, past: int) -> None:
    learner = make(name, 3)
    against(learner, scripted([favour(0, 3)]), past, 0, 0.98)
    assert steps_until(learner, 1, 0.98, 1000) <= 36  # 50·ln 2: as much against as in favour


def test_undiscounted_the_unclipped_learner_needs_as_long_as_the_past() -> None:
    """Conditional regret may be negative, so it remembers how good the old action was; RM⁺ forgets at once."""
    moved = {}
    for name in NAMES:
        learner = make(name, 2)
        against(learner, scripted([favour(0, 2)]), 200, 0)
        step = 200
        while learner.mix[1] < 0.9:
            step += 1
            learner.observe(favour(1, 2), 1.0 - 1.0 / step)
        moved[name] = step - 200
    assert moved["conditional"] >= 200
    assert max(moved["external"], moved["predictive"]) <= 5


# -- paid


@bounded(60)
@given(names, st.sampled_from(ADVERSARIES), st.integers(2, 8), rhos, st.integers(1, 200), st.integers(0, 999))
def test_discounted_regret_stays_in_a_neighbourhood(
    name: str, adversary: Adversary, count: int, retain: float, length: int, seed: int
) -> None:
    """Of external RM⁺ (a predictive one plays its memory here); conditional: √K times that, as it is a sum."""
    steps = against(make(name, count), adversary, length, seed, retain)
    radius = math.sqrt((1.0 - retain) * (count - 1) / (1.0 + retain))
    most = radius * math.sqrt(count) if name == "conditional" else radius
    assert max(discounted(steps, retain)) <= most + ROUNDING


@pytest.mark.parametrize("retain", RHOS)
@pytest.mark.parametrize("name", ["external", "conditional"])
def test_an_adversary_keeps_it_in_that_neighbourhood(name: str, retain: float) -> None:
    """So play only comes near an equilibrium: average regret does not vanish, as it does with ρ = 1 − 1/t."""
    length = 1500
    constant = against(make(name, 2), punish_the_favourite, length, 0, retain)
    averaging = against(make(name, 2), punish_the_favourite, length, 0)
    radius = math.sqrt((1.0 - retain) / (1.0 + retain))
    assert external_regret(constant) / length >= 0.3 * radius
    assert external_regret(averaging) / length <= math.sqrt(2 / length)


@pytest.mark.parametrize("name", NAMES)
def test_a_shorter_memory_adapts_faster_and_regrets_more(name: str) -> None:
    """The trade-off itself."""
    took, paid = [], []
    for retain in RHOS:
        learner = make(name, 3)
        against(learner, scripted([favour(0, 3)]), 500, 0, retain)
        took.append(steps_until(learner, 1, retain, 1000))
        paid.append(external_regret(against(make(name, 3), punish_the_favourite, 1000, 0, retain)))
    assert took == sorted(took)
    assert paid == sorted(paid, reverse=True)
