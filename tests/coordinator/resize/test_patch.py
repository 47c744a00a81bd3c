"""The patch compares what was read before it sets anything, also what was not there."""

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.kube.resize import Change, pods
from coordinator.kube.resize.patch import build
from coordinator.kube.resize.rules import Case
from tests.coordinator.resize.scene import container, pod, resources, running
from tests.support.kube import patches


def patch_of(obj, change, policy="limits", name="app"):
    place = pods.find(obj, name)
    assert place is not None
    return build(obj, place, Case(obj, place, change.wanted(policy)).changed)


def applied(obj, patch):
    return patches.json_patch(obj, list(patch))


def test_uid_name_and_the_values_read_are_tested_first():
    assert patch_of(running(pod()), Change(650)) == (
        {"op": "test", "path": "/metadata/uid", "value": "u-1"},
        {"op": "test", "path": "/spec/containers/0/name", "value": "app"},
        {"op": "test", "path": "/spec/containers/0/resources/requests/cpu", "value": "100m"},
        {"op": "test", "path": "/spec/containers/0/resources/limits/cpu", "value": "500m"},
        {"op": "replace", "path": "/spec/containers/0/resources/limits/cpu", "value": "650m"},
    )


def test_a_native_sidecar_is_among_the_init_containers():
    proxy = container("proxy", restartPolicy="Always")
    patch = patch_of(
        running(pod(container(), initContainers=[container("a"), proxy])), Change(650), name="proxy"
    )
    assert {"op": "test", "path": "/spec/initContainers/1/name", "value": "proxy"} in patch
    assert patch[-1]["path"] == "/spec/initContainers/1/resources/limits/cpu"


def test_nothing_to_change_is_no_patch():
    assert patch_of(running(pod()), Change(500)) == ()
    assert patch_of(running(pod()), Change(100, 2**26), "requests") == ()


def test_what_is_not_there_is_tested_by_the_map_it_is_not_in():
    obj = running(pod(container(given=resources(("100m", None)))))
    assert patch_of(obj, Change(650))[3:] == (
        {"op": "test", "path": "/spec/containers/0/resources/limits", "value": {"memory": "256Mi"}},
        {"op": "add", "path": "/spec/containers/0/resources/limits/cpu", "value": "650m"},
    )


def test_where_there_is_no_map_the_resources_are_tested_whole():
    given = resources(("100m", None), ("64Mi", None))
    patch = patch_of(running(pod(container(given=given))), Change(650, 2**28))
    assert patch[-2:] == (
        {"op": "test", "path": "/spec/containers/0/resources", "value": given},
        {
            "op": "add",
            "path": "/spec/containers/0/resources/limits",
            "value": {"cpu": "650m", "memory": "256Mi"},
        },
    )


@pytest.mark.parametrize(
    "meanwhile",
    [
        lambda obj: obj["metadata"].update(uid="u-2"),
        lambda obj: obj["spec"]["containers"][0].update(name="other"),
        lambda obj: obj["spec"]["containers"].reverse(),
        lambda obj: obj["spec"]["containers"][0]["resources"]["limits"].update(cpu="700m"),
        lambda obj: obj["spec"]["containers"][0]["resources"]["requests"].update(cpu="200m"),
        lambda obj: obj["spec"]["containers"][0]["resources"]["limits"].pop("cpu"),
    ],
)
def test_what_changed_since_the_reading_fails_the_patch(meanwhile):
    obj = running(pod(container(), container("other", resources(("1", "2")))))
    patch = patch_of(obj, Change(650))
    meanwhile(obj)
    with pytest.raises(patches.PatchError):
        applied(obj, patch)


@pytest.mark.parametrize("given", [{}, resources(("100m", None)), resources(("100m", None), ("64Mi", None))])
def test_an_amount_that_appeared_since_the_reading_fails_the_patch(given):
    obj = running(pod(container(given=given), container("other")))
    patch = patch_of(obj, Change(650), "both")
    obj["spec"]["containers"][0]["resources"].setdefault("limits", {})["cpu"] = "600m"
    with pytest.raises(patches.PatchError):
        applied(obj, patch)


side = st.dictionaries(
    st.sampled_from(["cpu", "memory", "ephemeral-storage"]), st.sampled_from(["1", "2", "256Mi"])
)


@given(
    st.fixed_dictionaries({}, optional={"requests": side, "limits": side}),
    st.sampled_from([None, 500, 2000]),
    st.sampled_from([None, 2**28]),
    st.sampled_from(["limits", "requests", "both"]),
)
def test_the_patch_sets_what_is_wanted_and_nothing_else(given, cpu_m, memory_bytes, policy):
    obj = running(pod(container("first"), container(given=given)))
    change = Change(cpu_m, memory_bytes)
    found = applied(obj, patch_of(obj, change, policy))
    expected = copy.deepcopy(obj)
    for (part, name), value in change.wanted(policy).items():
        there = expected["spec"]["containers"][1]["resources"].setdefault(part, {})
        text = {500: "500m", 2000: "2", 2**28: "256Mi"}[value]
        if there.get(name) not in (text, str(value)):
            there[name] = text
    assert found == expected
