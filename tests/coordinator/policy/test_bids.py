"""Averages of demand, and fairness."""

import random
from statistics import fmean, pstdev

import pytest
from hypothesis import given

from coordinator.game.market import Bid, explain
from coordinator.policy.bids import averaged
from coordinator.policy.config import Config
from coordinator.policy.fairness import ratio
from coordinator.policy.observation import Observation
from tests.coordinator.game.bidding import bounded, markets


def saw(demand: float) -> Observation:
    return Observation(demand=demand, source="sidecar", at=0.0)


def test_the_first_observation_counts_in_full() -> None:
    assert averaged(None, saw(0.7), Config()) == 0.7


def test_a_spike_is_followed_at_once_and_noise_slowly() -> None:
    assert averaged(0.2, saw(1.0), Config()) == pytest.approx(0.76)
    assert averaged(0.2, saw(0.3), Config()) == pytest.approx(0.215)


def test_a_default_is_no_spike() -> None:
    nobody = Observation(demand=0.5, source="default", at=0.0, reason="no answer")
    assert averaged(1.0, nobody, Config()) == pytest.approx(0.925)


@pytest.mark.parametrize("seed", range(3))
def test_noise_of_what_demand_promises_is_a_third_of_it_afterwards(seed: int) -> None:
    rng = random.Random(seed)
    value, seen = None, []
    for _ in range(2000):
        value = averaged(value, saw(min(1.0, max(0.0, rng.gauss(0.5, 0.03)))), Config())
        seen.append(value)
    assert pstdev(seen[50:]) < 0.03 / 3
    assert fmean(seen) == pytest.approx(0.5, abs=0.005)


@bounded(200)
@given(markets())
def test_the_markets_own_solution_is_fair(market: tuple[int, list[Bid]]) -> None:
    found = explain(*market)
    assert ratio(found, {name: line.cpu_m for name, line in found.lines.items()}) == 1.0


def test_fairness_is_what_the_worst_off_has_of_its_share() -> None:
    twins = [Bid(pod=name, budget=1.0, demand=1.0, floor_m=100, cap_m=5000) for name in "ab"]
    found = explain(2200, twins)
    assert ratio(found, {"a": 100, "b": 2100}) == pytest.approx(0.01)
    assert ratio(found, {"a": 590, "b": 1610}) == pytest.approx(0.5)
    assert ratio(found, {"a": 1100, "b": 1100}) == 1.0


def test_who_is_at_its_cap_or_does_not_bid_is_not_compared() -> None:
    found = explain(
        1000,
        [
            Bid(pod="capped", budget=9.0, demand=1.0, floor_m=100, cap_m=200),
            Bid(pod="idle", budget=1.0, demand=0.0, floor_m=100, cap_m=900),
            Bid(pod="only", budget=1.0, demand=1.0, floor_m=100, cap_m=900),
        ],
    )
    assert ratio(found, {"capped": 100, "idle": 100, "only": 700}) == 1.0
