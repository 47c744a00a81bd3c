"""What Prometheus may answer, and what is believed of a pod from all who said something."""

import dataclasses
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.policy import signals
from coordinator.policy.answers import Demand
from coordinator.policy.observing import Observer, Scraped, saturation
from coordinator.policy.signals import SIGNALS
from coordinator.policy.subject import Amounts, Subject

BY_NAME = {signal.name: signal for signal in SIGNALS}
DEMAND = BY_NAME["demand"]


def vector(*samples):
    return {"status": "success", "data": {"resultType": "vector", "result": list(samples)}}


def sample(value, **labels):
    return {"metric": {"namespace": "shop", "pod": "a", **labels}, "value": [1.0, value]}


def subject(**changes):
    plain = Subject(
        namespace="shop",
        name="a",
        uid="u",
        node="n",
        container="app",
        workload="Deployment/a",
        budget=1.0,
        floor_m=100,
        cap_m=4000,
        policy="limits",
        spec=Amounts(100, 500),
        actual=Amounts(100, 500),
        generation=1,
        settled=True,
        sidecar="10.0.0.1:15490",
    )
    return dataclasses.replace(plain, **changes)


def test_a_vector_is_read_by_namespace_pod_and_container():
    found = signals.read(BY_NAME["usage_m"], vector(sample("250.5", container="app")))
    assert found.values == {("shop", "a", "app"): 250.5}


@pytest.mark.parametrize(
    ("value", "word"),
    [
        ("NaN", "nan"),
        ("+Inf", "range"),
        ("-1", "range"),
        ("1.5", "range"),
        ("x", "shape"),
        (0.5, "shape"),
        (None, "shape"),
    ],
)
def test_a_sample_that_makes_no_sense_is_dropped_counted_and_the_others_count(value, word):
    found = signals.read(DEMAND, vector(sample(value), sample("0.25", pod="b")))
    assert found.values == {("shop", "b", ""): 0.25}
    assert found.dropped == {word: 1}


def test_a_sample_without_a_pod_says_nothing():
    assert signals.read(DEMAND, vector({"metric": {}, "value": [1, "1"]})).dropped == {"labels": 1}


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"status": "error", "errorType": "bad_data", "error": "parse error"},
        {"status": "success"},
        {"status": "success", "data": []},
        {"status": "success", "data": {"resultType": "matrix", "result": []}},
        {"status": "success", "data": {"resultType": "scalar", "result": [1, "1"]}},
        {"status": "success", "data": {"resultType": "vector", "result": {}}},
    ],
)
def test_an_answer_of_another_shape_is_refused_whole(said):
    with pytest.raises(ValueError, match=r"."):
        signals.read(DEMAND, said)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["metric", "value", "pod", "namespace", "x"]), inner, max_size=3)
    ),
    max_leaves=10,
)


@given(result=st.lists(JSON, max_size=4), warnings=JSON)
def test_whatever_a_vector_holds_what_is_used_of_it_is_in_range(result, warnings):
    said = vector(*result) | ({"warnings": warnings} if isinstance(warnings, list) else {})
    found = signals.read(DEMAND, said)
    assert all(0 <= value <= 1 for value in found.values.values())


def test_every_query_looks_back_over_one_window():
    for signal in SIGNALS:
        assert "[{w}]" in signal.query
        assert "[1500ms]" in signal.over(1.5)
        assert "{w}" not in signal.over(1.5)


def observe(said, *, other=None, **values):
    scraped = Scraped(values=values, at=90.0) if values else None
    subjects = [subject(), *([other] if other else [])]
    return Observer(subjects, scraped, 100.0).observe(subjects[0], said)


def test_the_sidecar_is_believed_first():
    found = observe(Demand(0.7, 0.1), demand={("shop", "a", ""): 0.2})
    assert (found.demand, found.source, found.throttled, found.at) == (0.7, "sidecar", 0.1, 100.0)


def test_throttling_that_the_sidecar_cannot_see_counts_as_its_formula_has_it():
    throttled = {("shop", "a", "app"): 0.8}
    found = observe(Demand(0.1, 0.0), throttled=throttled)
    assert found.demand == pytest.approx(1 - 0.9 * 0.2)
    assert (found.source, found.throttled) == ("sidecar", 0.8)
    # 0.9 of it is throttling already: nothing is counted twice
    assert observe(Demand(0.95, 0.9), throttled=throttled).demand == 0.95
    half = observe(Demand(1 - 0.9 * 0.5, 0.5), throttled=throttled)
    assert half.demand == pytest.approx(1 - 0.9 * 0.2)


def test_then_what_it_last_told_prometheus():
    found = observe("timeout: it hangs", demand={("shop", "a", ""): 0.2})
    assert (found.demand, found.source, found.at) == (0.2, "prometheus", 90.0)
    assert found.reason.startswith("timeout: it hangs; ")


def test_then_use_and_throttling():
    found = observe(None, usage_m={("shop", "a", "app"): 250.0}, throttled={("shop", "a", "app"): 0.5})
    assert (found.demand, found.source) == (0.75, "prometheus")


def test_then_the_default_with_the_reason():
    missing = observe(None, usage_m={("shop", "other", "app"): 250.0})
    assert (missing.demand, missing.source) == (0.5, "default")
    assert missing.reason == "it has no sidecar; no series in Prometheus"
    nobody = observe(None)
    assert nobody.reason == "it has no sidecar; no Prometheus is set"


def test_latency_is_what_callers_measured_by_name_or_by_address():
    by_name = {("", "a", ""): 0.3}
    assert observe(None, latency_s=by_name).latency_s == 0.3
    namesake = subject(uid="v", namespace="other")
    assert observe(None, other=namesake, latency_s=by_name).latency_s is None
    assert observe(None, latency_s={("", "10.0.0.1:8080", ""): 0.2}).latency_s == 0.2


@given(usage_m=st.floats(0, 1e5), cpu_m=st.integers(1, 10_000), throttled=st.none() | st.floats(0, 1))
def test_saturation_is_a_share_and_rises_with_use_and_throttling(usage_m, cpu_m, throttled):
    found = saturation(usage_m, cpu_m, throttled)
    assert 0 <= found <= 1
    assert saturation(usage_m * 1.1, cpu_m, throttled) >= found - 1e-12
    assert saturation(usage_m, cpu_m, 1.0) == 1.0
    assert not math.isnan(found)
