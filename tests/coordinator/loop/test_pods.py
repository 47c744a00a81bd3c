"""From a pod to a subject of the market, or to the reason why not."""

import copy
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.kube import kept
from coordinator.policy import amounts, limitranges, pods, wishes
from coordinator.policy.pods import Rules
from coordinator.policy.subject import Amounts, Skipped, Subject

RESIZE = {"equilibrium.io/resize": "true"}
PLAIN = Rules()
DOCS = (Path(__file__).parents[3] / "docs" / "coordinator.md").read_text()


def resources(cpu="500m", request="100m", memory="256Mi", memory_request="64Mi"):
    return {"requests": {"cpu": request, "memory": memory_request}, "limits": {"cpu": cpu, "memory": memory}}


def made(annotations=RESIZE, **spec):
    """A running pod with a sidecar."""
    containers = spec.pop("containers", [{"name": "app", "resources": resources()}])
    told = [
        {"name": each["name"], "restartCount": 2, "resources": copy.deepcopy(each.get("resources", {}))}
        for each in containers
    ]
    return {
        "metadata": {
            "name": "a",
            "namespace": "shop",
            "uid": "u",
            "generation": 3,
            "annotations": dict(annotations),
            "labels": {"equilibrium.io/injected": "true"},
        },
        "spec": {"nodeName": "n", "containers": containers, **spec},
        "status": {
            "phase": "Running",
            "podIP": "10.0.0.1",
            "observedGeneration": 3,
            "containerStatuses": told,
        },
    }


def read(pod, rules=PLAIN, allocatable_m=4000):
    return pods.subject(kept.pod(pod), "Deployment/a", allocatable_m, rules)


def reason(pod, rules=PLAIN, allocatable_m=4000):
    found = read(pod, rules, allocatable_m)
    assert isinstance(found, Skipped), found
    assert found.key == "shop/a"
    assert found.detail
    return found.reason


def test_a_pod_is_read_whole():
    found = read(made(RESIZE | {"equilibrium.io/budget": "3", "equilibrium.io/max-cpu": "1"}))
    assert found == Subject(
        namespace="shop",
        name="a",
        uid="u",
        node="n",
        container="app",
        workload="Deployment/a",
        budget=3.0,
        floor_m=100,
        cap_m=1000,
        policy="limits",
        spec=Amounts(100, 500, 64 * 2**20, 256 * 2**20),
        actual=Amounts(100, 500, 64 * 2**20, 256 * 2**20),
        generation=3,
        settled=True,
        deferred=False,
        restarts=2,
        sidecar="10.0.0.1:15490",
    )


@pytest.mark.parametrize(
    ("annotations", "takes_part"),
    [
        ({}, False),
        ({"equilibrium.io/resize": "true"}, True),
        ({"equilibrium.io/resize": "false"}, False),
        ({"mbcas.enabled": "true"}, True),
        ({"mbcas.enabled": "false"}, False),
        ({"mbcas.enabled": "true", "equilibrium.io/resize": "false"}, False),
        ({"mbcas.enabled": "false", "equilibrium.io/resize": "true"}, True),
        ({"equilibrium.io/resize": "yes"}, True),
    ],
)
def test_who_takes_part(annotations, takes_part):
    assert wishes.opted_in(annotations) is takes_part


def test_a_slip_in_the_opt_in_is_told_and_not_obeyed():
    assert reason(made({"equilibrium.io/resize": "yes"})) == "annotation"


def test_aliases_of_the_seeds_count_where_ours_say_nothing():
    old = {"mbcas.enabled": "true", "mbcas.budget": "7", "mbcas.minCPU": "200m", "mbcas.maxCPU": "2"}
    found = read(made(old))
    assert (found.budget, found.floor_m, found.cap_m) == (7.0, 200, 2000)
    found = read(made(old | {"equilibrium.io/budget": "2", "equilibrium.io/min-cpu": "300m"}))
    assert (found.budget, found.floor_m, found.cap_m) == (2.0, 300, 2000)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("budget", "many"),
        ("budget", "0"),
        ("budget", "-1"),
        ("budget", "nan"),
        ("min-cpu", "1x"),
        ("max-cpu", ""),
        ("max-cpu", "0"),
        ("resize-policy", "all"),
    ],
)
def test_a_value_that_cannot_be_read_names_annotation_value_and_what_is_allowed(name, text):
    found = read(made(RESIZE | {f"equilibrium.io/{name}": text}))
    assert found.reason == "annotation"
    assert f"equilibrium.io/{name}={text!r}: " in found.detail
    assert "allowed: " in found.detail


def test_a_floor_above_the_cap_names_both():
    bounds = {"equilibrium.io/min-cpu": "2", "mbcas.maxCPU": "1"}
    found = read(made(RESIZE | bounds))
    assert "equilibrium.io/min-cpu='2': above mbcas.maxCPU; allowed: at most its 1" in found.detail


def changed(change):
    pod = made()
    change(pod)
    return pod


SKIPS = {
    "terminating": lambda pod: pod["metadata"].update(deletionTimestamp="2026-01-01T00:00:00Z"),
    "not-running": lambda pod: pod["status"].update(phase="Pending"),
    "static": lambda pod: pod["metadata"]["annotations"].update({"kubernetes.io/config.mirror": "x"}),
    "windows": lambda pod: pod["spec"].update(os={"name": "windows"}),
    "pod-resources": lambda pod: pod["spec"].update(resources={"limits": {"cpu": "1"}}),
    "no-container": lambda pod: pod["metadata"]["annotations"].update(
        {"kubectl.kubernetes.io/default-container": "other"}
    ),
    "restarts": lambda pod: pod["spec"]["containers"][0].update(
        resizePolicy=[{"resourceName": "cpu", "restartPolicy": "RestartContainer"}]
    ),
    "best-effort": lambda pod: pod["spec"]["containers"][0].update(resources={}),
    "no-cpu-limit": lambda pod: pod["spec"]["containers"][0]["resources"]["limits"].pop("cpu"),
    "guaranteed": lambda pod: pod["spec"]["containers"][0].update(
        resources=resources("1", "1", "1Gi", "1Gi")
    ),
    "old-kubelet": lambda pod: pod["status"]["containerStatuses"][0].pop("resources"),
    "quantity": lambda pod: pod["spec"]["containers"][0]["resources"]["limits"].update(cpu="much"),
    "floor-above-cap": lambda pod: pod["metadata"]["annotations"].update({"equilibrium.io/max-cpu": "50m"}),
    "malformed": lambda pod: pod["spec"]["containers"][0]["resources"].update(limits=["cpu"]),
    "annotation": lambda pod: pod["metadata"]["annotations"].update({"equilibrium.io/budget": "x"}),
}


@pytest.mark.parametrize("word", SKIPS)
def test_a_pod_that_cannot_take_part_says_why(word):
    assert reason(changed(SKIPS[word])) == word


def test_the_reasons_that_need_a_setting_or_a_node():
    assert reason(made(), allocatable_m=None) == "no-node"
    bare = changed(lambda pod: pod["metadata"].update(labels={}))
    assert reason(bare, Rules(leave_without_sidecar=True)) == "no-sidecar"
    unasked = changed(lambda pod: pod["spec"]["containers"][0]["resources"]["requests"].pop("cpu"))
    assert reason(unasked, Rules(policy="requests")) == "no-cpu-request"


def test_every_reason_is_explained():
    table = DOCS[DOCS.index("## Pods that are skipped") :].split("\n## ")[0]
    for word in [*SKIPS, "no-node", "no-sidecar", "no-cpu-request"]:
        assert f"| `{word}` |" in table


def test_a_native_sidecar_that_asks_for_less_than_its_limit_makes_a_pod_burstable():
    exact = {"name": "app", "resources": resources("1", "1", "1Gi", "1Gi")}
    loose = {"name": "equilibrium-sidecar", "restartPolicy": "Always", "resources": resources()}
    assert amounts.qos_class({"containers": [exact]}) == "Guaranteed"
    assert amounts.qos_class({"containers": [exact], "initContainers": [loose]}) == "Burstable"
    assert amounts.qos_class({"containers": [{"name": "x"}]}) == "BestEffort"
    assert isinstance(read(made(containers=[exact], initContainers=[loose])), Subject)


def test_without_a_sidecar_only_limits_move():
    pod = changed(lambda pod: pod["metadata"].update(labels={}))
    found = read(pod, Rules(policy="both"))
    assert (found.policy, found.sidecar) == ("limits", None)


def test_the_sidecar_is_not_what_is_sized():
    sidecar = {"name": "equilibrium-sidecar", "resources": resources()}
    pod = made(containers=[sidecar, {"name": "app", "resources": resources()}])
    assert read(pod).container == "app"
    pod["metadata"]["annotations"]["kubectl.kubernetes.io/default-container"] = "app"
    assert read(pod).container == "app"


@pytest.mark.parametrize(
    ("text", "port"),
    [
        (None, 15490),
        ('{"admin": 12345}', 12345),
        ('{"admin": "x"}', 15490),
        ('{"admin": true}', 15490),
        ("[", 15490),
    ],
)
def test_where_the_sidecar_is(text, port):
    pod = made(RESIZE | ({} if text is None else {"equilibrium.io/status": text}))
    assert read(pod).sidecar == f"10.0.0.1:{port}"
    pod["status"]["podIP"] = "fd00::1"
    assert read(pod).sidecar == f"[fd00::1]:{port}"


@pytest.mark.parametrize(
    ("policy", "floor_m", "cap_m"), [("limits", 300, 4000), ("requests", 100, 500), ("both", 100, 4000)]
)
def test_a_limit_never_falls_below_its_request_nor_a_request_above_its_limit(policy, floor_m, cap_m):
    pod = made(containers=[{"name": "app", "resources": resources(request="300m")}])
    found = read(pod, Rules(policy=policy))
    assert (found.floor_m, found.cap_m) == (floor_m, cap_m)


def test_bounds_are_multiples_of_what_the_kubelet_enforces():
    found = read(made(RESIZE | {"equilibrium.io/min-cpu": "123m", "equilibrium.io/max-cpu": "777m"}))
    assert (found.floor_m, found.cap_m) == (130, 770)
    small = read(made(RESIZE | {"equilibrium.io/max-cpu": "105m"}))
    assert (small.floor_m, small.cap_m) == (100, 100)


@pytest.mark.parametrize(
    ("asked", "told", "settled"),
    [
        ("417m", "420m", True),
        ("417m", "417m", True),
        ("417m", "410m", False),
        ("5m", "10m", True),
        ("1", "1000m", True),
    ],
)
def test_what_the_kubelet_rounds_is_settled(asked, told, settled):
    pod = made(containers=[{"name": "app", "resources": resources(asked, "1m")}])
    pod["status"]["containerStatuses"][0]["resources"] = resources(told, "2m")
    assert read(pod).settled is settled


def condition(kind, reason="", generation=3):
    return {"type": kind, "status": "True", "reason": reason, "observedGeneration": generation}


@pytest.mark.parametrize(
    ("conditions", "observed", "settled", "deferred"),
    [
        ([], 3, True, False),
        ([], None, True, False),
        ([], 2, False, False),
        ([condition("PodResizeInProgress")], 3, False, False),
        ([condition("PodResizePending", "Deferred")], 3, False, True),
        ([condition("PodResizePending", "Infeasible")], 3, False, True),
        ([condition("PodResizePending", "Deferred", 2)], 2, False, False),
        ([condition("Ready")], 3, True, False),
    ],
)
def test_what_the_kubelet_says_of_a_resize(conditions, observed, settled, deferred):
    pod = made()
    pod["status"] |= {"conditions": conditions, "observedGeneration": observed}
    found = read(pod)
    assert (found.settled, found.deferred) == (settled, deferred)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
PLACES = [
    ("metadata", "labels"),
    ("metadata", "annotations"),
    ("metadata", "ownerReferences"),
    ("metadata", "generation"),
    ("spec", "containers"),
    ("spec", "initContainers"),
    ("spec", "nodeName"),
    ("status", "phase"),
    ("status", "conditions"),
    ("status", "containerStatuses"),
    ("status", "podIP"),
]


@given(place=st.sampled_from(PLACES), value=JSON)
def test_nonsense_in_a_pod_is_a_reason_and_never_an_error(place, value):
    pod = made()
    pod[place[0]][place[1]] = value
    assert isinstance(pods.subject(pod, "Pod/a", 4000, Rules()), (Subject, Skipped))


@given(
    place=st.sampled_from(["requests", "limits"]),
    name=st.sampled_from(["cpu", "memory"]),
    text=st.text(max_size=8),
)
def test_no_quantity_of_any_kind_is_an_error(place, name, text):
    pod = made()
    pod["spec"]["containers"][0]["resources"][place][name] = text
    found = pods.subject(pod, "Pod/a", 4000, Rules())
    if isinstance(found, Subject):
        assert 0 < found.floor_m <= found.cap_m <= 4000


def test_what_a_pod_takes_of_its_node_is_what_the_scheduler_counts():
    app = {"name": "app", "resources": {"requests": {"cpu": "300m"}}}
    native = {"name": "proxy", "restartPolicy": "Always", "resources": {"requests": {"cpu": "50m"}}}
    start = {"name": "setup", "resources": {"requests": {"cpu": "1"}}}
    spec = {
        "containers": [app, {"name": "helper"}],
        "initContainers": [native, start],
        "overhead": {"cpu": "10m"},
    }
    assert kept.request_m({"spec": {"containers": [app], "initContainers": [native]}}) == 350
    assert kept.request_m({"spec": spec}) == 1060
    assert kept.request_m({"spec": {"containers": [app, native]}}, without="app") == 50
    allocated = {"containerStatuses": [{"name": "app", "allocatedResources": {"cpu": "500m"}}]}
    assert kept.request_m({"spec": {"containers": [app]}, "status": allocated}) == 500
    assert kept.other({"spec": spec, "status": {"phase": "Succeeded"}}).request_m == 0


def test_several_limit_ranges_bound_by_the_strictest():
    def bounds(**row):
        return {"metadata": {"namespace": "shop"}, "rows": [row]}

    found = limitranges.merged(
        [
            bounds(min={"cpu": "50m"}, max={"cpu": "2", "memory": "1Gi"}),
            bounds(min={"cpu": "100m"}, max={"cpu": "4"}, maxLimitRequestRatio={"cpu": "4"}),
            bounds(max={"cpu": "nonsense"}),
        ]
    )["shop"]
    assert (found.min_cpu_m, found.max_cpu_m, found.max_cpu_ratio) == (100, 2000, 4.0)
    assert (found.min_memory_bytes, found.max_memory_bytes) == (None, 2**30)
