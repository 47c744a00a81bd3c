"""Recorded resizes, sent again: every answer of the server, and what a kubelet made of them."""

from typing import Any

import pytest

from tests.kube import scenes
from tests.kube.recorded import normal, same, send, transcript
from tests.support.kube import ApiServer

pytestmark = pytest.mark.kube

Object = dict[str, Any]


@pytest.mark.parametrize("name", scenes.RESIZES)
async def test_a_resize_is_answered_as_recorded(double, name):
    recorded = transcript(name)
    await scenes.resized(double, before=name)
    reply = await send(double, recorded)
    same(reply, recorded)
    assert owners(reply.body) == owners(recorded["response"]["body"])


@pytest.mark.parametrize(
    "name",
    [
        "resize-bad-quantity-422",
        "resize-conflict-409",
        "resize-json-patch-test-failed-422",
        "resize-merge-patch-replaces-list-422",
        "resize-negative-422",
        "resize-pod-not-found-404",
        "resize-qos-change-422",
        "resize-request-above-limit-422",
        "resize-unknown-container-422",
        "resize-unsupported-media-type-415",
    ],
)
async def test_a_resize_is_refused_as_recorded(double, name):
    await scenes.resized(double, before="resize-json-patch-ok")
    before = await double.get("Pod", "default", "resize-me")
    recorded = transcript(name)
    same(await send(double, recorded), recorded)
    assert await double.get("Pod", "default", "resize-me") == before


async def test_a_pod_without_resources_gets_none_as_recorded(double):
    recorded = transcript("resize-besteffort-422")
    await scenes.node(double)
    pod = transcript("pod-create")["request"]["body"]
    pod["metadata"]["name"] = "besteffort"
    del pod["spec"]["containers"][0]["resources"]
    await double.create(pod)
    same(await send(double, recorded), recorded)


async def test_a_dry_run_stores_nothing(double):
    await scenes.resized(double, before="resize-dry-run-ok")
    before = await double.get("Pod", "default", "resize-me")
    await send(double, transcript("resize-dry-run-ok"))
    assert await double.get("Pod", "default", "resize-me") == before


async def test_after_all_of_them_the_pod_is_as_recorded(double):
    recorded = transcript("pod-get-after-resizes")
    await scenes.resized(double)
    same(await send(double, recorded), recorded)


@pytest.mark.parametrize("name", ["pod-status-resize-deferred", "pod-status-resize-infeasible"])
async def test_what_a_kubelet_says_is_stored_as_recorded(double, name):
    recorded = transcript(name)
    await scenes.resized(double)
    same(await send(double, recorded), recorded)


@pytest.mark.parametrize("name", scenes.ENFORCED)
async def test_a_kubelet_does_with_a_resize_what_the_recorded_one_did(name):
    recorded = transcript(name)
    async with ApiServer() as api, scenes.enforcing(api) as scene:
        await scene.until(name)
        version = api.store.version
        query = f"watch=1&resourceVersion={version}&fieldSelector=metadata.name={scenes.ENFORCED_POD}"
        async with api.watch(f"/api/v1/namespaces/default/pods?{query}") as events:
            reply = await send(api, recorded)
            seen = [await anext(events) for _ in recorded["watch"]]
            await scene.kubelet.settled()
        assert reply.status == 200
        assert scenes.cut(reply.body) == scenes.cut(recorded["response"]["body"])
        expected = [(event["type"], scenes.cut(event["object"])) for event in recorded["watch"]]
        assert [(event["type"], scenes.cut(event["object"])) for event in seen] == expected
        last = await api.get("Pod", "default", scenes.ENFORCED_POD)
        assert scenes.cut(last) == expected[-1][1]  # and nothing came after


async def test_more_than_the_node_has_is_refused_as_recorded(double):
    recorded = transcript("kubelet-resize-above-node-403")
    async with scenes.enforcing(double) as scene:
        await scene.until(scenes.ENFORCED[0])
        same(await send(double, recorded), recorded)


def owners(pod: Object) -> dict[tuple[str, str], Object]:
    """Who owns which resources by which operation. The real server also books an image it then leaves alone."""
    found = {}
    for entry in pod["metadata"]["managedFields"]:
        if entry.get("subresource") == "resize":
            fields = entry["fieldsV1"]
            fields["f:spec"]["f:containers"]['k:{"name":"app"}'].pop("f:image", None)
            found[entry["manager"], entry["operation"]] = normal(fields)
    return found
