"""The program itself, elected at the API double: two sidecars report, and each is told what it alone is to do."""

import asyncio
import json

import aiohttp

from tests.coordinator.loop.test_program import environment, running
from tests.coordinator.loop.world import driven, world
from tests.coordinator.policy.reports import SERVICE, address, endpoint, question
from tests.support.kube import until


async def ask(session, url, pod, since, latencies):
    """As a sidecar with the name of a pod and shares that tell on it."""
    endpoints = [endpoint(k, 10.0, seconds) for k, seconds in enumerate(latencies)]
    asked = question(pod, endpoints, wait_s=5, **({"since": since} if since else {}))
    async with session.post(url, json=asked) as answer:
        text = await answer.text()
        return answer.status, text, json.loads(text)


async def advised(session, url, pod, latencies):
    """Ask as a sidecar does until there is a column."""
    since = ""
    async with asyncio.timeout(30):
        while True:
            status, text, told = await ask(session, url, pod, since, latencies)
            if status == 200 and told["services"]:
                return text, told
            since = told.get("version", "") if status == 200 else ""
            await asyncio.sleep(0.1)


async def test_two_sidecars_each_get_their_own_column_and_nothing_of_the_other(tmp_path):
    async with world() as w, running(tmp_path, environment(w, EPOCH="1s")) as program:
        url = f"http://{program.at}/v1/advice"
        async with aiohttp.ClientSession() as session:
            (one, told), (two, other) = await asyncio.gather(
                advised(session, url, "gw-alpha", [0.01, 0.03, 0.01]),
                advised(session, url, "gw-beta", [0.01, 0.03, 0.01]),
            )
        for text, stranger in ((one, "gw-beta"), (two, "gw-alpha")):
            assert stranger not in text
            assert "gw-" not in text
        for found in (told, other):
            (service,) = found["services"]
            assert service["service"] == SERVICE
            for action in service["actions"]:
                assert abs(sum(action.values()) - 1.0) < 1e-3
                assert set(action) <= {address(k) for k in range(3)}
        _, page = await program.get("/metrics")
        assert f'equilibrium_advice_gap{{service="{SERVICE}"}}' in page
        assert f'equilibrium_advice_welfare_ratio{{service="{SERVICE}"}}' in page
        _, state = await program.get("/state")
        shown = json.loads(state)["advice"]
        assert shown["services"][SERVICE]["why_not"] == ""
        assert shown["sidecars_reporting"] == 2
        assert "/v1/advice" in (await program.get("/"))[1]


async def test_a_dry_run_advises_nobody(tmp_path):
    async with world() as w, running(tmp_path, environment(w), "--dry-run") as program:
        url = f"http://{program.at}/v1/advice"
        async with aiohttp.ClientSession() as session:
            status, _, told = await ask(session, url, "gw-0", "", [0.01, 0.02])
    assert status == 503
    assert "another coordinator leads" in told["detail"]


async def test_switched_off_there_is_no_such_path(tmp_path):
    async with world() as w, running(tmp_path, environment(w, ADVICE="off")) as program:
        assert (await program.get("/v1/advice"))[0] == 404
        assert "advice" not in json.loads((await program.get("/state"))[1])


async def test_polls_that_are_held_do_not_keep_it_from_ending(tmp_path):
    async with world() as w, running(tmp_path, environment(w, EPOCH="1h")) as program:
        url = f"http://{program.at}/v1/advice"
        async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as group:
            since = ""
            while not since:
                _, _, told = await ask(session, url, "gw-0", "", [0.01, 0.02])
                since = told.get("version", "")
                await asyncio.sleep(0.1)
            held = group.create_task(_outcome(session, url, since))
            assert await program.end() == 0
        assert held.result() in {200, 503, "hung up"}  # 503: it leads no more


async def _outcome(session, url, since):
    try:
        return (await ask(session, url, "gw-0", since, [0.01, 0.02]))[0]
    except aiohttp.ClientError:
        return "hung up"


async def test_the_market_goes_on_while_a_store_is_away():
    async with world() as w, driven(w, STORE="redis://127.0.0.1:1/0") as coordinator:
        room = coordinator._rooms["advice"]
        await until(lambda: room.state()["store"]["up"] is False)
        await coordinator.cycle()
        assert coordinator.last.failures == []
        assert coordinator.state()["advice"]["store"]["failures"]["unreachable"] >= 1
