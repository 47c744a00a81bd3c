"""Objects are created, replaced, patched and deleted as on a real server; the same tests run against one."""

import copy

import pytest

from tests.kube.objects import config, deployment, path, pod
from tests.support.kube import StatusError, namespace

pytestmark = pytest.mark.kube

MERGE = "application/merge-patch+json"


def version(obj) -> int:
    return int(obj["metadata"]["resourceVersion"])


async def test_every_write_has_the_next_version(kube):
    one = await kube.create(config("one"))
    two = await kube.create(config("two"))
    three = await kube.update(one | {"data": {"a": "b"}})
    assert version(one) < version(two) < version(three)
    assert await kube.get("ConfigMap", "default", "one") == three


async def test_a_write_that_changes_nothing_is_none(kube):
    made = await kube.create(config("one", a="b"))
    assert version(await kube.update(made)) == version(made)
    assert version(await kube.patch("ConfigMap", "default", "one", {"data": {"a": "b"}})) == version(made)


async def test_identity_is_the_servers(kube):
    given = config("one")
    given["metadata"] |= {"uid": "mine", "creationTimestamp": "2000-01-01T00:00:00Z", "generation": 7}
    made = await kube.create(given)
    assert made["metadata"]["uid"] != "mine"
    assert not made["metadata"]["creationTimestamp"].startswith("2000")
    assert "generation" not in made["metadata"]


async def test_a_generated_name_begins_as_asked_and_is_free(kube):
    given = config("x")
    given["metadata"] = {"generateName": "some-"}
    names = {(await kube.create(given))["metadata"]["name"] for _ in range(3)}
    assert len(names) == 3
    assert all(name.startswith("some-") and len(name) == len("some-") + 5 for name in names)


async def test_the_generation_counts_changes_of_the_spec_only(kube):
    made = await kube.create(deployment())
    assert made["metadata"]["generation"] == 1
    annotated = {"metadata": {"annotations": {"a": "b"}}}
    assert (await kube.patch("Deployment", "default", "gateway", annotated))["metadata"]["generation"] == 1
    scaled = {"spec": {"replicas": 3}}
    assert (await kube.patch("Deployment", "default", "gateway", scaled))["metadata"]["generation"] == 2


async def test_status_and_spec_are_written_apart(kube):
    await kube.create(deployment())
    both = {"spec": {"replicas": 5}, "status": {"replicas": 2}}
    after = await kube.patch("Deployment", "default", "gateway", both)
    assert (after["spec"]["replicas"], after["status"]) == (5, {})
    both = {"spec": {"replicas": 7}, "status": {"replicas": 2}}
    after = await kube.patch("Deployment", "default", "gateway", both, subresource="status")
    assert (after["spec"]["replicas"], after["status"]) == (5, {"replicas": 2})


async def test_whoever_saw_an_older_version_does_not_replace(kube):
    first = await kube.create(config("one"))
    await kube.update(first | {"data": {"a": "b"}})
    with pytest.raises(StatusError, match="the object has been modified") as refused:
        await kube.update(first | {"data": {"a": "c"}})
    assert (refused.value.reply.status, refused.value.reply.body["reason"]) == (409, "Conflict")


async def test_a_patch_conflicts_only_if_it_names_a_version(kube):
    first = await kube.create(config("one"))
    await kube.update(first | {"data": {"a": "b"}})
    await kube.patch("ConfigMap", "default", "one", {"data": {"a": "c"}})
    stale = {"metadata": {"resourceVersion": first["metadata"]["resourceVersion"]}, "data": {"a": "d"}}
    with pytest.raises(StatusError, match="the object has been modified"):
        await kube.patch("ConfigMap", "default", "one", stale)


async def test_another_object_of_the_same_name_is_not_replaced(kube):
    first = await kube.create(config("one"))
    await kube.delete("ConfigMap", "default", "one")
    second = await kube.create(config("one"))
    with pytest.raises(StatusError, match="Precondition failed: UID in precondition") as refused:
        await kube.patch("ConfigMap", "default", "one", {"metadata": {"uid": first["metadata"]["uid"]}})
    assert refused.value.reply.status == 409
    assert await kube.get("ConfigMap", "default", "one") == second


async def test_a_dry_run_answers_as_if_and_leaves_nothing(kube):
    made = await kube.create(config("dry"), query="?dryRun=All")
    assert "resourceVersion" not in made["metadata"]
    assert (await kube.request("GET", path("configmaps", "dry"))).status == 404
    real = await kube.create(config("real"))
    tried = await kube.patch("ConfigMap", "default", "real", {"data": {"a": "b"}}, query="?dryRun=All")
    assert tried["data"] == {"a": "b"}
    await kube.request("DELETE", path("configmaps", "real") + "?dryRun=All")
    assert await kube.get("ConfigMap", "default", "real") == real


async def test_what_is_deleted_is_gone(kube):
    made = await kube.create(config("one"))
    answer = await kube.delete("ConfigMap", "default", "one")
    assert answer["status"] == "Success"
    assert answer["details"] == {"name": "one", "kind": "configmaps", "uid": made["metadata"]["uid"]}
    again = await kube.request("DELETE", path("configmaps", "one"))
    assert (again.status, again.body["message"]) == (404, 'configmaps "one" not found')


async def test_a_deletion_may_insist_on_what_it_saw(kube):
    await kube.create(config("one"))
    options = {"preconditions": {"uid": "another"}}
    assert (await kube.request("DELETE", path("configmaps", "one"), options)).status == 409


async def test_a_pod_on_a_node_is_terminating_until_it_is_finished(kube):
    given = pod("one")
    given["spec"]["nodeName"] = "node-a"
    await kube.create(given)
    marked = await kube.delete("Pod", "default", "one")
    assert marked["metadata"]["deletionGracePeriodSeconds"] == 30
    assert "deletionTimestamp" in (await kube.get("Pod", "default", "one"))["metadata"]
    await kube.delete("Pod", "default", "one", grace_s=0)
    assert (await kube.request("GET", path("pods", "one"))).status == 404


async def test_a_finalizer_keeps_an_object_until_it_is_taken_away(kube):
    given = config("one")
    given["metadata"]["finalizers"] = ["example.com/wait"]
    await kube.create(given)
    await kube.delete("ConfigMap", "default", "one")
    assert "deletionTimestamp" in (await kube.get("ConfigMap", "default", "one"))["metadata"]
    nothing = {"metadata": {"finalizers": None}}
    await kube.patch("ConfigMap", "default", "one", nothing, content_type=MERGE)
    assert (await kube.request("GET", path("configmaps", "one"))).status == 404


async def test_a_namespace_has_to_be_there(kube):
    elsewhere = config("one")
    elsewhere["metadata"]["namespace"] = "elsewhere"
    with pytest.raises(StatusError, match='namespaces "elsewhere" not found'):
        await kube.create(elsewhere)
    await namespace(kube, "elsewhere", team="a")
    await kube.create(elsewhere)
    labels = (await kube.get("Namespace", "", "elsewhere"))["metadata"]["labels"]
    assert labels == {"team": "a", "kubernetes.io/metadata.name": "elsewhere"}


async def test_a_pod_changes_by_its_images_only(kube):
    made = await kube.create(pod("one"))
    image = {"spec": {"containers": [{"name": "app", "image": "app:2"}]}}
    changed = await kube.patch("Pod", "default", "one", image)
    assert changed["spec"]["containers"][0]["image"] == "app:2"
    other = copy.deepcopy(made)
    other["spec"]["dnsPolicy"] = "None"
    other["metadata"].pop("resourceVersion")
    with pytest.raises(StatusError, match="pod updates may not change fields other than"):
        await kube.update(other)


@pytest.mark.parametrize("change", [{"name": "two"}, {"namespace": "kube-system"}])
async def test_an_object_keeps_its_name_and_its_namespace(kube, change):
    made = await kube.create(config("one"))
    reply = await kube.request("PATCH", path("configmaps", "one"), {"metadata": change}, MERGE)
    assert (reply.status, reply.body["reason"]) == (400, "BadRequest")
    assert await kube.get("ConfigMap", "default", "one") == made
