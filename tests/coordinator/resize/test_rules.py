"""What is refused before anybody is asked: by the table of reference §3.3, and as the server itself would."""

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.kube.resize import Change, change, legality
from coordinator.kube.resize import quality as qos
from tests.coordinator.resize.scene import container, pod, resources, running
from tests.support.kube import quantities, resizes
from tests.support.kube.resources import by_kind
from tests.support.kube.status import Refusal

EQUAL = resources(("500m", "500m"), ("256Mi", "256Mi"))
NONE = resources((None, None), (None, None))
BURSTABLE = resources()
REQUESTS = resources(("100m", None), ("64Mi", None))
HALF = resources(("100m", "500m"), ("256Mi", "256Mi"))


def reason(obj, cpu=None, memory=None, policy="limits", name="app", **how):
    refused = legality(obj, name, change(cpu, memory, policy), policy, **how)
    return refused and (refused.kind, refused.reason)


@pytest.mark.parametrize(
    ("quality", "given", "policy", "cpu", "expected"),
    [
        ("Guaranteed", EQUAL, "limits", "600m", "guaranteed"),
        ("Guaranteed", EQUAL, "requests", "400m", "guaranteed"),
        ("Guaranteed", EQUAL, "both", "600m", None),
        ("Burstable", BURSTABLE, "limits", "600m", None),
        ("Burstable", BURSTABLE, "limits", "90m", "request-above-limit"),
        ("Burstable", BURSTABLE, "limits", "100m", None),
        ("Burstable", BURSTABLE, "requests", "500m", None),
        ("Burstable", BURSTABLE, "requests", "501m", "request-above-limit"),
        ("Burstable", BURSTABLE, "both", "700m", None),
        ("Burstable", HALF, "limits", "100m", "becomes-guaranteed"),
        ("Burstable", HALF, "requests", "500m", "becomes-guaranteed"),
        ("Burstable", HALF, "both", "700m", "becomes-guaranteed"),
        ("Burstable", REQUESTS, "limits", "600m", None),
        ("Burstable", REQUESTS, "requests", "600m", None),
        ("BestEffort", NONE, "limits", "1", "best-effort"),
        ("BestEffort", NONE, "requests", "1", "best-effort"),
        ("BestEffort", NONE, "both", "1", "best-effort"),
    ],
)
def test_the_table_of_qos_and_policy(quality, given, policy, cpu, expected):
    obj = running(pod(container(given=given)), quality)
    assert reason(obj, cpu, policy=policy) == (expected and ("infeasible", expected))


def test_a_container_that_is_not_guaranteed_keeps_the_pod_burstable():
    sidecar = container("equilibrium-sidecar", BURSTABLE)
    assert reason(running(pod(container(given=HALF), sidecar)), "700m", policy="both") is None
    native = container("equilibrium-sidecar", BURSTABLE, restartPolicy="Always")
    assert reason(running(pod(container(given=HALF), initContainers=[native])), "700m", policy="both") is None


def test_a_native_sidecar_may_be_what_was_missing_to_guaranteed():
    native = container("equilibrium-sidecar", HALF, restartPolicy="Always")
    obj = running(pod(container(given=EQUAL), initContainers=[native]))
    assert reason(obj, "700m", policy="both", name="equilibrium-sidecar") == (
        "infeasible",
        "becomes-guaranteed",
    )
    assert reason(obj, "700m", name="equilibrium-sidecar") is None


def test_a_limit_adds_no_request_nobody_asked_for():
    obj = running(pod(container(given=NONE), container("other")))
    assert reason(obj, "1") == ("infeasible", "implied-request")
    assert reason(obj, "1", policy="both") is None
    assert reason(obj, "1", policy="requests") is None


@pytest.mark.parametrize(
    ("field", "value", "kind", "expected"),
    [
        ("metadata", {"annotations": {"kubernetes.io/config.mirror": "x"}}, "unsupported", "static-pod"),
        ("metadata", {"deletionTimestamp": "2026-11-20T00:00:00Z"}, "superseded", "terminating"),
        ("spec", {"os": {"name": "windows"}}, "unsupported", "windows"),
        ("status", {"phase": "Succeeded"}, "superseded", "terminal"),
        ("status", {"phase": "Failed"}, "superseded", "terminal"),
        (
            "status",
            {"containerStatuses": [{"name": "app", "state": {"running": {"startedAt": "x"}}}]},
            "unsupported",
            "old-kubelet",
        ),
    ],
)
def test_some_pods_are_not_resized_at_all(field, value, kind, expected):
    obj = running(pod())
    obj[field] |= value
    assert reason(obj, "600m") == (kind, expected)


def test_a_container_that_is_not_there_is_named_with_those_that_are():
    refused = legality(running(pod(container(), container("other"))), "nope", Change(600), "limits")
    assert refused is not None
    assert (refused.kind, refused.reason) == ("infeasible", "unknown-container")
    assert "app, other" in refused.message


def test_of_init_containers_only_those_that_stay_are_resized():
    inits = [container("setup"), container("proxy", restartPolicy="Always")]
    obj = running(pod(container(), initContainers=inits))
    assert reason(obj, "600m", name="setup") == ("infeasible", "init-container")
    assert reason(obj, "600m", name="proxy") is None


def test_a_restart_is_refused_unless_it_is_allowed():
    policy = [{"resourceName": "memory", "restartPolicy": "RestartContainer"}]
    obj = running(pod(container(resizePolicy=policy)))
    assert reason(obj, "600m") is None  # it is memory that restarts
    assert reason(obj, memory="512Mi") == ("infeasible", "restart-required")
    assert reason(obj, memory="512Mi", allow_restart=True) is None
    assert reason(obj, memory="256Mi") is None  # nothing changes


def test_only_servers_of_1_33_lower_no_memory_limit():
    obj = running(pod())
    assert reason(obj, memory="128Mi", minor=33) == ("infeasible", "memory-decrease")
    assert reason(obj, memory="512Mi", minor=33) is None
    for minor in (34, 36, None):
        assert reason(obj, memory="128Mi", minor=minor) is None
    restarting = [{"resourceName": "memory", "restartPolicy": "RestartContainer"}]
    obj = running(pod(container(resizePolicy=restarting)))
    assert reason(obj, memory="128Mi", minor=33, allow_restart=True) is None


def test_resources_of_the_pod_itself_decide_its_class():
    obj = running(pod(container(given=HALF), resources=resources()))
    assert reason(obj, "700m", policy="both") is None


amount = st.sampled_from([None, "100m", "250m", "500m"])
size = st.sampled_from([None, "64Mi", "128Mi", "256Mi"])


@st.composite
def pods(draw):
    """Such as a server would have: no request above its limit, no limit without a request."""
    made = []
    for name in ("app", "other", "proxy")[: draw(st.integers(1, 3))]:
        given = {}
        for resource, values in (("cpu", amount), ("memory", size)):
            request, limit = draw(values), draw(values)
            if limit is not None:
                request = request or limit
                request, limit = sorted((request, limit), key=quantities.value)
                given.setdefault("limits", {})[resource] = limit
            if request is not None:
                given.setdefault("requests", {})[resource] = request
        made.append(container(name, given))
    native = [{**each, "restartPolicy": "Always"} for each in made[2:]]
    obj = pod(*made[:2], initContainers=native)
    return running(obj, quantities.qos_class(obj["spec"]))


@given(
    pods(),
    st.sampled_from([None, 100, 250, 500, 800]),
    st.sampled_from([None, 2**26, 2**28]),
    st.sampled_from(["limits", "requests", "both"]),
)
def test_what_we_refuse_the_server_would_refuse_and_nothing_else(obj, cpu_m, memory_bytes, policy):
    wanted = Change(cpu_m, memory_bytes)
    refused = legality(obj, "app", wanted, policy)
    after = copy.deepcopy(obj)
    target = after["spec"]["containers"][0]["resources"]
    for (side, name), value in wanted.wanted(policy).items():
        target.setdefault(side, {})[name] = f"{value}m" if name == "cpu" else str(value)
    quantities.implied_requests(target)
    try:
        resizes.check(by_kind("Pod"), after, obj, 36)
        said = ""
    except Refusal as refusal:
        said = refusal.message
    if refused is not None and refused.reason == "implied-request":
        return  # stricter than the server: it would take it, and give more than was asked for
    assert (refused is None) == (not said), (refused, said)


@given(pods())
def test_the_class_of_a_pod_is_what_the_server_makes_of_it(obj):
    del obj["status"]["qosClass"]
    assert qos.current(obj) == quantities.qos_class(obj["spec"])
