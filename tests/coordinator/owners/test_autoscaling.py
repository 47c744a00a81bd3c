"""HPAs and VPAs as values: what they own, and that one which cannot be read owns more, not less."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.policy import autoscaling
from coordinator.policy.autoscaling import ANY, BOTH, NOBODY
from tests.coordinator.owners.objects import hpa, of_container, resource, vpa

DEPLOYMENT = ("Deployment", "web")


@pytest.mark.parametrize(
    ("metrics", "app", "sidecar"),
    [
        ([resource()], True, True),
        ([resource("memory")], True, True),
        ([resource(kind="AverageValue")], False, False),
        ([of_container("app")], True, False),
        ([of_container("proxy")], False, True),
        ([of_container("app", "AverageValue")], False, False),
        ([{"type": "Pods", "pods": {"metric": {"name": "rps"}}}], False, False),
        ([{"type": "External"}, resource()], True, True),
        ([], True, True),
    ],
)
def test_an_hpa_divides_by_requests_where_it_asks_for_utilisation(metrics, app, sidecar):
    found = autoscaling.hpa(hpa(*metrics))
    assert (found.target, found.flaw) == (DEPLOYMENT, "")
    assert (found.divides_by("app"), found.divides_by("proxy")) == (app, sidecar)


@pytest.mark.parametrize("mode", [None, "Auto", "Recreate", "InPlaceOrRecreate", "InPlace", "SomethingNew"])
def test_a_vpa_owns_what_it_updates_whatever_the_mode_is_called(mode):
    assert autoscaling.vpa(vpa(mode)).sets("app") == BOTH


@pytest.mark.parametrize("mode", ["Off", "Initial"])
def test_a_vpa_that_touches_no_running_pod_owns_nothing(mode):
    assert autoscaling.vpa(vpa(mode)).sets("app") == frozenset()


def test_container_policies_count_the_named_one_before_the_star():
    found = autoscaling.vpa(
        vpa(
            "Recreate",
            {"containerName": "*", "mode": "Off"},
            {"containerName": "app", "controlledResources": ["memory"]},
            {"containerName": "db"},
        )
    )
    assert found.sets("app") == {"memory"}
    assert found.sets("db") == BOTH
    assert found.sets("proxy") == frozenset()


def test_controlled_resources_that_are_empty_are_none_and_absent_are_both():
    assert (
        autoscaling.vpa(vpa("Auto", {"containerName": "*", "controlledResources": []})).sets("app") == set()
    )
    assert autoscaling.vpa(vpa("Auto", {"containerName": "*"})).sets("app") == BOTH


def test_a_vpa_without_a_target_owns_nobody():
    without = vpa("Auto")
    del without["spec"]["targetRef"]
    assert autoscaling.vpa(without).target == NOBODY


@pytest.mark.parametrize(
    "target", [3, "web", {"kind": "Deployment"}, {"name": "web"}, {"kind": 1, "name": "x"}, []]
)
def test_a_target_that_cannot_be_read_is_everybody(target):
    for found in (autoscaling.hpa(hpa(target=target)), autoscaling.vpa(vpa("Auto", target=target))):
        assert found.target == ANY
        assert "Ref" in found.flaw
    assert autoscaling.hpa(hpa(target=target)).divides_by("app")
    assert autoscaling.vpa(vpa("Auto", target=target)).sets("app") == BOTH


def test_what_cannot_be_read_beside_a_readable_target_owns_that_target():
    broken = autoscaling.hpa(hpa({"type": "Resource", "resource": 7}))
    assert (broken.target, broken.divides_by("app")) == (DEPLOYMENT, True)
    assert "not an object" in broken.flaw
    odd = vpa("Off")
    odd["spec"]["resourcePolicy"] = []
    found = autoscaling.vpa(odd)
    assert (found.target, found.sets("app")) == (DEPLOYMENT, BOTH)
    assert "resourcePolicy" in found.flaw


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "spec",
                    "metadata",
                    "name",
                    "namespace",
                    "kind",
                    "targetRef",
                    "scaleTargetRef",
                    "metrics",
                    "type",
                    "resource",
                    "target",
                    "updatePolicy",
                    "updateMode",
                    "resourcePolicy",
                    "containerPolicies",
                    "containerName",
                    "controlledResources",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from(["metadata", "spec"]), JSON))
def test_nothing_makes_them_raise_and_what_is_flawed_owns(found):
    for each in (autoscaling.hpa(found), autoscaling.vpa(found)):
        assert isinstance(each.name, str)
    if autoscaling.vpa(found).flaw:
        assert autoscaling.vpa(found).sets("app") == BOTH
    if autoscaling.hpa(found).flaw:
        assert autoscaling.hpa(found).divides_by("app")
