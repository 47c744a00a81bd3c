"""Lists: selectors, pages, and versions."""

import pytest

from tests.kube.objects import config, path, pod
from tests.support.kube import StatusError
from tests.support.kube.status import INCONSISTENT

pytestmark = pytest.mark.kube


async def three(api) -> None:
    for name, labels in (("a", {"tier": "web"}), ("b", {"tier": "db"}), ("c", {})):
        await api.create(pod(name, labels=labels))


def names(items) -> list[str]:
    return [item["metadata"]["name"] for item in items]


@pytest.mark.parametrize(
    ("selector", "found"),
    [
        ("tier=web", "a"),
        ("tier==web", "a"),
        ("tier!=web", "bc"),
        ("tier", "ab"),
        ("!tier", "c"),
        ("tier in (web,db)", "ab"),
        ("tier notin (web)", "bc"),
        ("tier in (web,db),tier!=db", "a"),
        ("", "abc"),
    ],
)
async def test_labels_select(kube, selector, found):
    await three(kube)
    query = "?labelSelector=" + selector.replace(" ", "%20").replace("!=", "!%3D")
    assert names(await kube.list("Pod", "default", query=query)) == list(found)


@pytest.mark.parametrize(
    ("selector", "found"),
    [("metadata.name=b", "b"), ("metadata.name!=b", "ac"), ("status.phase=Pending,metadata.name=a", "a")],
)
async def test_fields_select(kube, selector, found):
    await three(kube)
    assert names(await kube.list("Pod", "default", query=f"?fieldSelector={selector}")) == list(found)


async def test_a_field_nobody_indexes_does_not_select(kube):
    with pytest.raises(StatusError, match=r"field label not supported: spec\.containers"):
        await kube.list("Pod", "default", query="?fieldSelector=spec.containers=a")


async def test_pages_show_the_cluster_as_it_was_at_the_first(kube):
    await three(kube)
    first = (await kube.request("GET", path("pods") + "?limit=1")).body
    assert (names(first["items"]), first["metadata"]["remainingItemCount"]) == (["a"], 2)
    await kube.delete("Pod", "default", "c", grace_s=0)
    await kube.create(pod("d"))
    token = first["metadata"]["continue"]
    rest = (await kube.request("GET", path("pods") + f"?limit=5&continue={token}")).body
    assert names(rest["items"]) == ["b", "c"]
    assert "continue" not in rest["metadata"]
    assert rest["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]


async def test_a_page_that_comes_too_late_says_how_to_go_on(double):
    await three(double)
    first = (await double.request("GET", path("pods") + "?limit=1")).body
    await double.delete("Pod", "default", "b", grace_s=0)
    double.compact()
    token = first["metadata"]["continue"]
    late = await double.request("GET", path("pods") + f"?limit=5&continue={token}")
    assert (late.status, late.body["reason"], late.body["message"]) == (410, "Expired", INCONSISTENT)
    token = late.body["metadata"]["continue"]
    rest = await double.request("GET", path("pods") + f"?limit=5&continue={token}")
    assert names(rest.body["items"]) == ["c"]


async def test_a_list_of_an_exact_version_is_of_that_version(double):
    made = await double.create(config("one"))
    await double.delete("ConfigMap", "default", "one")
    query = f"?resourceVersionMatch=Exact&resourceVersion={made['metadata']['resourceVersion']}"
    assert names(await double.list("ConfigMap", "default", query=query)) == ["one"]
    double.compact()
    with pytest.raises(StatusError) as refused:
        await double.list("ConfigMap", "default", query=query)
    assert refused.value.reply.status == 410


async def test_a_list_of_the_future_is_refused(double):
    reply = await double.request("GET", path("pods") + "?resourceVersion=99999999")
    assert (reply.status, reply.body["reason"]) == (504, "Timeout")
    assert reply.body["details"]["causes"][0]["reason"] == "ResourceVersionTooLarge"
    assert "Too large resource version: 99999999" in reply.body["message"]


async def test_a_collection_is_deleted_by_its_labels(kube):
    await three(kube)
    await kube.request("DELETE", path("pods") + "?labelSelector=tier")
    assert names(await kube.list("Pod", "default")) == ["c"]


async def test_lists_of_all_namespaces_are_by_namespace_and_name(kube):
    for namespace, name in (("kube-system", "a"), ("default", "b")):
        given = config(name)
        given["metadata"]["namespace"] = namespace
        await kube.create(given)
    found = [item["metadata"] for item in await kube.list("ConfigMap")]
    places = [(metadata["namespace"], metadata["name"]) for metadata in found]
    assert places.index(("default", "b")) < places.index(("kube-system", "a"))


@pytest.mark.parametrize(
    ("method", "where", "status", "message"),
    [
        ("GET", "/api/v1/nonsense", 404, "the server could not find the requested resource"),
        ("POST", "/api/v1/namespaces/default/pods/x", 405, "the server does not allow this method"),
        ("GET", "/api/v1/namespaces/default/pods?resourceVersion=abc", 400, "Invalid value"),
    ],
)
async def test_requests_that_mean_nothing_are_refused(kube, method, where, status, message):
    reply = await kube.request(method, where)
    assert reply.status == status
    assert message in reply.body["message"]


async def test_a_group_nobody_serves_is_no_page(kube):
    reply = await kube.request("GET", "/apis/nobody.example.com/v1/things")
    assert (reply.status, reply.body.strip()) == (404, "404 page not found")
