"""The feed's messages: any JSON is an answer or a list of mistakes, and changes add up to the whole."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.discovery import feed
from sidecar.discovery.feed import Book, Question
from sidecar.errors import DiscoveryError
from sidecar.policy.endpoints import Endpoint, EndpointsChanged

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KEYS = [
    "version",
    "full",
    "services",
    "callers",
    "host",
    "port",
    "endpoints",
    "addresses",
    "portless",
    "address",
]
ENDPOINT = st.dictionaries(
    st.sampled_from(["address", "name", "workload", "zone", "budget", "x"]), JSON, max_size=4
)
SERVICE = st.dictionaries(
    st.sampled_from(KEYS), JSON | st.lists(ENDPOINT | st.just("10.1.0.1:80"), max_size=3)
)
ANSWER = st.fixed_dictionaries(
    {"version": st.text(max_size=3) | JSON, "full": st.booleans() | JSON},
    optional={
        "services": st.lists(SERVICE, max_size=3) | JSON,
        "callers": st.lists(ENDPOINT, max_size=2) | JSON,
    },
)


@given(ANSWER)
@settings(max_examples=300)
def test_any_object_is_an_answer_or_a_list_of_mistakes(plain: dict[str, Any]) -> None:
    try:
        answer = feed.read(plain, "default")
    except DiscoveryError:
        return
    assert (answer.version, answer.full) == (plain["version"], plain["full"])


HOSTS = ("bus", "tram", "user.other")
ASKED: set[Question] = {(host, 80) for host in HOSTS}
CHANGE = st.tuples(st.sampled_from(HOSTS), st.none() | st.lists(st.integers(1, 4), unique=True, max_size=3))


def as_told(host: str, pods: list[int] | None) -> dict[str, Any]:
    endpoints = None if pods is None else [f"10.1.0.{pod}:80" for pod in pods]
    return {"host": host if "." in host else f"{host}.default", "port": 80, "endpoints": endpoints}


@given(st.lists(st.lists(CHANGE, max_size=3), max_size=5), st.data())
@settings(max_examples=150)
def test_changes_add_up_to_the_whole(rounds: list[list[Any]], data: st.DataObject) -> None:
    """Whether the server tells changes or everything, those who listen know the same in the end."""
    book, truth, heard = Book(), {}, {}
    for number, changes in enumerate(rounds):
        latest = dict(changes)
        truth |= latest
        whole = number == 0 or data.draw(st.booleans())
        told = truth if whole else latest
        plain = {"version": str(number), "full": whole, "services": [as_told(*each) for each in told.items()]}
        for event in book.take(feed.read(plain, "default"), ASKED):
            assert isinstance(event, EndpointsChanged)
            assert heard.get(event.host) != event.endpoints, "nothing is said twice"
            heard[event.host] = event.endpoints
    expected = {host: pods for host, pods in truth.items() if pods is not None}
    known = {host: endpoints for host, endpoints in heard.items() if endpoints is not None}
    assert known == {
        host: tuple(Endpoint(f"10.1.0.{pod}:80") for pod in pods) for host, pods in expected.items()
    }
    for host in HOSTS:
        assert book.look_up((host, 80)).endpoints == known.get(host)


@pytest.mark.parametrize(
    ("question", "spelled"),
    [
        (("bus", 8080), "bus.default:8080"),
        (("bus", None), "bus.default"),
        (("bus.other", 80), "bus.other:80"),
        (("10.96.0.7", 80), "10.96.0.7:80"),
        (("fd00::7", 80), "[fd00::7]:80"),
    ],
)
def test_a_question_is_spelled_the_same_by_every_sidecar(question: Question, spelled: str) -> None:
    assert feed.spell(question, "default") == spelled


def test_what_nobody_asked_for_is_ignored() -> None:
    plain = {"version": "1", "full": True, "services": [as_told("bus", [1]), as_told("tram", [2])]}
    [event] = Book().take(feed.read(plain, "default"), {("bus", 80)})
    assert isinstance(event, EndpointsChanged)
    assert event.host == "bus"


@pytest.mark.parametrize(
    ("port", "more", "bare"), [(80, {}, True), (80, {"portless": False}, False), (81, {}, False)]
)
def test_a_host_without_a_port_means_80_unless_the_server_says_otherwise(
    port: int, more: dict[str, bool], bare: bool
) -> None:
    plain = {"version": "1", "full": True, "services": [as_told("bus", [1]) | {"port": port, **more}]}
    book = Book()
    book.take(feed.read(plain, "default"), {("bus", port)})
    assert (book.look_up(("bus", None)).endpoints is not None) is bare
