"""The messages of advice: everything that is wrong is named, and nothing wrong is believed."""

import contextlib
import math
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sidecar.advice import messages
from sidecar.advice.messages import Asker
from sidecar.errors import DiscoveryError

A, B = "10.1.0.7:8080", "10.1.0.8:8080"


def answer(*services: Any, **more: Any) -> dict[str, Any]:
    return {"version": "7f3a.13", "server_time": 1_790_000_000.5, "services": list(services), **more}


def bus(**more: Any) -> dict[str, Any]:
    return {
        "service": "bus.default:8080",
        "epoch": 13,
        "first_slot": 1_790_000_000,
        "slot_ms": 1000,
        "expires_in_s": 20,
        "actions": [{A: 0.5, B: 0.5}, {A: 1}],
        **more,
    }


def test_the_answer_of_the_documentation_is_read() -> None:
    read = messages.read(answer(bus(), something="newer"))
    assert read.version == "7f3a.13"
    [column] = read.columns(100.0).values()
    assert (column.epoch, column.slot_s, column.expires_at) == (13, 1.0, 120.0)
    assert column.slot(100.0) == 1_790_000_000
    assert column.slot(100.6) == 1_790_000_001
    assert column.action(1_790_000_001) == {A: 1.0}
    assert column.action(1_790_000_002) is None


def test_equal_actions_are_kept_once() -> None:
    [advised] = messages.read(answer(bus(actions=[{A: 0.5, B: 0.5}] * 600))).services.values()
    assert len(advised.actions) == 600
    assert len({id(action) for action in advised.actions}) == 1


def test_no_column_stays_in_force_for_ever() -> None:
    [advised] = messages.read(answer(bus(expires_in_s=1e9))).services.values()
    assert advised.expires_in_s == messages.LONGEST_S


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"version": ""}, "version"),
        ({"version": 7}, "version"),
        ({"server_time": "now"}, "server_time"),
        ({"server_time": math.nan}, "server_time"),
        ({"server_time": -1}, "server_time"),
        ({"services": {}}, "services"),
        ({"services": [7]}, "services[0]"),
        ({"services": [bus(), bus()]}, "given before"),
        ({"services": [bus(service="bus")]}, "services[0].service"),
        ({"services": [bus(epoch=1.5)]}, "services[0].epoch"),
        ({"services": [bus(epoch=-1)]}, "services[0].epoch"),
        ({"services": [bus(epoch=True)]}, "services[0].epoch"),
        ({"services": [bus(first_slot=10**30)]}, "services[0].first_slot"),
        ({"services": [bus(slot_ms=999)]}, "services[0].slot_ms"),
        ({"services": [bus(expires_in_s=math.inf)]}, "services[0].expires_in_s"),
        ({"services": [bus(actions={A: 1})]}, "services[0].actions"),
        ({"services": [bus(actions=[{}])]}, "slot 0"),
        ({"services": [bus(actions=[{A: 1}, [A]])]}, "slot 1"),
        ({"services": [bus(actions=[{A: 0.7}])]}, "do not sum to 1"),
        ({"services": [bus(actions=[{A: -1, B: 2}])]}, "not in 0..1"),
        ({"services": [bus(actions=[{A: math.nan, B: 1}])]}, "no number"),
        ({"services": [bus(actions=[{A: "1"}])]}, "no number"),
        ({"services": [bus(actions=[{A: True}])]}, "no number"),
        ({"services": [bus(actions=[{"bus-1": 1}])]}, "not an address"),
        ({"services": [bus(actions=[{A: 1}] * (messages.MOST_SLOTS + 1))]}, "at most"),
    ],
)
def test_what_is_wrong_is_named(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(DiscoveryError) as caught:
        messages.read(answer(bus()) | wrong)
    assert words in str(caught.value)


def test_all_mistakes_are_named_at_once() -> None:
    with pytest.raises(DiscoveryError) as caught:
        messages.read(answer(bus(epoch=-1, slot_ms=1), {"service": "x"}, server_time=None))
    for words in ("server_time", "services[0].epoch", "services[0].slot_ms", "services[1].actions"):
        assert words in str(caught.value)


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(st.sampled_from(["version", "server_time", "services", "x"]), plain),
    st.dictionaries(st.sampled_from(sorted(bus())), plain),
)
def test_anything_is_read_or_refused_in_words(top: dict[str, Any], service: dict[str, Any]) -> None:
    for said in (top, answer(bus() | service) | top, answer(bus() | service)):
        with contextlib.suppress(DiscoveryError):
            for column in messages.read(said).columns(5.0).values():
                held = column.action(column.slot(5.0))
                assert held is None or sum(held.values()) == pytest.approx(1.0, abs=0.011)


def test_the_question_says_who_asks_and_what_is_known() -> None:
    asker = Asker("default/gateway", "gateway-0", "n1", "a")
    first = asker.question({"services": []}, 5, None)
    assert first == {
        "namespace": "default",
        "workload": "default/gateway",
        "pod": "gateway-0",
        "node": "n1",
        "zone": "a",
        "wait_s": 5,
        "services": [],
    }
    assert asker.question({}, 5, "1.2")["since"] == "1.2"


def test_a_service_is_called_by_its_canonical_host() -> None:
    assert messages.name(("bus.default", 8080)) == "bus.default:8080"
