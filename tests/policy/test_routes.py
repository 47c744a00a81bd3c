"""Requests whose latencies are comparable share a route; neither routes nor memory grow without bound."""

import random
from collections.abc import Callable, Iterator
from itertools import islice
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from sidecar.policy import routes
from sidecar.policy.routes import Quantile, Routes, template

# -- templates


@pytest.mark.parametrize(
    ("target", "path"),
    [
        (b"/", "/"),
        (b"/a/7", "/a/{}"),
        (b"/api/bus/42?x=1", "/api/bus/{}"),
        (b"/users?id=7", "/users"),
        (b"/a/0191c2a0-7b7e-7cc0-8f3a-1234567890ab/b", "/a/{}/b"),
        (b"/a/0191C2A0-7B7E-7CC0-8F3A-1234567890AB", "/a/{}"),
        (b"/commit/deadbeefdeadbeef", "/commit/{}"),
        (b"/t/eyJhbGciOiJIUzI1NiJ9_-x=", "/t/{}"),
        (b"/7/8/9", "/{}/{}/{}"),
        (b"/7/", "/{}/"),
    ],
)
def test_ids_numbers_and_uuids_become_a_placeholder(target: bytes, path: str) -> None:
    assert template(b"GET", target) == f"GET {path}"


@pytest.mark.parametrize(
    "path",
    [
        "/api/v2/lines",
        "/internationalization/languages",
        "/a/deadbeef",
        "/a/x7",
        "/.well-known/openid-configuration",
        "//a",
        "*",
    ],
)
def test_words_stay_as_they_are(path: str) -> None:
    assert template(b"GET", path.encode()) == f"GET {path}"


def test_two_ids_are_one_route() -> None:
    assert template(b"GET", b"/api/bus/42?x=1") == template(b"GET", b"/api/bus/43")


def test_two_methods_are_two_routes() -> None:
    assert template(b"GET", b"/a") != template(b"POST", b"/a")


@given(st.binary(max_size=40), st.binary(max_size=20))
@examples(max_examples=100)
def test_the_query_never_enters_a_route(path: bytes, query: bytes) -> None:
    path = path.replace(b"?", b"")
    assert template(b"GET", path + b"?" + query) == template(b"GET", path), "query strings may hold secrets"


@given(st.integers(min_value=0))
@examples(max_examples=50)
def test_every_number_is_the_same_route(number: int) -> None:
    assert template(b"GET", b"/line/%d/stops" % number) == "GET /line/{}/stops"


# -- the table


@given(st.lists(st.tuples(st.sampled_from([b"GET", b"PUT"]), st.binary(max_size=30)), max_size=50))
@examples(max_examples=50)
def test_classifying_again_gives_the_same_route(requests: list[tuple[bytes, bytes]]) -> None:
    table = Routes()
    first = [table.classify(*request) for request in requests]
    assert [table.classify(*request) for request in requests] == first


def test_a_client_that_invents_paths_ends_up_in_other() -> None:
    table = Routes()
    seen = {table.classify(b"GET", f"/{word}".encode()) for word in words(1000)}
    assert len(seen) <= routes._ROUTES + 1, "a client can make the table of routes grow"
    assert routes.OTHER in seen


def test_known_routes_keep_their_name_once_the_table_is_full() -> None:
    table = Routes()
    route = table.classify(b"GET", b"/real/1")
    for word in words(1000):
        table.classify(b"GET", f"/{word}".encode())
    assert table.classify(b"GET", b"/real/2") == route


def test_the_memo_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes, "_MEMO", 8)
    table = Routes()
    for number in range(100):
        table.classify(b"GET", b"/a/%d" % number)
    assert len(table._memo) <= 8, "a client can make the memo grow"


def test_long_targets_are_classified_but_not_remembered() -> None:
    table = Routes()
    assert table.classify(b"GET", b"/a/" + b"7" * 5000) == "GET /a/{}"
    assert not table._memo, "a long target takes the room of many short ones"


def words(count: int) -> Iterator[str]:
    """Path segments without digits: no id, each a route of its own."""
    return ("".join("abcdefghij"[int(digit)] for digit in str(number)) for number in range(count))


# -- the running quantile

Draw = Callable[[random.Random], float]
STREAMS: dict[str, tuple[Draw, float]] = {
    "uniform": (lambda rng: rng.uniform(0.0, 1.0), 0.95),
    "exponential": (lambda rng: rng.expovariate(1.0), 2.9957),
    "lognormal": (lambda rng: rng.lognormvariate(0.0, 0.5), 2.2759),
}


def estimates(draw: Draw, seed: int) -> Iterator[float]:
    quantile, rng = Quantile(0.95), random.Random(seed)
    while True:
        quantile.add(draw(rng))
        yield quantile.value


@pytest.mark.parametrize("stream", STREAMS)
def test_a_steady_streams_p95_is_estimated_without_bias(stream: str) -> None:
    draw, p95 = STREAMS[stream]
    means = [fmean(islice(estimates(draw, seed), 2000, 8000)) for seed in range(5)]
    assert fmean(means) == pytest.approx(p95, rel=0.05)


@pytest.mark.parametrize("stream", STREAMS)
def test_the_estimate_never_strays_far(stream: str) -> None:
    draw, p95 = STREAMS[stream]
    seen = list(islice(estimates(draw, seed=1), 2000, 8000))
    assert p95 / 1.5 < min(seen), "hedges would go out far too early"
    assert max(seen) < p95 * 1.5, "hedges would go out far too late"


@given(st.floats(1e-6, 1e6))
@examples(max_examples=20)
def test_the_unit_does_not_matter(scale: float) -> None:
    plain, scaled, rng = Quantile(0.95), Quantile(0.95), random.Random(3)
    for _ in range(200):
        sample = rng.expovariate(1.0)
        plain.add(sample)
        scaled.add(sample * scale)
    assert scaled.value == pytest.approx(plain.value * scale)


@given(st.floats(1e-6, 1e3))
@examples(max_examples=20)
def test_a_constant_stream_is_followed_within_a_step(sample: float) -> None:
    quantile = Quantile(0.95)
    for _ in range(500):
        quantile.add(sample)
    assert quantile.value == pytest.approx(sample, rel=Quantile.STEP)


def test_the_first_sample_is_the_first_estimate() -> None:
    quantile = Quantile(0.95)
    quantile.add(0.25)
    assert (quantile.value, quantile.count) == (0.25, 1)


def test_a_first_sample_of_zero_does_not_stick() -> None:
    quantile = Quantile(0.95)
    for sample in (0.0, 0.3):
        quantile.add(sample)
    assert quantile.value == 0.3, "a step proportional to zero never moves"


def test_a_service_that_slows_down_is_followed() -> None:
    quantile = Quantile(0.95)
    for sample in [0.01] * 500 + [0.1] * 60:
        quantile.add(sample)
    assert quantile.value == pytest.approx(0.1, rel=0.05)


@given(st.lists(st.floats(0.0, 1e6), min_size=1, max_size=60))
@examples(max_examples=50)
def test_the_estimate_stays_within_a_step_of_what_was_seen(samples: list[float]) -> None:
    quantile = Quantile(0.95)
    for sample in samples:
        quantile.add(sample)
    assert 0.0 <= quantile.value <= max(samples) * (1.0 + Quantile.STEP)
