"""How long a route takes: medians and tails from a histogram that forgets."""

import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.policy.latency import LatencySketch

STREAMS: dict[str, tuple[Callable[[random.Random], float], float, float]] = {
    "uniform": (lambda rng: rng.uniform(0.0, 1.0), 0.5, 0.95),
    "exponential": (lambda rng: rng.expovariate(1.0), 0.6931, 2.9957),
    "lognormal": (lambda rng: rng.lognormvariate(0.0, 0.5), 1.0, 2.2759),
}


def fed(*samples: float, every_s: float = 0.01) -> LatencySketch:
    sketch = LatencySketch()
    for number, sample in enumerate(samples):
        sketch.add(sample, number * every_s)
    sketch.refresh()
    return sketch


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("seed", range(3))
def test_a_steady_streams_median_and_p95_are_found(stream: str, seed: int) -> None:
    draw, median, p95 = STREAMS[stream]
    rng = random.Random(seed)
    sketch = fed(*(draw(rng) for _ in range(4000)))
    assert sketch.median_s == pytest.approx(median, rel=0.12)
    assert sketch.p95_s == pytest.approx(p95, rel=0.12)


@given(st.floats(1e-4, 100.0))
@settings(max_examples=30)
def test_the_first_sample_sets_the_scale(sample: float) -> None:
    assert fed(sample).median_s == pytest.approx(sample, rel=0.1)


@given(st.floats(-1.0, 1e9))
@settings(max_examples=30)
def test_no_sample_is_out_of_range(sample: float) -> None:
    assert 0.0 < fed(sample).median_s < 1e3


def test_one_slow_first_sample_is_soon_forgotten() -> None:
    assert fed(5.0, *[0.005] * 40).p95_s < 0.01, (
        "the first request after a deploy must not set the hedge for long"
    )


def test_a_service_that_slows_down_is_followed() -> None:
    assert fed(*[0.01] * 2000, *[0.1] * 1100).median_s == pytest.approx(0.1, rel=0.1)


def test_a_sparse_route_is_followed_too() -> None:
    assert fed(*[0.01] * 100, *[0.1] * 120, every_s=1.0).median_s == pytest.approx(0.1, rel=0.1)


def test_a_third_of_bad_answers_does_not_move_the_median() -> None:
    rng = random.Random(5)
    samples = [0.5 if rng.random() < 0.33 else rng.uniform(0.004, 0.006) for _ in range(2000)]
    assert fed(*samples).median_s < 0.0065


def test_nothing_is_known_of_a_route_nobody_asked_for() -> None:
    assert LatencySketch().quantile(0.5) == 0.0
