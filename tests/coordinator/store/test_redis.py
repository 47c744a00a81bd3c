"""The store on a real Redis: what is put there, how long it lives, and every way in which Redis lets one down."""

import asyncio
import zlib

import pytest

from coordinator.store import choice
from coordinator.store import redis as redis_store
from coordinator.store.interface import Standing, Stored, StoreError
from coordinator.store.memory import Memory
from coordinator.store.redis import PREFIX, Redis
from sidecar import clock
from tests.coordinator.store.server import needed, running

pytestmark = needed
EPOCH = Stored("7f3a.3", {"number": 3, "columns": [["bus.default:80", [0, 1]]]})


@pytest.fixture
async def server(tmp_path):
    async with running(tmp_path) as made:
        yield made


@pytest.fixture
async def store(server):
    made = Redis(server.url, timeout_s=0.3)
    yield made
    await made.close()


async def reason(awaitable):
    with pytest.raises(StoreError) as found:
        await awaitable
    return found.value.reason


async def test_the_setting_chooses(server):
    assert isinstance(choice.opened("memory"), Memory)
    made = choice.opened(server.url)
    assert made.shared
    assert await made.version() == ""
    await made.close()


async def test_reports_are_read_by_all_and_end(store, server):
    await store.put_reports({f"default/p{i}": b"{}" for i in range(600)}, 30.0)
    await store.put_reports({"default/brief": b"{}"}, 0.05)
    other = Redis(server.url)
    assert len(await other.reports()) >= 600
    async with asyncio.timeout(5):
        while "default/brief" in await other.reports():
            await asyncio.sleep(0.01)
    await other.close()


async def test_every_key_has_our_prefix_and_an_end(store, server):
    await store.put_reports({"default/p": b"{}"}, 30.0)
    await store.put_epoch(EPOCH, 20.0)
    await store.gossip(
        {("a/x", "a/y"): Standing(caller="a/x", target="a/y", score=0.5, punished=True, at=clock.wall_s())}
    )
    async with server.client() as client:
        keys = await client.keys("*")
        assert len(keys) == 5
        for key in keys:
            assert key.startswith(PREFIX.encode())
            assert await client.pttl(key) > 0


async def test_an_epoch_is_read_with_its_version(store, server):
    assert (await store.version(), await store.epoch()) == ("", None)
    await store.put_epoch(EPOCH, 20.0)
    assert await store.version() == EPOCH.version
    assert await store.epoch() == EPOCH


async def test_rubbish_in_its_place_is_said_to_be_rubbish(store, server):
    async with server.client() as client:
        for rubbish in (
            b"rubbish",
            zlib.compress(b"[1]"),
            zlib.compress(b"{}"),
            zlib.compress(b" " * (17 << 20)),
        ):
            await client.set(f"{PREFIX}epoch", rubbish)
            assert await reason(store.epoch()) == "unreadable"
        await client.set(f"{PREFIX}reputation", "no hash")
        assert await reason(store.gossip({})) == "refused"


async def test_what_is_too_large_is_not_put(store, monkeypatch):
    monkeypatch.setattr(redis_store, "LARGEST_EPOCH", 10)
    monkeypatch.setattr(redis_store, "LARGEST_REPORT", 10)
    assert await reason(store.put_epoch(EPOCH, 20.0)) == "too-large"
    assert await reason(store.put_reports({"a/big": b"x" * 11, "a/small": b"{}"}, 20.0)) == "too-large"
    assert set(await store.reports()) == {"a/small"}


async def test_gossip_meets_and_the_newest_word_stays(store, server):
    wall_s = clock.wall_s()
    other = Redis(server.url)
    word = Standing(caller="a/x", target="a/y", score=0.9, punished=False, at=wall_s - 5)
    newer = Standing(caller="a/x", target="a/y", score=0.2, punished=True, at=wall_s - 1)
    await store.gossip({("a/x", "a/y"): newer})
    assert await other.gossip({("a/x", "a/y"): word}) == {("a/x", "a/y"): newer}
    assert await store.gossip({}) == {("a/x", "a/y"): newer}
    await other.close()


async def test_gossip_that_cannot_be_read_or_is_old_is_taken_out(store, server):
    async with server.client() as client:
        await client.hset(
            f"{PREFIX}reputation",
            mapping={"a/x|a/y": "rubbish", "a/z|a/y": '{"score":1,"punished":false,"at":1}'},
        )
        assert await store.gossip({}) == {}
        assert await client.hgetall(f"{PREFIX}reputation") == {}


async def test_a_dead_one_is_unreachable_and_a_returned_one_works(store, server):
    await store.put_epoch(EPOCH, 20.0)
    await server.kill()
    assert await reason(store.version()) == "unreachable"
    await server.start()
    assert await store.version() == ""
    await store.put_epoch(EPOCH, 20.0)
    assert await store.epoch() == EPOCH


async def test_a_hanging_one_is_slow_and_costs_no_more_than_its_time_limit(store, server):
    await store.put_epoch(EPOCH, 20.0)
    server.hang()
    assert await reason(store.version()) == "slow"
    server.go_on()
    async with asyncio.timeout(10):
        assert await store.version() == EPOCH.version


async def test_a_full_one_takes_nothing_and_is_still_read(store, server):
    await store.put_epoch(EPOCH, 20.0)
    await server.fill()
    assert await reason(store.put_epoch(EPOCH, 20.0)) == "full"
    assert await reason(store.put_reports({"a/p": b"{}"}, 20.0)) == "full"
    assert await store.epoch() == EPOCH
    await server.empty()
    await store.put_reports({"a/p": b"{}"}, 20.0)


async def test_a_password_that_is_wrong_is_a_refusal_and_shown_nowhere(server):
    async with server.client() as client:
        await client.config_set("requirepass", "open")
    made = Redis(f"redis://:sesame@127.0.0.1:{server.port}/0")
    with pytest.raises(StoreError) as found:
        await made.version()
    assert found.value.reason == "refused"
    assert "sesame" not in f"{found.value} {made!r}"
    await made.close()


async def test_a_database_that_is_not_there_is_a_refusal(server):
    made = Redis(server.url.replace("/0", "/999"))
    assert await reason(made.version()) == "refused"
    await made.close()


async def test_given_up_in_the_middle_it_goes_on_working(store, server):
    await store.version()
    server.hang()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await store.epoch()
    server.go_on()
    await store.put_epoch(EPOCH, 20.0)
    assert await store.version() == EPOCH.version


async def test_closing_twice_is_no_harm(store):
    await store.close()
    await store.close()


class Deaf:
    """A client that takes being cancelled for an answer."""

    async def get(self, key):
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            return b"led.1"

    async def aclose(self):
        pass


async def test_who_is_told_to_stop_stops_though_the_client_swallows_it():
    store = Redis("redis://127.0.0.1:1/0")
    store._client = Deaf()
    async with asyncio.TaskGroup() as group:
        asking = group.create_task(store.version())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        asking.cancel()
    assert asking.cancelled()
