"""What of resizes was not recorded but is documented: the double's refusals, older servers, quotas, apply."""

import pytest

from tests.coordinator.resize.scene import container, pod, resources
from tests.kube import scenes
from tests.support.kube import ApiServer, ResizingKubelet
from tests.support.kube.patches import APPLY, JSON, MERGE

pytestmark = pytest.mark.kube

PATH = "/api/v1/namespaces/default/pods/bus/resize"
QUOTA = "exceeded quota: q, requested: limits.cpu=500m, used: limits.cpu=500m, limited: limits.cpu=800m"


@pytest.fixture
async def api(double):
    await scenes.node(double)
    return double


async def resize(api, given, name="app", kind="containers", query="", token=None):
    body = {"spec": {kind: [{"name": name, "resources": given}]}}
    strategic = "application/strategic-merge-patch+json"
    return await api.request("PATCH", PATH + query, body, strategic, token=token)


def cpu(limit):
    return {"limits": {"cpu": limit}}


async def test_reading_and_replacing_work_on_the_subresource_too(api):
    await api.create(pod())
    found = (await api.request("GET", PATH)).body
    found["spec"]["containers"][0]["resources"]["limits"]["cpu"] = "1000m"
    found["spec"]["priority"] = 7
    found["metadata"]["labels"] = {"a": "b"}
    reply = await api.request("PUT", PATH, found)
    assert reply.status == 200
    assert reply.body["spec"]["containers"][0]["resources"]["limits"]["cpu"] == "1"  # as the server spells it
    assert reply.body["spec"]["priority"] == 0
    assert "labels" not in reply.body["metadata"]
    assert reply.body["metadata"]["generation"] == 2


async def test_a_put_of_an_old_version_is_a_conflict(api):
    made = await api.create(pod())
    await resize(api, cpu("600m"))
    assert (await api.request("PUT", PATH, made)).status == 409


async def test_a_patch_that_changes_nothing_leaves_the_generation(api):
    await api.create(pod())
    assert (await resize(api, cpu("0.5"))).body["metadata"]["generation"] == 1


@pytest.mark.parametrize(
    ("meta", "spec", "words"),
    [
        ({"annotations": {"kubernetes.io/config.mirror": "x"}}, {}, "static pods cannot be resized"),
        ({}, {"os": {"name": "windows"}}, "windows pods cannot be resized"),
    ],
)
async def test_some_pods_are_not_resized(api, meta, spec, words):
    obj = pod(**spec)
    obj["metadata"] |= meta
    await api.create(obj)
    reply = await resize(api, cpu("600m"))
    assert reply.status == 422
    assert words in reply.body["message"]


async def test_containers_keep_their_number_names_and_order(api):
    await api.create(pod(container(), container("other")))
    swapped = [
        {"op": "move", "from": "/spec/containers/1", "path": "/spec/containers/0"},
    ]
    reply = await api.request("PATCH", PATH, swapped, JSON)
    assert "containers may not be renamed or reordered on resize" in reply.body["message"]
    removed = [{"op": "remove", "path": "/spec/containers/1"}]
    reply = await api.request("PATCH", PATH, removed, JSON)
    assert "containers may not be added or removed on resize" in reply.body["message"]


async def test_only_init_containers_that_stay_are_resized(api):
    await api.create(
        pod(container(), initContainers=[container("a"), container("b", restartPolicy="Always")])
    )
    assert (await resize(api, cpu("600m"), "b", "initContainers")).status == 200
    reply = await resize(api, cpu("600m"), "a", "initContainers")
    assert "resources for non-sidecar init containers are immutable" in reply.body["message"]


async def test_only_cpu_and_memory_change(api):
    await api.create(pod())
    reply = await resize(api, {"limits": {"ephemeral-storage": "1Gi"}})
    assert "only cpu and memory resources are mutable" in reply.body["message"]


async def test_a_limit_without_a_request_becomes_one(api):
    await api.create(pod(container(given=resources((None, None)))))
    reply = await resize(api, cpu("600m"))
    assert reply.body["spec"]["containers"][0]["resources"]["requests"]["cpu"] == "600m"


async def test_unknown_fields_are_refused_when_asked_to(api):
    await api.create(pod())
    reply = await resize(api, {"limits": {"cpu": "1"}, "limitz": {}}, query="?fieldValidation=Strict")
    assert reply.status == 400
    assert "limitz" in reply.body["message"]


async def test_a_quota_counts_what_is_added(api):
    await api.create(pod())
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q"}}
    await api.create(quota | {"spec": {"hard": {"limits.cpu": "800m"}}})
    used = {"status": {"hard": {"limits.cpu": "800m"}, "used": {"limits.cpu": "500m"}}}
    await api.patch("ResourceQuota", "default", "q", used, subresource="status")
    assert (await resize(api, cpu("800m"))).status == 200
    await api.patch("ResourceQuota", "default", "q", used, subresource="status")
    reply = await resize(api, cpu("1300m"))
    assert (reply.status, reply.body["message"]) == (403, f'pods "bus" is forbidden: {QUOTA}')


@pytest.mark.parametrize(
    ("limits", "given", "words"),
    [
        (
            {"min": {"cpu": "200m"}},
            cpu("600m"),
            "minimum cpu usage per Container is 200m, but request is 100m",
        ),
        (
            {"min": {"memory": "1Gi"}},
            cpu("600m"),
            "minimum memory usage per Container is 1Gi, but request is 64Mi",
        ),
        ({"max": {"cpu": "550m"}}, cpu("600m"), "maximum cpu usage per Container is 550m, but limit is 600m"),
    ],
)
async def test_a_limit_range_is_told_in_the_servers_words(api, limits, given, words):
    await api.create(pod())
    spec = {"limits": [{"type": "Container", **limits}, {"type": "Pod", "max": {"cpu": "1m"}}]}
    await api.create({"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "l"}, "spec": spec})
    reply = await resize(api, given)
    assert (reply.status, reply.body["message"]) == (403, f'pods "bus" is forbidden: {words}')


async def test_resizing_is_a_right_of_its_own(api):
    await api.create(pod())
    token = api.allow([{"apiGroups": [""], "resources": ["pods"], "verbs": ["*"]}])
    assert (await resize(api, cpu("600m"), token=token)).status == 403
    token = api.allow([{"apiGroups": [""], "resources": ["pods/resize"], "verbs": ["patch"]}])
    assert (await resize(api, cpu("600m"), token=token)).status == 200


async def test_an_older_server_has_none_of_it():
    async with ApiServer(minor=32) as api:
        await scenes.node(api)
        await api.create(pod())
        reply = await resize(api, cpu("600m"))
        assert (reply.status, reply.body["details"]) == (404, {})
        listed = (await api.request("GET", "/api/v1")).body["resources"]
        assert "pods/resize" not in [each["name"] for each in listed]
        assert (await api.request("GET", "/version")).body["minor"] == "32"


@pytest.mark.parametrize("minor", [33, 35])
async def test_before_1_36_the_server_does_not_look_at_the_node(minor):
    async with ApiServer(minor=minor) as api:
        await api.create(pod(node="node-of-nobody"))
        reply = await resize(api, {"requests": {"cpu": "90"}, **cpu("90")})
        assert reply.status == 200


async def test_1_33_lowers_no_memory_limit():
    async with ApiServer(minor=33) as api:
        await api.create(pod())
        reply = await resize(api, {"limits": {"memory": "128Mi"}})
        assert (
            "memory limits cannot be decreased unless resizePolicy is RestartContainer"
            in reply.body["message"]
        )


# -- who set what


def managers(obj):
    return {(each["manager"], each["operation"]) for each in obj["metadata"].get("managedFields", ())}


async def test_who_resized_is_written_down_by_field_manager_or_user_agent(api):
    await api.create(pod())
    assert managers((await resize(api, cpu("600m"))).body) == {("Python", "Update")}
    found = (await resize(api, cpu("700m"), query="?fieldManager=updater")).body
    assert managers(found) == {("updater", "Update")}  # the one field has a new owner
    found = (await resize(api, {"limits": {"memory": "300Mi"}})).body
    assert managers(found) == {("updater", "Update"), ("Python", "Update")}
    # nobody takes it off again by another write
    await api.patch(
        "Pod",
        "default",
        "bus",
        {"metadata": {"managedFields": None, "labels": {"a": "b"}}},
        content_type=MERGE,
    )
    assert managers(await api.get("Pod", "default", "bus")) == managers(found)


async def apply(api, limit, manager="us", query=""):
    container = {"name": "app", "resources": cpu(limit)}
    body = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "bus"},
        "spec": {"containers": [container]},
    }
    return await api.request("PATCH", f"{PATH}?fieldManager={manager}{query}", body, APPLY)


async def test_apply_conflicts_with_whoever_set_another_value(api):
    await api.create(pod())
    reply = await apply(api, "600m")
    assert reply.status == 409
    assert reply.body["message"] == (
        'Apply failed with 1 conflict: conflict with "before-first-apply" using v1: '
        '.spec.containers[name="app"].resources.limits.cpu'
    )
    assert (await apply(api, "500m")).status == 200  # the value it has
    assert (await apply(api, "600m", query="&force=true")).status == 200
    assert (await apply(api, "700m")).status == 200  # its own
    reply = await apply(api, "800m", manager="vpa-updater")
    assert 'conflict with "us" with subresource "resize" using v1' in reply.body["message"]


async def test_apply_wants_a_manager_and_is_for_resizes_only(api):
    await api.create(pod())
    reply = await api.request("PATCH", PATH, pod(), APPLY)
    assert (reply.status, reply.body["details"]["causes"][0]["field"]) == (422, "fieldManager")
    reply = await api.request("PATCH", f"{PATH.removesuffix('/resize')}?fieldManager=us", pod(), APPLY)
    assert reply.status == 415


# -- the kubelet


async def test_a_kubelet_runs_what_is_put_on_its_node_and_makes_the_node(double):
    async with ResizingKubelet(double, node="node-b", node_cpu="3000m", node_memory="4Gi") as kubelet:
        await double.create(pod(node="node-b"))
        await double.create(pod(name="elsewhere", node="node-c"))
        await kubelet.settled()
        found = await double.get("Pod", "default", "bus")
        assert found["status"]["phase"] == "Running"
        assert found["status"]["observedGeneration"] == 1
        assert (await double.get("Pod", "default", "elsewhere"))["status"]["phase"] == "Pending"
        node = await double.get("Node", "", "node-b")
        assert node["status"]["allocatable"] == {"cpu": "3", "memory": "4Gi"}


async def test_memory_that_is_freed_lets_a_kubelet_go_on(double):
    async with ResizingKubelet(double) as kubelet:
        await double.create(pod())
        await kubelet.settled()
        kubelet.usage_bytes["bus"] = 200 * 2**20
        await resize(double, {"limits": {"memory": "100Mi"}})
        await kubelet.settled()
        found = await double.get("Pod", "default", "bus")
        assert found["status"]["conditions"][0]["reason"] == "Error"
        kubelet.usage_bytes["bus"] = 50 * 2**20
        kubelet.retry()
        await kubelet.settled()
        found = await double.get("Pod", "default", "bus")
        assert found["status"]["containerStatuses"][0]["resources"]["limits"]["memory"] == "100Mi"
        assert [each["type"] for each in found["status"]["conditions"] if "Resize" in each["type"]] == []


async def test_a_taken_back_request_that_never_was_allocated_leaves_nothing_behind(double):
    async with ResizingKubelet(double, node_cpu="2") as kubelet:
        await double.create(pod())
        await double.create(pod(container(given=resources(("1800m", "2"))), name="big"))
        await kubelet.settled()
        before = await double.get("Pod", "default", "bus")
        await resize(double, {"requests": {"cpu": "400m"}})
        await kubelet.settled()
        await resize(double, {"requests": {"cpu": "100m"}})
        await kubelet.settled()
        after = await double.get("Pod", "default", "bus")
        assert after["spec"] == before["spec"]
        assert after["status"]["observedGeneration"] == 3
        kinds = [each["type"] for each in after["status"]["conditions"]]
        assert kinds == [each["type"] for each in before["status"]["conditions"]]
