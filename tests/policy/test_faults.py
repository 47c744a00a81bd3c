"""One pod goes bad and nobody notices: the promises of routing, in virtual time, over several seeds.

The same figures on real processes are in `make demo` and docs/routing.md; here nothing depends on the machine.
"""

from dataclasses import replace
from functools import cache

import pytest

from sidecar.policy.router import RouterConfig
from sidecar.policy.strategies import STRATEGIES
from tests.policy.world import Pod, World

SEEDS = (1, 2, 3)
BAD = "10.0.0.1:80"
FAULT_S, HEAL_S, END_S = 15.0, 27.0, 44.0
SEEN = (FAULT_S + 2.0, HEAL_S)
"""From 2 s after the fault."""


def _slow(pod: Pod) -> None:
    pod.extra_s = 0.5


def _random(pod: Pod) -> None:
    pod.extra_s, pod.extra_share = 0.5, 0.1


def _failing(pod: Pod) -> None:
    pod.error_rate = 1.0


def _hung(pod: Pod) -> None:
    pod.hung = True


FAULTS = {"slow": _slow, "random": _random, "failing": _failing, "hung": _hung}


def city(seed: int, *, strategy: str = "balanced", retries: bool = True, replayable: bool = True) -> World:
    """One busy caller, three pods with room to spare: the local mesh's gateway."""
    world = World(
        3,
        rate=170,
        seed=seed,
        config=STRATEGIES[strategy],
        routes=(("GET /api/buses/number/{}", 0.005, 1.0),),
        retries=retries,
        replayable=replayable,
    )
    for pod in world.pods.values():
        pod.workers = 64
    return world


@cache
def played(fault: str, seed: int, strategy: str = "balanced", retries: bool = True) -> World:
    """Steady, the fault, recovery."""
    world = city(seed, strategy=strategy, retries=retries)
    if strategy == "balanced":
        EQUILIBRIA[fault, seed] = _watch(world)
    world.run(FAULT_S)
    FAULTS[fault](world.pods[BAD])
    world.run(HEAL_S - FAULT_S)
    world.heal(world.pods[BAD])
    return world.run(END_S - HEAL_S)


EQUILIBRIA: dict[tuple[str, int], list[float]] = {}
"""When the router was seen at equilibrium, looking twice a second."""


def _watch(world: World) -> list[float]:
    reached: list[float] = []

    def look() -> None:
        if world.routers[0].snapshot(world.now)["nash"] == 1:
            reached.append(world.now)
        world.at(world.now + 0.5, look)

    world.at(0.5, look)
    return reached


def slower_than(world: World, seconds: float) -> float:
    asked = world.window(*SEEN)
    return sum(request.latency_s > seconds or request.failed for request in asked) / len(asked)


def healthy_p99_s(world: World) -> float:
    return world.percentile_ms(0.99, 3.0, FAULT_S) / 1000


@pytest.mark.parametrize("seed", SEEDS)
class TestWhileOnePodOfThreeIsBad:
    def test_half_a_second_slower_it_gets_less_than_three_percent(self, seed: int) -> None:
        world = played("slow", seed)
        assert world.share(BAD, *SEEN) < 0.03
        assert slower_than(world, 2 * healthy_p99_s(world)) < 0.02, "round robin: a third"

    def test_slow_now_and_then_it_gets_less_than_eight_percent(self, seed: int) -> None:
        world = played("random", seed)
        assert world.share(BAD, *SEEN) < 0.08
        assert world.percentile_ms(0.99, *SEEN) <= 1500 * healthy_p99_s(world)

    def test_failing_fast_is_not_taken_for_being_fast(self, seed: int) -> None:
        assert played("failing", seed, retries=False).error_rate(*SEEN) < 0.005
        assert played("failing", seed).error_rate(*SEEN) < 0.001, "retries leave nothing of it"

    def test_hanging_it_holds_back_almost_nobody(self, seed: int) -> None:
        assert slower_than(played("hung", seed), 1.0) < 0.01


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("seed", SEEDS)
class TestAfterwards:
    def test_it_is_back_within_fifteen_seconds(self, fault: str, seed: int) -> None:
        world = played(fault, seed)
        assert world.share(BAD, HEAL_S + 10.0, HEAL_S + 15.0) >= 0.15

    def test_nobody_is_flooded_on_the_way(self, fault: str, seed: int) -> None:
        world = played(fault, seed)
        shares = [world.share(a, t, t + 5.0) for a in world.pods for t in range(int(HEAL_S), int(END_S) - 5)]
        assert max(shares) <= 0.6


def test_round_robin_is_what_this_is_measured_against() -> None:
    world = played("slow", 1, strategy="none")
    assert world.share(BAD, *SEEN) == pytest.approx(1 / 3, abs=0.01)
    assert slower_than(world, 2 * healthy_p99_s(world)) > 0.3


@pytest.mark.parametrize("strategy", ["aggressive-learning", "conservative"])
@pytest.mark.parametrize("fault", FAULTS)
def test_every_learning_strategy_keeps_the_users_whole(strategy: str, fault: str) -> None:
    world = played(fault, 1, strategy=strategy)
    assert slower_than(world, 2 * healthy_p99_s(world)) < 0.02
    assert world.error_rate(*SEEN) < 0.005


@pytest.mark.parametrize("learner", ["external", "conditional"])
def test_every_learner_plays_behind_the_same_interface(learner: str) -> None:
    world = World(3, rate=170, seed=1, config=replace(RouterConfig(), learner=learner), retries=True).run(
        10.0
    )
    world.pods[BAD].extra_s = 0.5
    world.run(15.0)
    assert world.share(BAD, 17.0) < 0.1


# -- equilibrium


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("seed", SEEDS)
def test_it_is_at_equilibrium_again_within_fifteen_seconds(fault: str, seed: int) -> None:
    played(fault, seed)
    for change in (0.0, FAULT_S, HEAL_S):
        later = [at for at in EQUILIBRIA[fault, seed] if at > change + 1.0]
        assert later, f"never at equilibrium after the change at {change} s"
        assert later[0] - change <= 15.0


@pytest.mark.parametrize("seed", SEEDS)
def test_a_steady_service_is_steady(seed: int) -> None:
    world = city(seed).run(40.0)
    for start in range(10, 31, 5):
        before = [world.share(a, start - 5, start) for a in world.pods]
        after = [world.share(a, start, start + 5) for a in world.pods]
        moved = 0.5 * sum(abs(x - y) for x, y in zip(before, after, strict=True))
        assert moved / 5.0 < 0.05


@pytest.mark.parametrize("seed", SEEDS)
def test_costs_are_predicted_within_a_quarter(seed: int) -> None:
    world = city(seed).run(20.0)
    errors = world.routers[0].snapshot(world.now)["prediction_error"]
    assert isinstance(errors, dict)
    known = sorted(error for error in errors.values() if error is not None)
    assert known, "20 requests an endpoint were made"
    assert known[len(known) // 2] <= 0.25


# -- little traffic, much traffic


@pytest.mark.parametrize("fault", ["slow", "failing", "hung"])
@pytest.mark.parametrize("replayable", [True, False], ids=["replayable", "not replayable"])
def test_three_requests_a_second_over_ten_pods_are_enough_to_learn(fault: str, replayable: bool) -> None:
    shares = []
    for seed in range(1, 6):
        world = World(10, rate=3, seed=seed, retries=True, replayable=replayable).run(60.0)
        FAULTS[fault](world.pods[BAD])
        world.run(60.0)
        shares.append(world.share(BAD, 60.0, 120.0))
    assert sum(shares) / len(shares) < 0.1 / 3, "less than a third of a fair share, in the first minute"


def test_one_percent_of_errors_everywhere_benches_nobody() -> None:
    world = World(10, rate=1000, seed=3, retries=False)
    for pod in world.pods.values():
        pod.error_rate = 0.01
    world.run(20.0)
    for address in world.pods:
        assert 0.05 < world.share(address, 10.0) < 0.2, "luck is not evidence"


def test_a_route_that_fails_everywhere_is_the_applications_fault() -> None:
    world = World(3, rate=200, seed=4, routes=(("GET /good", 0.01, 1.0), ("GET /broken", 0.01, 1.0)))
    for pod in world.pods.values():
        pod.broken_route = "GET /broken"
    world.run(15.0)
    router = world.routers[0]
    assert set(router.snapshot(world.now)["health"].values()) == {"admitted"}  # type: ignore[attr-defined]
    for address in world.pods:
        assert world.share(address, 5.0) > 0.2
