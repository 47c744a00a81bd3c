"""Two coordinators that share a Redis: whoever is asked answers, and its death is nobody's."""

import asyncio
from contextlib import asynccontextmanager

from coordinator.store.redis import Redis
from tests.coordinator.advice.house import house
from tests.coordinator.policy.reports import SERVICE
from tests.coordinator.store.server import needed, running
from tests.support.kube import until

pytestmark = needed


@asynccontextmanager
async def two(directory, **config):
    """Who leads, and the other; their epochs and stores run by themselves."""
    async with (
        running(directory) as server,
        house(Redis(server.url, timeout_s=0.5), running=True, **config) as leader,
        house(Redis(server.url, timeout_s=0.5), running=True, **config) as other,
    ):
        other.leads = False
        for made in (leader, other):
            made.room._sync._every_s = 0.05
        yield server, leader, other


async def column(made, pod):
    """Ask, holding the last version, until there is advice."""
    version = ""
    async with asyncio.timeout(20):
        while True:
            status, told = await made.report(pod, version, 5.0)
            if status == 200 and told["services"]:
                return told
            version = told.get("version", "")
            await asyncio.sleep(0.1)


async def test_a_sidecar_that_reports_to_one_is_advised_with_those_that_report_to_the_other(tmp_path):
    async with two(tmp_path, epoch_s=1.0) as (_, leader, other):
        here, there = await asyncio.gather(column(leader, "gw-0"), column(other, "gw-1"))
        assert here["version"].partition(".")[0] == there["version"].partition(".")[0]
        await until(lambda: leader.room.board.epoch.games[SERVICE].players == 2)
        assert set(leader.room.adviser.reports) == {"default/gw-0", "default/gw-1"}
        assert set(other.room.adviser.reports) == {"default/gw-1"}
        assert other.room.epochs.results["done"] == 0


async def test_when_redis_dies_the_other_serves_its_last_until_it_expires_and_the_leader_goes_on(tmp_path):
    async with two(tmp_path, epoch_s=0.6) as (server, leader, other):
        before = await column(other, "gw-1")
        await server.kill()
        await until(lambda: not other.room._sync.up)
        status, told = await other.report("gw-1")
        assert status == 200
        assert told["services"]
        assert told["version"].partition(".")[0] == before["version"].partition(".")[0]
        done = leader.room.epochs.results["done"]
        await leader.report("gw-0")
        await until(lambda: leader.room.epochs.results["done"] > done)
        assert other.room.state()["store"]["up"] is False
        await until(lambda: other.room.board.epoch is None)
        assert (await other.report("gw-1"))[1]["services"] == []
        await server.start()
        await column(other, "gw-1")


async def test_the_lead_passes_on(tmp_path):
    async with two(tmp_path, epoch_s=1.0) as (_, leader, other):
        before = await column(leader, "gw-0")
        leader.leads, other.leads = False, True
        async with asyncio.timeout(20):
            while True:
                status, told = await leader.report("gw-0", before["version"], 1.0)
                if status == 410 or told["version"].partition(".")[0] != before["version"].partition(".")[0]:
                    break
                await asyncio.sleep(0.1)
        after = await column(leader, "gw-0")
        assert after["version"].partition(".")[0] == other.room.board._life
