"""Limits on an application of eight workers that nobody told them about, under an open loop, in virtual time."""

import math
import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.policy.overload.adaptive import AdaptiveLimit
from sidecar.policy.overload.calm import EVERY_S, Calm, Window
from sidecar.policy.overload.limit import FixedLimit, Limit
from sidecar.policy.overload.limits import AimdLimit, GradientLimit, make
from tests.game.play import bounded
from tests.policy.rush import SERVICE_S, WORKERS, Caller, Rush

ADAPTIVE = ["gradient", "aimd"]
CAPACITY = WORKERS / SERVICE_S
SETTLED_S = 5.0


def rush(name: str, load: float, seconds: float = 20.0, *, initial: int = 100, seed: int = 1) -> Rush:
    """An application under `load` × its capacity."""
    return Rush(make(name, initial), seed=seed).run(seconds, {"all": Caller(load * CAPACITY)})


def calm_p99_s() -> float:
    """At half the load, nothing in the way."""
    return rush("fixed", 0.5, initial=1000).p99_s(0.0)


# -- an application under load


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("name", ADAPTIVE)
def test_three_times_the_capacity_costs_no_goodput_and_no_latency(name: str, seed: int) -> None:
    world = rush(name, 3.0, seed=seed)
    assert world.goodput(SETTLED_S) >= 0.9 * CAPACITY, "goodput at 3× capacity"
    assert world.p99_s(SETTLED_S) <= 3.0 * calm_p99_s(), "p99 of the admitted at 3× capacity"


@pytest.mark.parametrize("name", ADAPTIVE)
def test_a_full_load_is_served(name: str) -> None:
    world = rush(name, 1.0)
    assert world.goodput(SETTLED_S) >= 0.9 * CAPACITY
    assert world.p99_s(SETTLED_S) <= 3.0 * calm_p99_s()


@pytest.mark.parametrize("name", ADAPTIVE)
def test_half_a_load_meets_no_limit(name: str) -> None:
    world = rush(name, 0.5)
    assert sum(world.gate.drops.values()) == 0, "nobody is refused while half of the workers are idle"
    assert world.p99_s(0.0) <= 1.05 * calm_p99_s()


@pytest.mark.parametrize("initial", [3, 20, 1000])
@pytest.mark.parametrize("name", ADAPTIVE)
def test_it_does_not_matter_where_a_limit_starts(name: str, initial: int) -> None:
    world = rush(name, 3.0, initial=initial)
    assert world.goodput(SETTLED_S) >= 0.9 * CAPACITY
    assert WORKERS <= sorted(world.limits[100:])[len(world.limits[100:]) // 2] <= 3 * WORKERS


@pytest.mark.parametrize(("workers", "service_s"), [(2, 0.1), (32, 0.05), (64, 0.1)])
@pytest.mark.parametrize("name", ADAPTIVE)
def test_neither_does_it_matter_how_big_or_slow_the_application_is(
    name: str, workers: int, service_s: float
) -> None:
    world = Rush(make(name, 100), workers=workers, service_s=service_s)
    world.run(30.0, {"all": Caller(3.0 * workers / service_s)})
    assert world.goodput(15.0) >= 0.9 * workers / service_s
    late = sorted(world.limits[300:])
    assert late[len(late) // 2] <= 2 * workers + 16, "what queues inside is bounded"


@pytest.mark.parametrize("name", ADAPTIVE)
def test_a_limit_stays_where_it_is_under_minutes_of_overload(name: str) -> None:
    world = rush(name, 2.0, 120.0)
    late = sorted(world.limits[-1200:])
    assert WORKERS <= late[len(late) // 2] <= 3 * WORKERS, (
        "neither drifted up with its own queue nor collapsed"
    )
    assert world.goodput(60.0) >= 0.9 * CAPACITY


# -- an application that changes


@pytest.mark.parametrize("name", ADAPTIVE)
def test_twice_the_workers_are_found(name: str) -> None:
    world = rush(name, 3.0, 10.0)
    world.workers = 2 * WORKERS
    world.run(20.0, {"all": Caller(6.0 * CAPACITY)})
    assert world.goodput(20.0) >= 0.9 * 2.0 * CAPACITY, "five seconds after the workers doubled"


@pytest.mark.parametrize("name", ADAPTIVE)
def test_half_the_workers_are_not_buried(name: str) -> None:
    world = rush(name, 3.0, 10.0)
    world.workers = WORKERS // 2
    world.run(20.0, {"all": Caller(1.5 * CAPACITY)})
    assert world.goodput(20.0) >= 0.9 * 0.5 * CAPACITY
    assert world.p99_s(20.0) <= 4.0 * calm_p99_s(), "half the workers, and waits by the count of requests"


@pytest.mark.parametrize("slower", [2.0, 4.0, 10.0])
@pytest.mark.parametrize("name", ADAPTIVE)
def test_an_application_slower_for_good_is_used_fully_again(name: str, slower: float) -> None:
    world = rush(name, 3.0, 10.0)
    world.service_s = slower * SERVICE_S
    world.run(50.0, {"all": Caller(3.0 * CAPACITY / slower)})
    assert world.goodput(30.0) >= 0.9 * CAPACITY / slower, "20 s after it became slower"


@pytest.mark.parametrize("name", ADAPTIVE)
def test_a_minute_of_light_load_is_no_reason_to_take_less(name: str) -> None:
    world = rush(name, 0.2, 60.0)
    before = world.limit.value
    world.run(10.0, {"all": Caller(0.9 * CAPACITY)})
    assert before >= 3 * WORKERS
    assert sum(world.gate.drops.values()) == 0, "a load that fits is served after a calm night"


# -- what the application says itself


@pytest.mark.parametrize("name", ADAPTIVE)
def test_a_refusal_of_the_application_takes_a_tenth(name: str) -> None:
    limit = make(name, 100)
    limit.overloaded(1.0)
    assert limit.value == 90


def test_a_burst_of_refusals_is_one_piece_of_news() -> None:
    limit = make("gradient", 100)
    for n in range(50):
        limit.overloaded(1.0 + n / 1000)
    assert limit.value == 90


def test_refusals_for_ever_leave_the_least() -> None:
    limit = AimdLimit(100, least=5)
    for n in range(100):
        limit.overloaded(float(n))
    assert limit.value == 5


# -- a slow service is not an overloaded one


@pytest.mark.parametrize(("service_s", "rate"), [(1.0, 500.0), (0.3, 1000.0), (0.8, 100.0), (0.05, 1500.0)])
@pytest.mark.parametrize("name", ADAPTIVE)
def test_a_slow_service_with_room_loses_nothing_from_its_first_second_on(
    name: str, service_s: float, rate: float
) -> None:
    world = Rush(make(name, 100), workers=3000, service_s=service_s)
    world.run(20.0, {"all": Caller(rate)})
    assert sum(world.gate.drops.values()) == 0


@pytest.mark.parametrize("name", ADAPTIVE)
def test_a_service_that_starts_into_overload_is_found_out(name: str) -> None:
    """Nobody has ever seen it calm: what gives it away is that more at a time brings no more answers."""
    world = Rush(make(name, 100), workers=4, service_s=0.1)
    world.run(30.0, {"all": Caller(3.0 * 4 / 0.1)})
    assert world.limit.value <= 24
    assert world.goodput(15.0) >= 0.9 * 4 / 0.1


# -- a measurement that gets nowhere


def measuring() -> GradientLimit:
    """A limit that has just been halved, to see whether latency falls."""
    limit = GradientLimit(100)
    for n in range(180):
        limit.sample(0.2, 60 if n < 64 else 100, n * 0.005)
    assert limit.calm.probing, "more at a time and no more answers: calm is measured"
    return limit


def test_a_first_measurement_begins_with_a_quarter_of_the_limit() -> None:
    assert measuring().value == 25


def test_slots_kept_by_what_does_not_end_do_not_starve_the_rest() -> None:
    limit = measuring()
    limit.tick(0.9)
    assert limit.value == 25, "not at once"
    limit.tick(4.0)
    assert (limit.value, limit.calm.probing) == (100, False), "a pool of long polls: back to what it was"


def test_a_measurement_that_got_nowhere_is_repeated_less_and_less_often() -> None:
    calm = Calm()
    waits = []
    now = 0.0
    for _ in range(6):
        calm.begin(0.02, now)
        calm.give_up(now)
        since = now
        while not calm.stale(now):
            now += 1.0
        waits.append(now - since)
    assert waits == sorted(waits)
    assert EVERY_S < waits[0] < waits[-1] <= 90.0


# -- any traffic at all


@bounded(60)
@given(
    st.sampled_from(ADAPTIVE),
    st.lists(st.tuples(st.floats(0.0, 1e3), st.integers(0, 2000), st.floats(0.0, 0.1)), max_size=300),
    st.integers(0, 2**32),
)
def test_a_limit_stays_within_its_bounds(
    name: str, answers: list[tuple[float, int, float]], seed: int
) -> None:
    kind = GradientLimit if name == "gradient" else AimdLimit
    limit: AdaptiveLimit = kind(20, least=4, most=200)
    rng, now = random.Random(seed), 0.0
    for took_s, in_flight, wait_s in answers:
        now += wait_s
        limit.sample(took_s, in_flight, now)
        if rng.random() < 0.1:
            limit.overloaded(now)
        limit.tick(now)
        assert 4 <= limit.value <= 200


@pytest.mark.parametrize("nonsense", [math.nan, -1.0])
def test_a_time_of_nonsense_is_ignored(nonsense: float) -> None:
    limit = make("gradient", 20)
    for n in range(200):
        limit.sample(nonsense, 20, n * 0.01)
    assert limit.told == 20, "nothing has been learned"


# -- the parts


def test_a_window_is_complete_with_enough_answers_after_a_tenth_of_a_second() -> None:
    window = Window()
    assert [window.add(0.01, 5, n * 0.005) for n in range(60)].index(True) == 47
    quick = Window()
    assert [quick.add(0.01, 5, n * 0.001) for n in range(200)].index(True) == 100


def test_a_slow_service_needs_fewer_answers() -> None:
    window = Window()
    assert [window.add(0.01, 5, n * 0.3) for n in range(20)].index(True) == 7


def test_a_window_tells_its_median_and_its_peak() -> None:
    window = Window()
    for in_flight, took_s in enumerate([5.0, 1.0, 3.0, 100.0, 2.0], 1):
        window.add(took_s, in_flight, 0.0)
    assert (window.median_s(), window.peak) == (3.0, 5)
    window.clear()
    assert (window.median_s(), window.peak, window.count) == (0.0, 0, 0)


# -- by name


def test_a_fixed_limit_learns_nothing() -> None:
    limit = FixedLimit(7)
    for n in range(1000):
        limit.sample(10.0, 7, n * 0.01)
        limit.overloaded(n * 0.01)
        limit.tick(n * 0.01)
    assert limit.value == 7


def test_limits_are_made_by_name() -> None:
    kinds = {name: type(make(name, 10)) for name in ("gradient", "aimd", "fixed")}
    assert kinds == {"gradient": GradientLimit, "aimd": AimdLimit, "fixed": FixedLimit}


@pytest.mark.parametrize(
    "make_it", [lambda: make("vegas", 10), lambda: FixedLimit(0), lambda: AimdLimit(10, 5, 4)]
)
def test_a_limit_of_nonsense_is_refused(make_it: Callable[[], Limit]) -> None:
    with pytest.raises(ValueError, match=r"gradient, aimd or fixed|at least 1|least ≤ most"):
        make_it()
