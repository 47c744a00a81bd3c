"""Advice against tails: a lie that hides behind an unchanged mean is found, honest advice among long tails is kept."""

import random
from collections.abc import Callable

import pytest

from sidecar.policy import confidence
from sidecar.policy.advice import Advice
from sidecar.policy.arm import LONG, Arm
from sidecar.policy.column import Column
from sidecar.policy.obedience import Trial
from sidecar.policy.router import Router, RouterConfig

TOLERANCE = 0.05
PODS = [f"10.0.2.{n}:8080" for n in range(12)]
ADVISED = PODS[:4]
Latency = Callable[[random.Random], float]
"""Of one request, in units of what is usual."""


def usual(rng: random.Random) -> float:
    """A p99 of 2.5, a mean of 1.08."""
    return rng.lognormvariate(0.0, 0.4)


def long_tailed(rng: random.Random) -> float:
    """The same mean, and a p99 of 5: six in a hundred take that, the others are quicker for it."""
    return 5.0 if rng.random() < 0.06 else 0.83 / 1.083 * usual(rng)


def lognormal(rng: random.Random) -> float:
    """A p99 of 16."""
    return rng.lognormvariate(0.0, 1.2)


def pareto(rng: random.Random) -> float:
    """Of infinite variance, with a p99 of 7."""
    return rng.paretovariate(2.0) / 1.414


def advised(advised_pods: Latency, others: Latency, seconds: float, seed: int) -> Advice:
    """One sidecar, 85 requests a second, in virtual time; four pods of twelve are advised for."""
    rng = random.Random(seed)
    router = Router(RouterConfig(), rng=rng)
    router.set_endpoints(PODS, 0.0)
    router.advise(Column(1, 0, 1.0, 0.0, (dict.fromkeys(ADVISED, 0.25),) * 200, 1e6), 0.0)
    for number in range(int(seconds * 85)):
        now = number / 85
        ticket = router.pick("GET /", now)
        latency = advised_pods if ticket.endpoint in ADVISED else others
        ticket.succeeded(now + 0.010 * latency(rng))
    assert router.advice is not None
    return router.advice


def compared(followed: Latency, own: Latency, seed: int, seconds: float = 60.0) -> int:
    """How often trust in an action is lost, an eighth of 85 requests a second on either side."""
    rng, trial, lost = random.Random(seed), Trial(60.0), 0
    for _ in range(int(seconds / 0.1)):
        if rng.random() < 0.9:
            trial.followed.add(min(32.0, followed(rng)))
            trial.own.add(min(32.0, own(rng)))
        trial.fade(0.1)
        if trial.regretted(TOLERANCE):
            lost += 1
            trial.begin()
    return lost


# -- lies


def test_a_lie_that_leaves_the_mean_alone_and_doubles_the_tail_is_regretted() -> None:
    rng = random.Random(3)
    trial = Trial(60.0)
    for _ in range(600):
        trial.followed.add(long_tailed(rng))
        trial.own.add(usual(rng))
    assert trial.regret() < TOLERANCE, "which is all that was asked of it before"
    assert trial.regretted(TOLERANCE)
    assert "slow requests" in trial.complaint(TOLERANCE)


@pytest.mark.parametrize("seed", range(4))
def test_such_a_lie_is_disobeyed(seed: int) -> None:
    advice = advised(long_tailed, usual, 120.0, seed)
    assert advice.disobeyed >= 1 or advice.trial.part < confidence.FIRST


def test_such_a_lie_is_found_within_two_minutes_mostly() -> None:
    assert sum(compared(long_tailed, usual, seed, 120.0) > 0 for seed in range(40)) >= 28


def test_a_better_tail_does_not_excuse_a_worse_mean() -> None:
    rng = random.Random(4)
    trial = Trial(60.0)
    for _ in range(600):
        trial.followed.add(1.3)
        trial.own.add(5.0 if rng.random() < 0.06 else 0.7)
    assert trial.tail_regret() < 0.0 < trial.regret()
    assert trial.regretted(TOLERANCE)


# -- honest advice


@pytest.mark.parametrize("latency", [usual, lognormal, pareto])
def test_honest_advice_is_kept_however_long_the_tails(latency: Latency) -> None:
    """No better and no worse than our own mix, a minute each, forty sidecars."""
    assert sum(compared(latency, latency, seed) for seed in range(40)) <= 4


def test_honest_advice_comes_to_be_followed_however_long_the_tails() -> None:
    plays = [advised(lognormal, lognormal, 60.0, seed) for seed in range(3)]
    assert sum(advice.disobeyed for advice in plays) <= 1
    assert sum(advice.followed > 1000 for advice in plays) >= 2


def test_one_request_that_took_for_ever_is_no_tail() -> None:
    trial = Trial(60.0)
    for _ in range(100):
        trial.followed.add(1.0)
        trial.own.add(1.0)
    trial.followed.add(32.0)
    assert not trial.regretted(TOLERANCE)


# -- sums


def test_beyond_long_all_weigh_the_same_in_the_tail() -> None:
    one, other = Arm(), Arm()
    one.add(LONG)
    other.add(5.0 * LONG)
    assert one.tail() == other.tail() == LONG * LONG
    assert one.mean() < other.mean()


def test_costs_that_are_all_a_twentieth_higher_are_at_both_tolerances() -> None:
    rng, trial = random.Random(5), Trial(60.0)
    for _ in range(200):
        cost = rng.uniform(0.5, 2.0)
        trial.followed.add(1.05 * cost)
        trial.own.add(cost)
    assert trial.regret() == pytest.approx(0.05, abs=0.002)
    assert trial.tail_regret() == pytest.approx(0.10, abs=0.005)
