"""Counters of a listener: exact, and gone with the endpoints they are about."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.proxy.stats import BUCKETS_S, OVERHEAD_BUCKETS_S, Histogram, ProxyStats

# -- histograms


@pytest.mark.parametrize("bounds", [BUCKETS_S, OVERHEAD_BUCKETS_S])
def test_bounds_rise(bounds: tuple[float, ...]) -> None:
    assert list(bounds) == sorted(set(bounds)), "a search by bisection needs them in order"


def test_a_bound_belongs_to_its_bucket() -> None:
    histogram = Histogram((1.0, 2.0))
    histogram.observe(1.0)
    assert histogram.counts == [1, 0, 0], "Prometheus' `le` means less or equal"


def test_what_is_beyond_the_last_bound_is_counted() -> None:
    histogram = Histogram((1.0, 2.0))
    histogram.observe(2.5)
    assert histogram.counts == [0, 0, 1]


@given(st.lists(st.floats(0.0, 100.0), max_size=50))
@settings(max_examples=50)
def test_cumulated_counts_are_what_prometheus_means(samples: list[float]) -> None:
    histogram = Histogram()
    for sample in samples:
        histogram.observe(sample)
    cumulated = [sum(histogram.counts[: i + 1]) for i in range(len(BUCKETS_S))]
    assert cumulated == [sum(sample <= bound for sample in samples) for bound in BUCKETS_S]


@given(st.lists(st.floats(0.0, 100.0), max_size=50))
@settings(max_examples=50)
def test_nothing_observed_is_lost(samples: list[float]) -> None:
    histogram = Histogram()
    for sample in samples:
        histogram.observe(sample)
    assert sum(histogram.counts) == len(samples)
    assert histogram.total_s == pytest.approx(sum(samples))


# -- per endpoint

A, B = "10.0.0.1:80", "10.0.0.2:80"


def test_an_endpoints_counters_are_made_when_first_needed() -> None:
    stats = ProxyStats()
    stats.of("bus", A).succeeded += 1
    assert {key: made.succeeded for key, made in stats.endpoints.items()} == {("bus", A): 1}


def test_an_endpoints_counters_are_kept() -> None:
    stats = ProxyStats()
    assert stats.of("bus", A) is stats.of("bus", A)


def test_an_address_in_two_services_is_counted_apart() -> None:
    stats = ProxyStats()
    assert stats.of("bus", A) is not stats.of("tram", A)


def test_endpoints_that_left_take_their_series_with_them() -> None:
    stats = ProxyStats()
    for service, address in (("bus", A), ("bus", B), ("tram", A)):
        stats.of(service, address)
    stats.forget("bus", {A})
    assert set(stats.endpoints) == {("bus", B), ("tram", A)}


def test_forgetting_what_was_never_counted_is_harmless() -> None:
    stats = ProxyStats()
    stats.forget("bus", {A})
    assert stats.endpoints == {}


def test_new_totals_are_zero() -> None:
    stats = ProxyStats()
    plain = [value for value in vars(stats).values() if isinstance(value, int)]
    assert plain == [0] * len(plain)


def test_two_listeners_count_apart() -> None:
    first, second = ProxyStats(), ProxyStats()
    first.answered(200)
    first.overhead.observe(0.001)
    first.of("bus", A)
    assert (sum(second.statuses.values()), sum(second.overhead.counts), len(second.endpoints)) == (0, 0, 0)
