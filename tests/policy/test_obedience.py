"""When advice is regretted: measured against our own mix, beyond luck, and for how long trust is lost."""

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.policy import trust as trusts
from sidecar.policy.arm import Arm
from sidecar.policy.obedience import Stake, Trial
from sidecar.policy.trust import Trust

TOLERANCE = 0.05


def trial_of(followed: list[float], own: list[float]) -> Trial:
    trial = Trial(60.0)
    for cost in followed:
        trial.followed.add(cost)
    for cost in own:
        trial.own.add(cost)
    return trial


def test_too_few_requests_prove_nothing() -> None:
    trial = trial_of([30.0] * 20, [1.0] * 11)
    assert trial.regret() == 0.0
    assert trial.luck() == math.inf
    assert not trial.regretted(TOLERANCE)


def test_a_lie_that_doubles_costs_is_found_after_some_dozens() -> None:
    rng = random.Random(1)
    trial = trial_of([2 * rng.expovariate(1) for _ in range(200)], [rng.expovariate(1) for _ in range(80)])
    assert trial.regretted(TOLERANCE)
    assert trial.regret() > 0.3


def test_advice_that_is_better_is_not_regretted() -> None:
    for seed in range(200):
        rng = random.Random(seed)
        trial = Trial(60.0)
        for _ in range(300):
            trial.followed.add(0.95 * rng.lognormvariate(0, 0.6))
            if rng.random() < 0.1:
                trial.own.add(rng.lognormvariate(0, 0.6))
            assert not trial.regretted(TOLERANCE), seed


def test_alike_is_not_taken_for_certain() -> None:
    """Twelve requests that took exactly the same are no proof that all do."""
    assert not trial_of([1.2] * 12, [1.0] * 12).regretted(TOLERANCE)


@given(
    st.lists(st.floats(0.0, 32.0), min_size=12, max_size=60),
    st.lists(st.floats(0.0, 32.0), min_size=12, max_size=60),
    st.floats(0.01, 100.0),
)
@settings(deadline=None)
def test_regret_is_relative(followed: list[float], own: list[float], scale: float) -> None:
    one, other = trial_of(followed, own), trial_of([c * scale for c in followed], [c * scale for c in own])
    if sum(followed) + sum(own) > 1e-3:
        assert other.regret() == pytest.approx(one.regret(), rel=1e-6, abs=1e-9)
        assert other.luck() == pytest.approx(one.luck(), rel=1e-4, abs=1e-6)


@given(st.lists(st.floats(0.0, 32.0), min_size=1, max_size=50), st.floats(0.1, 1.0))
def test_fading_keeps_the_mean(costs: list[float], keep: float) -> None:
    arm = Arm()
    for cost in costs:
        arm.add(cost)
    mean = arm.mean()
    arm.fade(keep)
    assert arm.mean() == pytest.approx(mean, abs=1e-9)
    assert arm.count == pytest.approx(keep * len(costs))


def test_an_arm_without_requests_has_neither_mean_nor_tail() -> None:
    assert (Arm().mean(), Arm().tail()) == (0.0, 0.0)


def test_a_request_of_before_a_new_beginning_counts_nowhere() -> None:
    one, everything = Trial(60.0), Trial(15.0)
    stake = Stake(one.followed, everything.followed)
    one.begin()
    everything.begin()
    stake.settle(30.0)
    assert one.followed.count == everything.followed.count == 0.0


def test_trust_is_lost_for_twice_as_long_each_time() -> None:
    trust, rng, now = Trust(), random.Random(3), 0.0
    lost = []
    for _ in range(8):
        trust.lose(now, rng)
        lost.append(trust.lost_s)
        assert 0.75 * trust.lost_s <= trust.again_at - now <= 1.25 * trust.lost_s
        now = trust.again_at + 1.0
    assert lost == [min(trusts.LONGEST_S, trusts.FIRST_S * 2**n) for n in range(8)]


def test_after_a_long_time_of_good_advice_a_loss_is_short_again() -> None:
    trust, rng = Trust(), random.Random(3)
    trust.lose(0.0, rng)
    trust.lose(trust.again_at + 1.0, rng)
    trust.lose(trust.again_at + trusts.WELL_S + 1.0, rng)
    assert trust.lost_s == trusts.FIRST_S


def test_sidecars_do_not_return_in_step() -> None:
    back = set()
    for seed in range(20):
        trust = Trust()
        trust.lose(0.0, random.Random(seed))
        back.add(trust.again_at)
    assert len(back) == 20
