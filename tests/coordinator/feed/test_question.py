"""What is asked, read: in one spelling, and with every mistake named."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coordinator.callers.who import Refused
from coordinator.feed import question
from coordinator.feed.question import LONGEST_WAIT_S, MOST_SERVICES, canonical
from sidecar.discovery import feed


def read(**fields: Any) -> question.Question:
    return question.read(json.dumps(fields).encode())


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("bus.default:8080", "bus.default:8080"),
        ("bus", "bus.shop"),
        ("BUS.default.svc.cluster.local.:80", "bus.default:80"),
        ("10.96.0.7:80", "10.96.0.7:80"),
        ("10.96.0.7", "10.96.0.7:80"),
        ("[FD00::0007]:80", "[fd00::7]:80"),
        ("bus.default:0", ""),
        ("bus.default:99999", ""),
        ("api.example.com", ""),
        ("a b", ""),
        ("", ""),
        ("ü", ""),
    ],
)
def test_a_service_has_one_spelling(text: str, meant: str) -> None:
    assert canonical(text, "shop") == meant


@given(
    st.tuples(
        st.one_of(
            st.from_regex(r"[a-z][a-z0-9-]{0,10}[a-z0-9](\.[a-z]{1,9})?", fullmatch=True),
            st.ip_addresses().map(str),
        ),
        st.one_of(st.none(), st.integers(1, 65535)),
    )
)
def test_what_a_sidecar_spells_is_understood_as_it_is(asked: tuple[str, int | None]) -> None:
    host, port = asked
    port = 80 if port is None and feed.names.is_ip(host) else port
    spelled = feed.spell((host, port), "shop")
    assert canonical(spelled, "shop") == spelled


def test_doubles_and_what_cannot_be_a_service_are_left_out() -> None:
    asked = read(namespace="shop", services=["bus", "bus.shop", "x.y.z", "a.b:1"])
    assert asked.services == ("a.b:1", "bus.shop")


def test_fields_of_the_future_are_no_mistake() -> None:
    assert read(services=[], advice={"x": 1}).services == ()


def test_nobody_waits_for_ever() -> None:
    assert read(wait_s=1e9).wait_s == LONGEST_WAIT_S


def test_all_mistakes_are_named_at_once() -> None:
    with pytest.raises(Refused) as caught:
        read(namespace=7, workload="x", zone=[], services=[1, "a"], since=3, wait_s="x")
    assert caught.value.status == 400
    for word in ("namespace", "workload", "zone", "services[0]", "since", "wait_s"):
        assert word in caught.value.detail


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b"{",
        b"\xff",
        b'{"services": "bus"}',
        b'{"services": {}}',
        b'{"wait_s": -1}',
        b'{"wait_s": true}',
        b'{"since": ["x"]}',
        b'{"services": ["' + b"x" * 400 + b'"]}',
        json.dumps({"services": ["a"] * (MOST_SERVICES + 1)}).encode(),
        json.dumps({"since": "x" * 300}).encode(),
    ],
)
def test_nonsense_is_refused_and_says_what_is_allowed(raw: bytes) -> None:
    with pytest.raises(Refused) as caught:
        question.read(raw)
    assert caught.value.status == 400
    assert caught.value.detail


_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
_FIELDS = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("namespace", "workload", "zone", "services", "since", "wait_s"), _JSON)
)


@settings(max_examples=300)
@given(
    st.one_of(
        st.binary(max_size=200),
        _FIELDS.map(lambda plain: json.dumps(plain).encode()),
        _JSON.map(lambda plain: json.dumps(plain).encode()),
    )
)
def test_whatever_comes_is_read_or_refused(raw: bytes) -> None:
    try:
        asked = question.read(raw)
    except Refused as refused:
        status = refused.status
    else:
        status = 200
        assert 0 <= asked.wait_s <= LONGEST_WAIT_S
        assert asked.services == tuple(sorted(set(asked.services)))
    assert status in (200, 400)
