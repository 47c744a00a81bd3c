"""Recorded lists and watches of EndpointSlices, replayed while the same happens to their pods."""

import pytest

from tests.kube import scenes
from tests.kube.recorded import in_order, normal, same, send, transcript

pytestmark = pytest.mark.kube

SLICES = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"


@pytest.mark.parametrize("name", ["endpointslices-list", "service-get"])
async def test_what_the_slice_controller_made_is_read_as_recorded(double, name):
    recorded = transcript(name)
    async with scenes.bus(double):
        same(await send(double, recorded), recorded)


async def test_a_page_of_a_list_is_as_recorded(double):
    recorded = transcript("list-limit-continue")
    async with scenes.bus(double) as bus:
        await bus.ready(0, False)
        await bus.delete(1)
        await bus.delete(1, grace_s=0)
        same(await send(double, recorded), recorded)


async def test_a_watch_tells_the_life_of_a_slice_as_recorded(double):
    recorded = transcript("watch-endpointslices-with-bookmarks")["response"]["lines"]
    async with scenes.bus(double) as bus:
        version = (await double.request("GET", SLICES)).body["metadata"]["resourceVersion"]
        query = f"watch=1&allowWatchBookmarks=true&resourceVersion={version}&timeoutSeconds=75"
        async with double.watch(f"{SLICES}?{query}") as events:
            await bus.happen()
            lines = [await anext(events) for _ in range(4)]
            for _ in range(3):
                double.watches.bookmark()
                lines.append(await anext(events))
    assert normal(lines) == normal(recorded)
    assert in_order(lines) == in_order(recorded)


async def test_a_watch_from_the_beginning_tells_everything(double):
    recorded = transcript("watch-too-old-rv1")["response"]["lines"]
    async with scenes.bus(double) as bus:
        await bus.ready(0, False)
        await bus.delete(1)
        await bus.delete(1, grace_s=0)
        async with double.watch(f"{SLICES}?watch=1&resourceVersion=1") as events:
            lines = [await anext(events) for _ in recorded]
    assert normal(lines) == normal(recorded)
    assert in_order(lines) == in_order(recorded)


async def test_a_watch_from_the_future_says_nothing(double):
    recorded = transcript("watch-future-rv")
    assert recorded["response"] == {"status": 200, "body": ""}
    async with scenes.bus(double) as bus, double.watch(recorded["request"]["path"]) as events:
        await bus.ready(0, False)
        double.break_watches()
        assert [event async for event in events] == []
