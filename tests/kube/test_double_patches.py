"""The three patch types, each with what makes it different from the others."""

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.kube.objects import config, deployment, path
from tests.support.kube import patches
from tests.support.kube.resources import by_kind
from tests.support.kube.schema import Place, place

pytestmark = pytest.mark.kube

POD = place(by_kind("Pod"))
NAMES = st.sampled_from(["a", "b", "c", "d"])
CONTAINERS = st.lists(NAMES, unique=True).map(lambda names: [{"name": n, "image": f"{n}:1"} for n in names])


def spec(*names: str) -> dict:
    return {"spec": {"containers": [{"name": name, "image": f"{name}:1"} for name in names]}}


def listed(obj: dict) -> list[str]:
    return [container["name"] for container in obj["spec"]["containers"]]


@pytest.mark.parametrize("kind", [patches.MERGE, patches.STRATEGIC])
async def test_null_deletes(kube, kind):
    await kube.create(config("one", a="1", b="2"))
    after = await kube.patch("ConfigMap", "default", "one", {"data": {"a": None}}, content_type=kind)
    assert after["data"] == {"b": "2"}


async def test_a_strategic_patch_merges_containers_by_name(kube):
    await kube.create(deployment())
    change = {"spec": {"template": {"spec": {"containers": [{"name": "app", "image": "app:2"}]}}}}
    after = await kube.patch("Deployment", "default", "gateway", change)
    (container,) = after["spec"]["template"]["spec"]["containers"]
    assert container["image"] == "app:2"
    assert container["ports"] == [{"name": "http", "containerPort": 8080, "protocol": "TCP"}]


async def test_a_merge_patch_replaces_the_list(kube):
    await kube.create(deployment())
    change = {"spec": {"template": {"spec": {"containers": [{"name": "other", "image": "other:1"}]}}}}
    after = await kube.patch("Deployment", "default", "gateway", change, content_type=patches.MERGE)
    (container,) = after["spec"]["template"]["spec"]["containers"]
    assert (container["name"], "ports" in container) == ("other", False)


async def test_a_json_patch_fails_whole_when_its_test_fails(kube):
    made = await kube.create(config("one", a="1"))
    operations = [
        {"op": "replace", "path": "/data/a", "value": "2"},
        {"op": "test", "path": "/data/a", "value": "1"},
    ]
    reply = await kube.request("PATCH", path("configmaps", "one"), operations, patches.JSON)
    assert (reply.status, reply.body["details"]) == (422, {})
    assert await kube.get("ConfigMap", "default", "one") == made


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "add", "path": "/metadata/annotations/a", "value": "b"},  # no annotations there yet
        {"op": "replace", "path": "/data/missing", "value": "b"},
        {"op": "remove", "path": "/data/missing"},
    ],
)
async def test_a_json_patch_of_what_is_not_there_fails(kube, operation):
    await kube.create(config("one", a="1"))
    reply = await kube.request("PATCH", path("configmaps", "one"), [operation], patches.JSON)
    assert (reply.status, reply.body["reason"]) == (422, "Invalid")


async def test_a_json_pointer_escapes_slashes(kube):
    await kube.create(config("one", a="1"))
    operations = [
        {"op": "add", "path": "/metadata/annotations", "value": {}},
        {"op": "add", "path": "/metadata/annotations/equilibrium.io~1inject", "value": "true"},
    ]
    after = await kube.patch("ConfigMap", "default", "one", operations, content_type=patches.JSON)
    assert after["metadata"]["annotations"] == {"equilibrium.io/inject": "true"}


@pytest.mark.parametrize("kind", ["application/json", "text/plain"])
async def test_another_content_type_is_no_patch(kube, kind):
    await kube.create(config("one"))
    reply = await kube.request("PATCH", path("configmaps", "one"), {"data": {"a": "b"}}, kind)
    assert (reply.status, reply.body["reason"]) == (415, "UnsupportedMediaType")


@pytest.mark.parametrize(
    ("patch", "after"),
    [
        pytest.param(spec("c"), ["c", "a", "b"], id="a new one goes first"),
        pytest.param(spec("b", "a"), ["b", "a"], id="the order of the patch holds"),
        pytest.param(
            {"spec": {"$setElementOrder/containers": [{"name": "b"}, {"name": "a"}]}},
            ["b", "a"],
            id="an order alone",
        ),
        pytest.param(
            {"spec": {"containers": [{"name": "a", "$patch": "delete"}]}}, ["b"], id="$patch: delete"
        ),
        pytest.param(
            {"spec": {"containers": [{"name": "c"}, {"$patch": "replace"}]}}, ["c"], id="$patch: replace"
        ),
        pytest.param(
            {"spec": {"$patch": "replace", "containers": [{"name": "c"}]}}, ["c"], id="the whole spec"
        ),
    ],
)
def test_strategic_lists(patch, after):
    assert listed(patches.strategic(spec("a", "b"), patch, POD)) == after


def test_retained_keys_are_the_only_ones_left():
    """A volume has one source: the patch of kubectl says which keys may stay."""
    volumes = [{"name": "v", "emptyDir": {}}]
    patch = [{"name": "v", "configMap": {"name": "c"}, "$retainKeys": ["name", "configMap"]}]
    after = patches.strategic({"spec": {"volumes": volumes}}, {"spec": {"volumes": patch}}, POD)
    assert after == {"spec": {"volumes": [{"name": "v", "configMap": {"name": "c"}}]}}


def test_lists_of_values_are_joined_where_the_schema_says_so():
    """Finalizers merge, arguments do not."""
    meta = {"metadata": {"finalizers": ["a/x"]}}
    after = patches.strategic(meta, {"metadata": {"finalizers": ["b/y"]}}, POD)
    assert sorted(after["metadata"]["finalizers"]) == ["a/x", "b/y"]
    gone = {"metadata": {"$deleteFromPrimitiveList/finalizers": ["a/x"]}}
    assert patches.strategic(after, gone, POD)["metadata"]["finalizers"] == ["b/y"]
    args = {"spec": {"containers": [{"name": "a", "args": ["1"]}]}}
    changed = {"spec": {"containers": [{"name": "a", "args": ["2"]}]}}
    assert patches.strategic(args, changed, POD) == changed


@given(CONTAINERS, CONTAINERS)
def test_a_strategic_patch_has_everything_of_both_and_nothing_twice(current, patch):
    before, change = {"spec": {"containers": current}}, {"spec": {"containers": patch}}
    kept = copy.deepcopy(before)
    after = listed(patches.strategic(before, change, POD))
    assert before == kept  # the original is not touched
    assert sorted(after) == sorted({*listed(before), *listed(change)})
    assert [name for name in after if name in listed(change)] == listed(change)


@given(CONTAINERS, CONTAINERS)
def test_a_strategic_patch_applied_twice_is_applied_once(current, patch):
    change = {"spec": {"containers": patch}}
    once = patches.strategic({"spec": {"containers": current}}, change, POD)
    assert patches.strategic(once, change, POD) == once


JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text("ab"),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.sampled_from("abc"), inside, max_size=3),
)


@given(JSONS, JSONS)
def test_where_nothing_is_known_a_strategic_patch_is_a_merge_patch(current, patch):
    if isinstance(current, dict) and isinstance(patch, dict):
        assert patches.strategic(current, patch, Place({})) == patches.merge_patch(current, patch)
