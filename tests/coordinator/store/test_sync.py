"""Two coordinators and a Redis between them that dies, hangs, fills up, is flushed and returns."""

import asyncio
import random
from collections import Counter

import pytest

from coordinator.store.gossip import Gossip
from coordinator.store.interface import Standing, Stored, StoreError
from coordinator.store.memory import Memory
from coordinator.store.redis import Redis
from coordinator.store.sync import MOST_PENDING, Sync
from sidecar import clock
from sidecar.supervise import Supervisor
from tests.coordinator.store.server import needed, running
from tests.support.kube import until


class Coordinator:
    """As much of one as a store sees."""

    def __init__(self, store, *, leads):
        self.leads, self.gossip = leads, Gossip()
        self.stored = Stored("mine.0", {})
        self.taken = Counter()
        self.sync = Sync(
            store,
            self.gossip,
            leading=lambda: self.leads,
            current=lambda: (self.stored, 20.0) if self.leads else None,
            version=lambda: self.stored.version,
            take=self._take,
            report_s=30.0,
            every_s=0.02,
            rng=random.Random(1),
        )

    def _take(self, stored):
        if "rubbish" in stored.body:
            raise ValueError("no epoch: rubbish")
        self.stored = stored
        self.taken[stored.version] += 1


class Scripted(Memory):
    """A store whose next commands fail as a test says."""

    shared = True

    def __init__(self):
        self.reason, self.calls, self.put = "", [], {}

    async def version(self):
        self.calls.append("version")
        if self.reason:
            raise StoreError(self.reason, "scripted")
        return ""

    async def put_reports(self, bodies, ttl_s):
        self.calls.append("put")
        if self.reason:
            raise StoreError(self.reason, "scripted")
        self.put |= bodies


def failed(name, error):
    raise AssertionError(f"{name}: {error!r}")


@pytest.fixture
async def scene(tmp_path):
    async with running(tmp_path) as server:
        stores = [Redis(server.url, timeout_s=0.3) for _ in range(2)]
        leader, other = Coordinator(stores[0], leads=True), Coordinator(stores[1], leads=False)
        leader.stored = Stored("led.1", {"number": 1})
        supervisor = Supervisor(failed)
        for each in (leader, other):
            supervisor.start("sync", each.sync.run)
        yield server, leader, other
        await supervisor.stop()
        for store in stores:
            await store.close()


@needed
async def test_the_leaders_epoch_reaches_the_other(scene):
    _, leader, other = scene
    await until(lambda: other.stored == leader.stored)
    leader.stored = Stored("led.2", {"number": 2})
    await until(lambda: other.stored.version == "led.2")
    assert other.taken == {"led.1": 1, "led.2": 1}


@needed
async def test_reports_of_either_reach_the_leader(scene):
    _, leader, other = scene
    other.sync.report("default/p", b"1.0 {}")
    leader.sync.report("default/q", b"1.0 {}")
    async with asyncio.timeout(20):
        while set(await leader.sync.reports()) != {"default/p", "default/q"}:
            await asyncio.sleep(0.02)


@needed
async def test_while_it_is_dead_the_last_good_epoch_stays_and_after_its_return_all_is_as_before(
    scene, caplog
):
    server, leader, other = scene
    await until(lambda: other.stored.version == "led.1")
    await server.kill()
    await until(lambda: not (leader.sync.up or other.sync.up))
    assert other.stored.version == "led.1"
    assert "unreachable" in other.sync.problem
    assert await leader.sync.reports() == {}
    other.sync.report("default/p", b"1.0 {}")
    leader.stored = Stored("led.2", {"number": 2})
    await until(lambda: other.sync.counts["unreachable"] >= 3)
    await server.start()
    await until(lambda: other.stored.version == "led.2")
    await until(lambda: leader.sync.up and other.sync.up and not other.sync.problem)
    async with asyncio.timeout(20):
        while "default/p" not in await leader.sync.reports():
            await asyncio.sleep(0.02)
    said = [line for line in caplog.messages if "unreachable" in line]
    assert len(said) <= 4  # of each coordinator when it began, of whatever was asked first


@needed
async def test_flushed_it_is_filled_again(scene):
    server, _, other = scene
    await until(lambda: other.stored.version == "led.1")
    async with server.client() as client:
        await client.flushall()
    fresh = Coordinator(Redis(server.url), leads=False)
    async with asyncio.timeout(20):
        while fresh.stored.version != "led.1":
            await fresh.sync.once()
            await asyncio.sleep(0.02)
    await fresh.sync._store.close()


@needed
async def test_full_it_is_still_read_and_counted(scene):
    server, leader, other = scene
    await until(lambda: other.stored.version == "led.1")
    await server.fill()
    leader.stored = Stored("led.2", {"number": 2})
    other.sync.report("default/p", b"1.0 {}")
    await until(lambda: leader.sync.counts["full"] >= 2 and other.sync.counts["full"] >= 1)
    assert leader.sync.up
    assert other.stored.version == "led.1"
    await server.empty()
    await until(lambda: other.stored.version == "led.2" and not leader.sync.problem)


@needed
async def test_a_hanging_one_blocks_nobody(scene):
    server, leader, other = scene
    await until(lambda: other.stored.version == "led.1")
    server.hang()
    await until(lambda: not other.sync.up)
    other.sync.report("default/p", b"1.0 {}")  # returns at once: nothing here waits
    assert other.sync.counts["slow"] >= 1
    server.go_on()
    await until(lambda: leader.sync.up and other.sync.up)


@needed
async def test_an_epoch_that_cannot_be_understood_is_not_taken(scene):
    _, leader, other = scene
    await until(lambda: other.stored.version == "led.1")
    leader.stored = Stored("led.2", {"rubbish": True})
    await until(lambda: other.sync.counts["unreadable"] >= 1)
    assert other.stored.version == "led.1"


@needed
async def test_what_is_said_of_callers_is_known_everywhere(scene):
    _, leader, other = scene
    word = Standing(caller="a/x", target="a/y", score=0.2, punished=True, at=clock.wall_s())
    other.gossip.hear([word], clock.wall_s())

    async def known():
        while not leader.gossip.known:
            for each in (other, leader):  # of two exchanges at once one may lose a word: it is said again
                each.sync._gossiped = float("-inf")
                await each.sync.once()

    await asyncio.wait_for(known(), 10.0)
    assert leader.gossip.known == {("a/x", "a/y"): word}


async def test_reports_wait_for_a_store_that_is_away_and_newer_ones_take_their_place():
    store = Scripted()
    mine = Coordinator(store, leads=False)
    store.reason = "slow"
    mine.sync.report("default/p", b"1 old")
    store_version, store.version = store.version, Memory().version  # it is the put that is slow
    await mine.sync.once()
    mine.sync.report("default/p", b"2 new")
    store.reason, store.version = "", store_version
    await mine.sync.once()
    assert store.put == {"default/p": b"2 new"}


async def test_when_the_store_is_away_the_round_ends_at_once():
    store = Scripted()
    store.reason = "unreachable"
    mine = Coordinator(store, leads=False)
    mine.sync.report("default/p", b"1 {}")
    assert await mine.sync.once()
    assert store.calls == ["version"]


async def test_what_waits_is_bounded_and_what_finds_no_room_is_counted():
    mine = Coordinator(Scripted(), leads=False)
    for i in range(MOST_PENDING + 3):
        mine.sync.report(f"default/p{i}", b"1 {}")
    assert mine.sync.dropped == 3


async def test_the_same_trouble_is_logged_once(caplog):
    store = Scripted()
    store.reason = "unreachable"
    mine = Coordinator(store, leads=False)
    for _ in range(5):
        await mine.sync.once()
    store.reason = ""
    await mine.sync.once()
    assert [line for line in caplog.messages if "epoch" in line] == [
        "the store: epoch: unreachable: scripted; what is known here is served meanwhile",
        "the store: epoch works again",
    ]
