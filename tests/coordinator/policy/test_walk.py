"""Whatever pods and servers answer, a node's pods never hold more than it has: a random walk through everything."""

import random
from dataclasses import replace
from itertools import pairwise

import pytest

from coordinator.policy.config import Config
from coordinator.policy.grant import Consent, Grant
from coordinator.policy.outcome import Kind, Outcome
from coordinator.policy.plan import Plan
from tests.coordinator.policy.plant import Plant, crew, subject

KINDS: list[Kind] = [
    "applied",
    "applied",
    "applied",
    "infeasible",
    "conflict",
    "forbidden",
    "failed",
    "superseded",
    "deferred",
]


class Walk:
    """Pods come and go, say no, cannot be resized, get stuck, are not seen."""

    def __init__(self, seed: int, allocator: str) -> None:
        self.rng = rng = random.Random(seed)
        pods, loads = crew([rng.uniform(50.0, 2000.0) for _ in range(6)], 600, [1.0, 2.0, 3.0, 1.0, 5.0, 0.0])
        config = Config(allocator="regret" if allocator == "regret" else "market", memory="decay")
        self.plant = Plant(4000, pods, loads, rng, config, answer=self.answer, outcome=self.outcome)
        self.born = 0

    def answer(self, grant: Grant) -> Consent:
        chance = self.rng.random()
        if chance < 0.7:
            return Consent("accepted")
        if chance < 0.8:
            return Consent("unasked")
        minimum_m = None if chance < 0.9 else grant.subject.cpu_m - self.rng.randint(0, 200)
        return Consent("vetoed", "no", minimum_cpu_m=minimum_m)

    def outcome(self, _: Grant) -> Outcome:
        return Outcome(kind=self.rng.choice(KINDS))

    def step(self) -> Plan:
        self._come_and_go()
        for name, pod in self.plant.pods.items():
            if self.rng.random() < 0.1:
                self.plant.loads[name] = self.rng.uniform(10.0, 3000.0)
            if not pod.deferred:
                self.plant.pods[name] = replace(pod, settled=self.rng.random() < 0.9)
        if self.rng.random() < 0.03:
            self.plant.now += self.rng.choice([-500.0, 500.0])
        return self.plant.cycle()

    def _come_and_go(self) -> None:
        plant, rng = self.plant, self.rng
        if rng.random() < 0.1 and len(plant.pods) > 2:
            del plant.pods[rng.choice(sorted(plant.pods))]
        free_m = plant.capacity_m - sum(plant.amounts().values())
        if rng.random() < 0.15 and free_m >= 100:
            self.born += 1
            name = f"q{self.born}"
            plant.loads[name] = rng.uniform(10.0, 2000.0)
            plant.pods[name] = subject(
                name, rng.randint(100, free_m), budget=float(rng.randint(0, 5)), floor_m=60
            )


@pytest.mark.parametrize("allocator", ["market", "regret"])
@pytest.mark.parametrize("seed", range(5))
def test_the_sum_never_exceeds_the_node(seed: int, allocator: str) -> None:
    walk = Walk(seed, allocator)
    done = reverted = 0
    for _ in range(100 if allocator == "market" else 30):
        plan = walk.step()
        amounts = walk.plant.amounts()
        assert sum(amounts.values()) <= walk.plant.capacity_m
        _consistent(plan)
        done += len(plan.grants)
        reverted += len(plan.reverts)
        assert all(not grant.subject.deferred for grant in plan.grants)
    assert done > 20, "a walk in which nothing happens shows nothing"
    assert reverted > 0 or allocator == "regret"


def _consistent(plan: Plan) -> None:
    """Every pod has one decision; sellers come first; amounts are steps of ten within the pod's bounds."""
    decided = [grant.subject.uid for grant in (*plan.reverts, *plan.grants)]
    decided += [held.subject.uid for held in plan.held]
    assert len(decided) == len(set(decided))
    sells = [grant.sells for grant in plan.grants]
    assert sells == sorted(sells, reverse=True)
    for grant in plan.grants:
        assert grant.reason
        assert grant.cpu_m is not None or grant.memory_bytes is not None
        if grant.cpu_m is not None:
            assert grant.cpu_m % 10 == 0
            assert grant.cpu_m != grant.subject.cpu_m
            assert grant.cpu_m <= grant.subject.cap_m
    assert all(held.reason for held in plan.held)


@pytest.mark.parametrize("seed", range(5))
def test_an_oversold_node_is_brought_back_and_never_sold_further(seed: int) -> None:
    """Limits may add up to more than the node when the market starts."""
    rng = random.Random(seed)
    pods, loads = crew([rng.uniform(500.0, 3000.0) for _ in range(5)], 2000, [1.0, 2.0, 1.0, 3.0, 1.0])
    plant = Plant(4000, pods, loads, rng)
    sums = [sum(plant.amounts().values())]
    for _ in range(12):
        plant.cycle()
        sums.append(sum(plant.amounts().values()))
    assert all(after <= max(before, 4000) for before, after in pairwise(sums))
    assert sums[3] <= 4000
