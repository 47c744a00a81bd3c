"""Requests whose latencies are comparable share a route; neither routes nor memory grow without bound."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from sidecar.policy import routes
from sidecar.policy.routes import Routes, template

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
