"""The agents' allocator: what it makes of what is known of a pod."""

import random
from dataclasses import replace

import pytest

from coordinator.policy.config import Config
from coordinator.policy.levels import chosen
from coordinator.policy.observation import Observation
from coordinator.policy.reach import Reach
from coordinator.policy.records import Record
from coordinator.policy.sieve import Entry
from tests.coordinator.policy.plant import subject

CONFIG = Config(allocator="regret")


def entry(
    name: str, *, budget: float = 1.0, usage_m: float | None = None, latency_s: float | None = None
) -> Entry:
    seen = Observation(demand=0.5, source="sidecar", at=0.0, usage_m=usage_m, latency_s=latency_s)
    return Entry(subject(name, 500, budget=budget), seen, Record(demand=0.5), Reach(100, 2000))


def levels(*entries: Entry, capacity_m: int = 4000) -> dict[str, int]:
    told, _ = chosen(entries, capacity_m, CONFIG, random.Random(0))
    return {name.split("/")[1]: line.cpu_m for name, line in told.lines.items()}


def test_a_late_pod_gets_more_than_one_in_time() -> None:
    found = levels(entry("late", usage_m=300.0, latency_s=0.4), entry("fine", usage_m=300.0, latency_s=0.02))
    assert found["late"] > found["fine"]


def test_a_larger_budget_holds_more() -> None:
    rich, poor = (entry(n, budget=b, usage_m=300.0, latency_s=0.2) for n, b in (("rich", 5.0), ("poor", 1.0)))
    found = levels(rich, poor)
    assert found["rich"] > found["poor"]


def test_what_nobody_knows_is_half_used_and_in_time() -> None:
    known = entry("a", usage_m=250.0, latency_s=CONFIG.slo_s)
    assert levels(entry("a")) == levels(known)


def test_a_pod_without_budget_stays_at_its_floor() -> None:
    assert levels(entry("a", budget=0.0, usage_m=300.0, latency_s=0.1)) == {"a": 100}


def test_levels_keep_bounds_and_node() -> None:
    crowd = [entry(f"p{index}", budget=50.0, usage_m=400.0, latency_s=1.0) for index in range(8)]
    found = levels(*crowd)
    assert all(100 <= level <= 2000 and level % 10 == 0 for level in found.values())
    assert sum(found.values()) <= 4000


def test_a_node_too_small_for_the_floors_is_flagged() -> None:
    told, _ = chosen([entry("a"), entry("b")], 150, CONFIG, random.Random(0))
    assert told.infeasible
    assert [line.cpu_m for line in told.lines.values()] == [75, 75]


def test_nobody_is_no_trouble() -> None:
    told, potential = chosen([], 0, CONFIG, random.Random(0))
    assert (dict(told.lines), potential) == ({}, 0.0)


@pytest.mark.parametrize("usage_m", [-1.0, float("nan"), float("inf")])
def test_a_use_that_is_none_counts_as_unknown(usage_m: float) -> None:
    odd = entry("a", usage_m=usage_m, latency_s=0.2)
    assert levels(odd) == levels(replace(odd, seen=replace(odd.seen, usage_m=None)))
