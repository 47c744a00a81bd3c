"""Token buckets: the rate over any stretch of time, a burst of a second, debts, and bounded memory."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.policy.buckets import Bucket, Buckets

START = 1000.0


def passed(rate: float, arrivals: list[float], *, debt: bool = False) -> int:
    bucket = Bucket(rate, START)
    return sum(bucket.take(rate, now, debt=debt) for now in arrivals)


def every(interval_s: float, seconds: float) -> list[float]:
    return [START + n * interval_s for n in range(int(seconds / interval_s))]


@given(st.floats(0.5, 50.0), st.lists(st.floats(0.0, 0.5), min_size=1, max_size=300))
@settings(max_examples=80)
def test_never_more_than_the_rate_and_one_burst(rate: float, waits_s: list[float]) -> None:
    arrivals, now = [], START
    for wait_s in waits_s:
        now += wait_s
        arrivals.append(now)
    assert passed(rate, arrivals) <= max(1.0, rate) + rate * (now - START) + 1e-6


@pytest.mark.parametrize("rate", [1.0, 5.0, 20.0])
def test_a_steady_flood_gets_the_rate(rate: float) -> None:
    assert passed(rate, every(0.003, 20.0)) == pytest.approx(rate * 21, rel=0.05)


def test_whoever_keeps_within_the_rate_is_never_refused() -> None:
    assert passed(5.0, every(0.2001, 20.0)) == passed(5.0, every(0.2001, 20.0), debt=True) == 99


def test_with_debt_insisting_gains_nothing() -> None:
    assert passed(5.0, every(0.003, 60.0), debt=True) <= 6, (
        "a flooder that goes on gets no more than the burst"
    )


def test_a_debt_is_paid_off_by_a_pause_of_two_bursts() -> None:
    bucket = Bucket(5.0, START)
    for now in every(0.003, 10.0):
        bucket.take(5.0, now, debt=True)
    assert not bucket.take(5.0, START + 10.5, debt=True)
    assert bucket.take(5.0, START + 12.5, debt=True)


def test_a_clock_that_runs_back_gives_nothing() -> None:
    bucket = Bucket(1.0, START)
    assert bucket.take(1.0, START)
    assert not bucket.take(1.0, START - 100.0)
    assert not bucket.take(1.0, START)


# -- many keys


def test_each_key_has_its_own_rate() -> None:
    buckets = Buckets(64)
    counts = [0, 0]
    for now in every(0.01, 10.0):
        for key in (0, 1):
            counts[key] += buckets.take(key, 5.0, now, debt=False)
    assert counts == [pytest.approx(55, abs=2)] * 2


def test_a_hundred_thousand_keys_are_as_many_as_fit() -> None:
    buckets, rng = Buckets(64), random.Random(1)
    for _ in range(100_000):
        buckets.take(rng.getrandbits(40), 5.0, START, debt=False)
    assert len(buckets) == 64


def test_a_flooder_does_not_hide_behind_new_keys() -> None:
    """Least recently seen: the busy key stays."""
    buckets, rng = Buckets(64), random.Random(1)
    through = 0
    for now in every(0.01, 20.0):
        through += buckets.take(7, 5.0, now, debt=False)
        for _ in range(20):
            buckets.take(rng.getrandbits(40), 5.0, now, debt=False)
    assert through <= 5.0 * 21 * 1.05


def test_after_clearing_nobody_is_known() -> None:
    buckets = Buckets(64)
    buckets.take(7, 1.0, START, debt=True)
    buckets.clear()
    assert len(buckets) == 0
    assert buckets.take(7, 1.0, START, debt=True)
