"""The controller with pods that answer to what they get, in virtual time: convergent, calm, quick."""

import random
from itertools import pairwise
from statistics import fmean

import pytest

from coordinator.policy.config import Config
from coordinator.policy.grant import Consent
from coordinator.policy.plan import Plan
from tests.coordinator.policy.plant import YES, Plant, crew, distance, step_demand

SEEDS = range(4)


def contended(seed: int, pods: int) -> Plant:
    """They would like more than there is, or nearly."""
    rng = random.Random(seed)
    loads = [rng.uniform(300.0, 9000.0 / pods) for _ in range(pods)]
    budgets = [float(rng.choice([1, 1, 2, 3, 5])) for _ in range(pods)]
    there, load = crew(loads, 4000 // pods // 10 * 10, budgets)
    return Plant(4000, there, load, rng)


def moved(plant: Plant) -> float:
    """One cycle; Σ|change| over Σ before."""
    before = plant.amounts()
    plant.cycle()
    after = plant.amounts()
    assert sum(after.values()) <= plant.capacity_m
    return sum(abs(after[name] - before[name]) for name in after) / sum(before.values())


@pytest.mark.parametrize("pods", [3, 6])
@pytest.mark.parametrize("seed", SEEDS)
def test_under_contention_it_converges_to_the_exact_market(seed: int, pods: int) -> None:
    """Σ|x − x*|/Σx* < 3 %, with x* the fixed point of the noise-free market and the noise-free pods."""
    plant = contended(seed, pods)
    ideal = plant.ideal()
    for _ in range(15):
        moved(plant)
    for _ in range(15):
        moved(plant)
        assert distance(plant.amounts(), ideal) < 0.03


@pytest.mark.parametrize("pods", [3, 6])
@pytest.mark.parametrize("seed", SEEDS)
def test_under_steady_load_it_is_calm_within_ten_cycles(seed: int, pods: int) -> None:
    """Mean absolute change per cycle < 2 % of what is allocated."""
    plant = contended(seed, pods)
    changes = [moved(plant) for _ in range(40)]
    assert fmean(changes[10:20]) < 0.02
    assert fmean(changes[20:]) < 0.005


@pytest.mark.parametrize(("load_m", "times"), [(250.0, 4.0), (400.0, 2.0), (100.0, 10.0), (600.0, 3.0)])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_spike_is_served_within_three_cycles_and_not_overserved(
    seed: int, load_m: float, times: float
) -> None:
    """90 % of where it ends, in ≤ 3 cycles after demand shows; never above 1.3 times of it."""
    rng = random.Random(seed)
    loads = [load_m, *(rng.uniform(300.0, 900.0) for _ in range(4))]
    there, load = crew(loads, 800, [4.0, 1.0, 1.0, 1.0, 1.0])
    plant = Plant(4000, there, load, rng)
    for _ in range(20):
        moved(plant)
    plant.loads["p00"] = load_m * times
    assert plant.amounts()["p00"] < 0.9 * plant.ideal()["p00"], "that would be no spike"
    seen = []
    for _ in range(20):
        moved(plant)
        seen.append(plant.amounts()["p00"])
    needed_m = plant.ideal()["p00"]
    assert max(seen[:3]) >= 0.9 * needed_m
    assert max(seen) <= 1.3 * needed_m
    assert fmean(seen[-5:]) == pytest.approx(needed_m, rel=0.05)


def _turns(amounts: list[int]) -> int:
    """How often it changed direction."""
    steps = [after - before for before, after in pairwise(amounts) if after != before]
    return sum(one * other < 0 for one, other in pairwise(steps))


@pytest.mark.parametrize("wanted", [0.9, 0.5])
@pytest.mark.parametrize("seed", SEEDS)
def test_demand_on_a_threshold_does_not_make_it_flap(seed: int, wanted: float) -> None:
    """Noise carries demand over 0.9 and back in every other cycle."""
    there, load = crew([1.0, 1.0], 2000, [1.0, 1.0])
    plant = Plant(4000, there, load, random.Random(seed), curve=lambda _load, _cpu: wanted)
    seen = [_after(plant) for _ in range(80)][20:]  # without the first impression
    assert _turns(seen) <= 4
    assert max(seen) - min(seen) <= 0.05 * 2000


@pytest.mark.parametrize("seed", SEEDS)
def test_an_amount_at_the_edge_of_the_dead_band_does_not_flap(seed: int) -> None:
    """The market's figure lies 2 % above what the pod has, and noise carries it in and out."""
    there, load = crew([1.0, 1.0], 2000, [1.0, 1.0])
    share = (2040 - 100) / 3800
    wants = {1.0: 0.9 * share, 2.0: 0.9 * (1 - share)}
    load["p01"] = 2.0
    plant = Plant(4000, there, load, random.Random(seed), curve=lambda load, _cpu: wants[load])
    seen = [_after(plant) for _ in range(80)][20:]  # without the first impression
    assert _turns(seen) <= 4
    assert max(seen) - min(seen) <= 0.05 * 2000


def _after(plant: Plant) -> int:
    plant.cycle()
    return plant.amounts()["p00"]


def test_pods_whose_demand_is_a_step_are_damped() -> None:
    """From all to nothing within 15 % of use: a loop that followed at once would swing by half of what there is."""

    for seed in SEEDS:
        plant = contended(seed, 4)
        plant.curve = step_demand
        changes = [moved(plant) for _ in range(40)]
        assert fmean(changes[20:]) < 0.03


@pytest.mark.parametrize("seed", SEEDS)
def test_the_agents_allocator_settles_too(seed: int) -> None:
    """Given the same load, it ends and stays, within the node."""
    plant = contended(seed, 4)
    plant.controller = type(plant.controller)(Config(allocator="regret"), random.Random(seed))
    plans: list[Plan] = []
    for _ in range(20):
        plans.append(plant.cycle())
        assert sum(plant.amounts().values()) <= plant.capacity_m
    assert all(plan.potential is not None for plan in plans)
    assert fmean(moved(plant) for _ in range(10)) < 0.03


@pytest.mark.parametrize("pods", [2, 3, 6])
@pytest.mark.parametrize("seed", SEEDS)
def test_while_demand_is_constant_the_potential_rises_to_a_plateau(seed: int, pods: int) -> None:
    """Cycle by cycle, whatever guardrails let through; where it stays is 0 but for steps of 10 m and the dead band."""
    plant = contended(seed, pods)
    plant.noise = 0.0
    wanted = {load: random.Random(load).uniform(0.3, 0.9) for load in plant.loads.values()}
    plant.curve = lambda load, _cpu: wanted[load]
    seen = [_potential(plant) for _ in range(25)]
    assert all(after >= before for before, after in pairwise(seen))
    assert seen[0] < 2.0 * seen[-1], "otherwise there was nothing to rise to"
    assert seen[-1] == seen[-5]
    assert -0.01 < seen[-1] <= 0.0


def test_a_pod_that_refuses_to_sell_keeps_the_potential_down() -> None:
    plant = contended(0, 3)
    plant.noise = 0.0
    plant.curve = lambda load, _cpu: 0.8 if load == plant.loads["p00"] else 0.2
    free = contended(0, 3)
    free.noise, free.curve = 0.0, plant.curve
    plant.answer = lambda grant: Consent("vetoed") if grant.sells else YES
    assert [_potential(plant) for _ in range(20)][-1] < [_potential(free) for _ in range(20)][-1] - 0.01


def test_where_nobody_bids_there_is_no_potential() -> None:
    plant = contended(0, 3)
    plant.noise, plant.curve = 0.0, lambda _load, _cpu: 0.0
    assert plant.cycle().potential is None


def _potential(plant: Plant) -> float:
    found = plant.cycle().potential
    assert found is not None
    return found
