"""Watches: what they tell, from where on, and how they end."""

import contextlib

import aiohttp
import pytest

from tests.kube.objects import config, path, pod
from tests.support.kube import until

pytestmark = pytest.mark.kube

CONFIGS = path("configmaps")


def told(event) -> tuple[str, str]:
    return event["type"], event["object"]["metadata"].get("name", "")


async def version(api) -> str:
    return (await api.request("GET", CONFIGS)).body["metadata"]["resourceVersion"]


async def test_without_a_version_it_begins_with_what_is_there(double):
    await double.create(config("one"))
    async with double.watch(CONFIGS + "?watch=1") as events:
        assert told(await anext(events)) == ("ADDED", "one")
        await double.create(config("two"))
        assert told(await anext(events)) == ("ADDED", "two")


async def test_with_a_version_it_tells_only_what_comes_later(kube):
    await kube.create(config("one"))
    since = await version(kube)
    await kube.create(config("two"))
    async with kube.watch(f"{CONFIGS}?watch=1&resourceVersion={since}") as events:
        assert told(await anext(events)) == ("ADDED", "two")
        await kube.patch("ConfigMap", "default", "one", {"data": {"a": "b"}})
        assert told(await anext(events)) == ("MODIFIED", "one")


async def test_a_deletion_carries_the_last_state_with_a_new_version(kube):
    made = await kube.create(config("one", a="b"))
    since = await version(kube)
    async with kube.watch(f"{CONFIGS}?watch=1&resourceVersion={since}") as events:
        await kube.delete("ConfigMap", "default", "one")
        event = await anext(events)
    assert (told(event), event["object"]["data"]) == (("DELETED", "one"), {"a": "b"})
    assert int(event["object"]["metadata"]["resourceVersion"]) > int(made["metadata"]["resourceVersion"])


async def test_what_is_no_longer_selected_is_deleted_in_its_last_selected_state(kube):
    await kube.create(pod("one", labels={"tier": "web"}))
    since = (await kube.request("GET", path("pods"))).body["metadata"]["resourceVersion"]
    query = f"watch=1&resourceVersion={since}&labelSelector=tier%3Dweb"
    async with kube.watch(f"{path('pods')}?{query}") as events:
        changed = await kube.patch("Pod", "default", "one", {"metadata": {"labels": {"tier": "db"}}})
        event = await anext(events)
        assert told(event) == ("DELETED", "one")
        assert event["object"]["metadata"]["labels"] == {"tier": "web"}
        assert event["object"]["metadata"]["resourceVersion"] == changed["metadata"]["resourceVersion"]
        await kube.patch("Pod", "default", "one", {"metadata": {"labels": {"tier": "web"}}})
        assert told(await anext(events)) == ("ADDED", "one")


async def test_it_ends_at_its_time_in_good_order(kube):
    async with kube.watch(
        f"{CONFIGS}?watch=1&timeoutSeconds=1&resourceVersion={await version(kube)}"
    ) as events:
        assert [event async for event in events] == []


async def test_the_initial_events_end_with_a_bookmark_that_says_so(double):
    await double.create(config("one"))
    query = "watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
    async with double.watch(f"{CONFIGS}?{query}") as events:
        assert told(await anext(events)) == ("ADDED", "one")
        end = await anext(events)
    assert end["type"] == "BOOKMARK"
    assert end["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}


async def test_bookmarks_are_for_those_who_ask(double):
    since = await version(double)
    for asked, types in (("&allowWatchBookmarks=true", ["BOOKMARK", "ADDED"]), ("", ["ADDED"])):
        async with double.watch(f"{CONFIGS}?watch=1&resourceVersion={since}{asked}") as events:
            double.watches.bookmark()
            seen = []
            while "ADDED" not in seen:
                if seen == types[:-1]:
                    await double.create(config(f"after-{len(types)}"))
                seen.append((await anext(events))["type"])
        assert seen == types
        since = await version(double)


async def test_a_bookmark_moves_the_version_past_what_others_wrote(double):
    since = await version(double)
    await double.create(pod("elsewhere"))
    async with double.watch(f"{CONFIGS}?watch=1&allowWatchBookmarks=1&resourceVersion={since}") as events:
        double.watches.bookmark()
        mark = await anext(events)
    assert int(mark["object"]["metadata"]["resourceVersion"]) == double.store.version > int(since)


async def test_what_was_forgotten_is_gone_in_the_stream_or_by_the_status(double):
    since = await version(double)
    await double.create(config("one"))
    double.compact()
    async with double.watch(f"{CONFIGS}?watch=1&resourceVersion={since}") as events:
        gone = await anext(events)
        assert [event async for event in events] == []
    assert (gone["type"], gone["object"]["code"], gone["object"]["reason"]) == ("ERROR", 410, "Expired")
    assert gone["object"]["message"] == f"too old resource version: {since} ({double.store.version})"
    double.faults.gone_as_status = True
    reply = await double.request("GET", f"{CONFIGS}?watch=1&resourceVersion={since}")
    assert (reply.status, reply.body) == (410, gone["object"])


async def test_one_that_is_up_to_date_survives_a_compaction(double):
    async with double.watch(f"{CONFIGS}?watch=1&resourceVersion={await version(double)}") as events:
        double.compact()
        await double.create(config("one"))
        assert told(await anext(events)) == ("ADDED", "one")


@pytest.mark.parametrize("reset", [False, True])
async def test_all_of_them_break_on_demand(double, reset):
    async with double.watch(f"{CONFIGS}?watch=1") as events:
        await until(lambda: len(double.watches) == 1)
        double.break_watches(reset=reset)
        ending = pytest.raises(aiohttp.ClientError) if reset else contextlib.nullcontext()
        with ending:
            assert [event async for event in events] == []
    await until(lambda: len(double.watches) == 0)


async def test_a_stalled_one_says_nothing_and_then_everything(double):
    async with double.watch(f"{CONFIGS}?watch=1&resourceVersion={await version(double)}") as events:
        double.stall_watches()
        await double.create(config("one"))
        assert (await double.request("GET", path("configmaps", "one"))).status == 200
        await double.create(config("two"))
        double.stall_watches(False)
        assert [told(await anext(events)) for _ in range(2)] == [("ADDED", "one"), ("ADDED", "two")]


async def test_a_watcher_who_leaves_is_forgotten(double):
    async with double.watch(f"{CONFIGS}?watch=1"):
        await until(lambda: len(double.watches) == 1)
    await until(lambda: len(double.watches) == 0)


async def test_many_watchers_see_the_same_in_the_same_order(double):
    since = await version(double)
    async with contextlib.AsyncExitStack() as stack:
        where = f"{CONFIGS}?watch=1&resourceVersion={since}"
        watchers = [await stack.enter_async_context(double.watch(where)) for _ in range(10)]
        for number in range(20):
            await double.create(config(f"n{number}"))
        seen = [[told(await anext(events)) for _ in range(20)] for events in watchers]
    assert seen == [[("ADDED", f"n{number}") for number in range(20)]] * 10
