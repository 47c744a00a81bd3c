"""Demand: calm under steady noise, quick after a change, never outside [0, 1].

The noise is a queue's own: Poisson arrivals, exponential service times, a few slots, places to wait.
"""

import bisect
import heapq
import itertools
import math
import random
import statistics
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.policy.demand import Demand, Smoothed, combined, latency_pressure

EVERY_S = 0.05
WARM_S = 10.0
SHARES = st.floats(0.0, 1.0)
RATIOS = st.floats(0.0, 20.0)
ANY = st.floats(allow_nan=True, allow_infinity=True)


class Queue:
    """M/M/c with places to wait, played to the end; then asked what it looked like at any moment."""

    def __init__(
        self,
        rate_s: Callable[[float], float],
        *,
        slots: int,
        service_s: float,
        seconds: float,
        rng: random.Random,
        places: int = 50,
    ) -> None:
        self.slots, self.places, self.service_s = slots, places, service_s
        self.arrivals: list[float] = []
        self.starts: list[float] = []
        free, now, ended = [0.0] * slots, 0.0, []
        while (now := now + rng.expovariate(rate_s(now))) < seconds:
            if len(self.starts) - bisect.bisect_right(self.starts, now) >= places:
                continue  # shed
            start = max(now, heapq.heappop(free))
            end = start + rng.expovariate(1.0 / service_s)
            heapq.heappush(free, end)
            self.arrivals.append(now)
            self.starts.append(start)
            ended.append((end, end - now))
        ended.sort()
        self.ends = [end for end, _ in ended]
        self.times = list(itertools.accumulate((took for _, took in ended), initial=0.0))

    def sample(self, now: float) -> dict[str, float | None]:
        """Admission's numbers, and the mean time of the last second's answers against the calm one."""
        arrived, started, ended = (
            bisect.bisect_right(events, now) for events in (self.arrivals, self.starts, self.ends)
        )
        before = bisect.bisect_right(self.ends, now - 1.0)
        took = (self.times[ended] - self.times[before]) / (ended - before) if ended > before else None
        return {
            "utilisation": (started - ended) / self.slots,
            "queue_fill": (arrived - started) / self.places,
            "latency_ratio": None if took is None else took / self.service_s,
        }


def played(queue: Queue, seconds: float, every_s: float = EVERY_S) -> list[float]:
    """The demand after each sample."""
    demand, values = Demand(), []
    for step in range(int(seconds / every_s)):
        now = step * every_s
        demand.sample(now, throttled_share=None, **queue.sample(now))  # type: ignore[arg-type]
        values.append(demand.value)
    return values


def fed(demand: Demand, now: float, utilisation: float, latency: float, throttled: float) -> None:
    demand.sample(
        now, utilisation=utilisation, queue_fill=utilisation, latency_ratio=latency, throttled_share=throttled
    )


# -- steady


@pytest.mark.parametrize(
    ("rate_s", "service_s", "slots"),
    [
        *((20, 0.1, 8), (20, 0.1, 20), (20, 0.5, 50), (20, 0.5, 100)),
        *((100, 0.02, 4), (100, 0.02, 10), (100, 0.1, 20), (100, 0.1, 100)),
        *((500, 0.02, 20), (500, 0.02, 100), (500, 0.1, 70), (500, 0.1, 100)),
        *((1000, 0.05, 70), (1000, 0.05, 100), (1000, 0.005, 8), (1400, 0.05, 100)),
    ],
)
def test_steady_load_is_steady_demand(rate_s: float, service_s: float, slots: int) -> None:
    for seed in range(5):
        rng = random.Random(seed)
        queue = Queue(lambda _: rate_s, slots=slots, service_s=service_s, seconds=40.0, rng=rng)
        spread = statistics.pstdev(played(queue, 40.0)[int(WARM_S / EVERY_S) :])
        assert spread < 0.03, f"seed {seed}, {slots} slots: demand swings by {spread:.3f} under steady load"


@pytest.mark.parametrize("rate_s", [200, 2000])
def test_a_steady_overload_is_full_demand(rate_s: float) -> None:
    queue = Queue(lambda _: rate_s, slots=10, service_s=0.1, seconds=20.0, rng=random.Random(1))
    values = played(queue, 20.0)[int(WARM_S / EVERY_S) :]
    assert min(values) > 0.9, "an app that sheds wants all it can get"
    assert statistics.pstdev(values) < 0.03


@given(SHARES, RATIOS, SHARES)
@settings(max_examples=50)
def test_without_noise_demand_is_exact(utilisation: float, ratio: float, throttled: float) -> None:
    demand = Demand()
    for step in range(40):
        fed(demand, step * EVERY_S, utilisation, ratio, throttled)
    assert demand.value == pytest.approx(combined(utilisation, latency_pressure(ratio), throttled))


# -- a change


@given(
    st.tuples(*[st.tuples(scale, scale) for scale in (SHARES, RATIOS, SHARES)]),
    st.booleans(),
    st.sampled_from([0.02, 0.05, 0.25, 1.0]),
    st.sampled_from([0.1, 5.0, 60.0]),
)
@settings(max_examples=200)
def test_nine_tenths_of_any_step_are_seen_within_three_seconds(
    pairs: tuple[tuple[float, float], ...], up: bool, every_s: float, calm_s: float
) -> None:
    low, high = zip(*map(sorted, pairs), strict=True)
    before, after = (low, high) if up else (high, low)
    demand, now = Demand(), 0.0
    while now < calm_s:
        fed(demand, now, *before)
        now += every_s
    start, change_at = demand.value, now
    while now <= change_at + 3.0:
        fed(demand, now, *after)
        now += every_s
    end = combined(after[0], latency_pressure(after[1]), after[2])
    assert abs(end - demand.value) <= 0.1 * abs(end - start) + 1e-9, "a step takes longer than 3 s"


@pytest.mark.parametrize(("low", "high"), [(0.1, 0.5), (0.3, 0.7), (0.2, 1.5)])
@pytest.mark.parametrize(("slots", "service_s"), [(10, 0.05), (20, 0.02), (100, 0.05)])
@pytest.mark.parametrize("up", [True, False])
def test_a_step_is_seen_through_the_noise(
    low: float, high: float, slots: int, service_s: float, *, up: bool
) -> None:
    first, second = (low, high) if up else (high, low)
    full_s = slots / service_s
    reached = []
    for seed in range(5):
        queue = Queue(
            lambda now: full_s * (first if now < 20.0 else second),
            slots=slots,
            service_s=service_s,
            seconds=40.0,
            rng=random.Random(seed),
        )
        values = played(queue, 40.0)
        start = statistics.fmean(values[int(10.0 / EVERY_S) : int(20.0 / EVERY_S)])
        end = statistics.fmean(values[int(30.0 / EVERY_S) :])
        reached.append((values[int(23.0 / EVERY_S)] - start) / (end - start))
    mean = statistics.fmean(reached)  # one run's arrivals of three seconds are noise themselves
    assert mean >= 0.9, f"3 s after the step only {mean:.0%} of it is seen: {reached}"


# -- what each pressure means


def test_an_idle_app_wants_nothing() -> None:
    demand = Demand()
    fed(demand, 0.0, 0.0, 1.0, 0.0)
    assert demand.snapshot() == {"demand": 0.0, "queue": 0.0, "latency": 0.0, "throttling": 0.0}


@given(SHARES, SHARES, SHARES, SHARES)
def test_each_pressure_raises_demand(queue: float, latency: float, throttling: float, more: float) -> None:
    base = combined(queue, latency, throttling)
    assert combined(max(queue, more), latency, throttling) >= base
    assert combined(queue, max(latency, more), throttling) >= base
    assert combined(queue, latency, max(throttling, more)) >= base


def test_queue_or_throttling_alone_is_full_demand_latency_alone_is_half() -> None:
    assert combined(1.0, 0.0, 0.0) == 1.0
    assert combined(0.0, 0.0, 1.0) == 1.0
    assert combined(0.0, 1.0, 0.0) == 0.5, "a slow dependency is no reason for more CPU"


def test_busy_slots_without_a_queue_are_half_the_queue_pressure() -> None:
    demand = Demand()
    demand.sample(0.0, utilisation=1.0, queue_fill=0.0, latency_ratio=None, throttled_share=None)
    assert demand.parts["queue"] == 0.5


@pytest.mark.parametrize(
    ("ratio", "pressure"), [(0.0, 0.0), (1.0, 0.0), (1.5, 0.0), (3.0, 0.5), (6.0, 1.0), (math.inf, 1.0)]
)
def test_latency_counts_from_half_above_its_calm_baseline(ratio: float, pressure: float) -> None:
    assert latency_pressure(ratio) == pytest.approx(pressure)


@given(st.lists(st.tuples(st.floats(0.0, 10.0), ANY, ANY, ANY, st.none() | ANY), max_size=50))
@settings(max_examples=200)
def test_nothing_it_is_told_leads_out_of_range(samples: list[tuple[float, ...]]) -> None:
    demand, now = Demand(), 100.0
    for elapsed_s, utilisation, queue_fill, ratio, throttled in samples:
        now += elapsed_s - 1.0  # backwards, too
        demand.sample(
            now,
            utilisation=utilisation,
            queue_fill=queue_fill,
            latency_ratio=ratio,
            throttled_share=throttled,
        )
        assert all(0.0 <= value <= 1.0 for value in demand.snapshot().values()), demand


# -- throttling comes and goes


def test_unknown_throttling_is_none_in_the_parts_and_counts_for_nothing() -> None:
    demand = Demand()
    demand.sample(0.0, utilisation=0.4, queue_fill=0.0, latency_ratio=1.0, throttled_share=None)
    assert demand.parts["throttling"] is None
    assert demand.snapshot()["throttling"] == 0.0
    assert demand.value == pytest.approx(0.2)


def test_samples_between_two_scheduling_periods_change_nothing() -> None:
    demand = Demand()
    for step in range(200):  # a period every other sample
        share = 0.5 if step % 2 == 0 else None
        demand.sample(
            step * EVERY_S, utilisation=0.0, queue_fill=0.0, latency_ratio=None, throttled_share=share
        )
    assert demand.parts["throttling"] == pytest.approx(0.5)


def test_throttling_nobody_reports_any_more_fades_and_is_forgotten() -> None:
    demand = Demand()
    fed(demand, 0.0, 0.0, 1.0, 1.0)
    seen = []
    for step in range(1, 121):
        demand.sample(
            step * EVERY_S, utilisation=0.0, queue_fill=0.0, latency_ratio=None, throttled_share=None
        )
        seen.append(demand.value)
    assert seen[int(0.9 / EVERY_S)] == 1.0, "held for a second"
    assert seen[int(3.0 / EVERY_S)] < 0.1, "then it fades"
    assert demand.parts["throttling"] is None
    assert demand.value == 0.0
    assert max(abs(b - a) for a, b in itertools.pairwise(seen)) < 0.2, "without a jump"


# -- the smoother


def test_the_first_sample_counts_in_full() -> None:
    smoothed = Smoothed()
    smoothed.add(0.7, 1e6)
    assert smoothed.value == 0.7


def test_an_unlucky_first_sample_is_soon_corrected() -> None:
    smoothed, rng = Smoothed(), random.Random(3)
    smoothed.add(1.0, 0.0)
    for step in range(1, 61):
        smoothed.add(min(1.0, max(0.0, rng.gauss(0.3, 0.1))), step * EVERY_S)
    assert smoothed.value == pytest.approx(0.3, abs=0.07)


def test_noise_moves_it_less_than_a_fixed_rate_that_is_as_quick() -> None:
    rng, adaptive, fixed = random.Random(5), Smoothed(), 0.5
    ours, theirs = [], []
    for step in range(4000):
        value = rng.uniform(0.0, 1.0)
        adaptive.add(value, step * EVERY_S)
        fixed += -math.expm1(-EVERY_S * math.log(10.0) / 3.0) * (value - fixed)  # 90 % in 3 s
        ours.append(adaptive.value)
        theirs.append(fixed)
    assert statistics.pstdev(ours[200:]) < 0.8 * statistics.pstdev(theirs[200:])


def test_a_pause_between_samples_is_no_memory() -> None:
    smoothed = Smoothed()
    smoothed.add(1.0, 0.0)
    smoothed.add(0.0, 60.0)
    assert smoothed.value < 0.001
