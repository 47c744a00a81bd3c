"""Questions that wait: who is told what, who is not, and what is left of them when they are hung up on."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from coordinator.app import Coordinator
from coordinator.feed import answer as answers
from coordinator.feed import desk as module
from coordinator.options import read
from sidecar.kube.access import Access
from tests.coordinator.feed.house import House, bus, house, now_at, placed
from tests.coordinator.feed.objects import a_slice, endpoint, pod, service
from tests.support.kube import ApiServer, until

pytestmark = pytest.mark.kube


@pytest.fixture
async def served() -> AsyncIterator[House]:
    async with ApiServer() as api, house(api) as found:
        await bus(api, "10.1.0.1")
        await until(lambda: found.feed._table.number == 2)
        yield found


async def held(served: House, count: int = 1) -> None:
    await until(lambda: served.feed._desk.held == count)


async def test_without_a_version_everything_is_told_at_once(served: House) -> None:
    answer = await served.ask("bus.default:8080", wait_s=30)
    assert answer["full"] is True
    [told] = answer["services"]
    assert (told["host"], told["port"], told["portless"]) == ("bus.default", 8080, True)
    assert told["endpoints"] == [{"address": "10.1.0.1:8080", "name": "bus-0"}]


async def test_with_the_latest_version_the_answer_waits_for_a_change_and_has_only_that(served: House) -> None:
    since = (await served.ask("bus.default", workload="default/gateway"))["version"]
    async with asyncio.TaskGroup() as group:
        asked = group.create_task(
            served.ask("bus.default", workload="default/gateway", since=since, wait_s=30)
        )
        await held(served)
        await served.api.create(service("tram"))
        await now_at(served.api, "10.1.0.2")
    answer = asked.result()
    assert answer["full"] is False
    assert "callers" not in answer, "they have not changed"
    assert [each["endpoints"][0]["address"] for each in answer["services"]] == ["10.1.0.2:8080"]


async def test_a_version_that_is_behind_is_answered_at_once(served: House) -> None:
    since = (await served.ask("bus.default"))["version"]
    await now_at(served.api, "10.1.0.2")
    await until(lambda: served.feed._desk.version != since)
    answer = await served.ask("bus.default", since=since, wait_s=30)
    assert [each["host"] for each in answer["services"]] == ["bus.default"]


@pytest.mark.parametrize("since", ["00000000.1", "x", "", "1.1.1", "{epoch}.-1", "{epoch}.99", "{epoch}.²"])
async def test_a_version_nobody_gave_out_is_answered_in_full(served: House, since: str) -> None:
    version = since.format(epoch=served.feed._desk.epoch)
    assert (await served.ask("bus.default", since=version, wait_s=30))["full"] is True


async def test_when_nothing_happens_the_answer_says_so_in_the_end(served: House) -> None:
    since = (await served.ask("bus.default"))["version"]
    answer = await served.ask("bus.default", since=since, wait_s=0.05)
    assert answer == {"version": since, "full": False, "services": []}


async def test_a_service_that_is_gone_is_told_as_such_and_then_no_more(served: House) -> None:
    since = (await served.ask("bus.default"))["version"]
    await served.api.delete("Service", "default", "bus")
    answer = await served.ask("bus.default", since=since, wait_s=30)
    assert answer["services"] == [{"host": "bus.default", "port": 8080, "endpoints": None}]
    again = await served.ask("bus.default", since=answer["version"], wait_s=0)
    assert again["services"] == []
    assert (await served.ask("bus.default"))["services"] == []


async def test_what_was_never_asked_for_is_told_to_nobody(served: House) -> None:
    await served.api.create(service("secret"))
    await served.api.create(a_slice(endpoint("10.1.0.66"), name="secret-1", of="secret"))
    await until(lambda: served.feed._table.number == 4)
    since = (await served.ask("bus.default:8080", "tram.default:80"))["version"]
    async with asyncio.TaskGroup() as group:
        asked = group.create_task(served.ask("bus.default:8080", since=since, wait_s=30))
        await held(served)
        await served.api.update(a_slice(endpoint("10.1.0.67"), name="secret-1", of="secret"))
        await until(lambda: served.feed._table.number == 5)
        assert not asked.done(), "it is not even woken"
        await now_at(served.api, "10.1.0.2")
    assert "secret" not in json.dumps(asked.result())
    assert "secret" not in json.dumps(served.feed.state())


async def test_the_address_a_service_had_tells_nothing_of_its_later_life(served: House) -> None:
    """A Service that is made again may get another address, and another Service the old one."""
    old = (await served.api.get("Service", "default", "bus"))["spec"]["clusterIP"]
    since = (await served.ask(f"{old}:8080"))["version"]
    await served.api.delete("Service", "default", "bus")
    await served.api.create(service(clusterIP="10.96.200.200"))
    await served.api.create(service("tram", clusterIP=old))
    await until(lambda: len(served.feed._table) == 2)
    answer = await served.ask(f"{old}:8080", since=since)
    told = {each["host"]: each["endpoints"] for each in answer["services"]}
    assert told == {"bus.default": None, "tram.default": []}
    await now_at(served.api, "10.1.0.3")
    await until(lambda: served.feed._desk.version != answer["version"])
    later = await served.ask(f"{old}:8080", since=answer["version"])
    assert later["services"] == []


async def test_all_who_ask_the_same_get_the_same_bytes(served: House) -> None:
    since = (await served.ask("bus.default"))["version"]
    async with asyncio.TaskGroup() as group:
        asked = [
            group.create_task(served.ask("bus.default", since=since, wait_s=30, zone=f"z{n}"))
            for n in range(20)
        ]
        await held(served, 20)
        await now_at(served.api, "10.1.0.2")
    assert len({json.dumps(each.result()) for each in asked}) == 1
    assert len(served.feed._desk._made) <= 2, "made once"


async def test_a_question_that_is_hung_up_is_held_no_longer(served: House) -> None:
    since = (await served.ask("bus.default"))["version"]
    for _ in range(3):
        async with asyncio.TaskGroup() as group:
            asked = group.create_task(served.ask("bus.default", since=since, wait_s=60))
            await held(served)
            asked.cancel()
        await held(served, 0)
    assert served.feed._desk._waiting == {}
    assert not served.feed._desk._held


async def test_a_stop_lets_go_of_everybody_at_once() -> None:
    async with ApiServer() as api, aiohttp.ClientSession() as session:
        await bus(api, "10.1.0.1")
        async with house(api) as served, asyncio.timeout(10):
            body = {"services": ["bus.default"], "since": served.feed._desk.version, "wait_s": 60}
            async with asyncio.TaskGroup() as group:
                asked = group.create_task(_outcome(session, served.url, body))
                await held(served)
                await served.coordinator.close()
            assert asked.result() in ("ClientOSError", "ServerDisconnectedError")
            assert served.feed._desk.held == 0


async def _outcome(session: aiohttp.ClientSession, url: str, body: Any) -> str:
    try:
        async with session.post(f"{url}/v1/endpoints", json=body) as response:
            return str(response.status)
    except aiohttp.ClientError as error:
        return type(error).__name__


async def test_one_pod_cannot_fill_the_house(served: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_PER_POD", 1)
    await placed(served.api, pod("gateway-0", "gateway"), "10.1.0.7")
    token = served.api.tokens.issue("default", "gateway-0", audience="equilibrium.io")
    bearer = {"Authorization": f"Bearer {token}"}
    body = {"services": ["bus.default"], "since": served.feed._desk.version, "wait_s": 30}
    async with asyncio.TaskGroup() as group:
        asked = group.create_task(served.asked(body, bearer))
        await held(served)
        status, answer = await served.asked(body, bearer)
        assert (status, "gateway-0" in answer["detail"]) == (429, True)
        await now_at(served.api, "10.1.0.2")
    assert asked.result()[0] == 200


async def test_there_is_room_for_so_many_and_the_next_is_told_when_to_come(
    served: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_HELD", 0)
    body = {"services": ["bus.default"], "since": served.feed._desk.version, "wait_s": 30}
    status, _ = await served.asked(body)
    assert status == 503
    assert (await served.ask("bus.default"))["full"], "what need not wait is answered"


async def test_large_answers_are_packed_for_those_who_unpack(served: House) -> None:
    await served.api.update(
        a_slice(*[endpoint(f"10.2.{n // 250}.{n % 250 + 1}", f"b-{n}") for n in range(500)])
    )
    await until(lambda: served.feed._table.number == 3)
    async with aiohttp.ClientSession() as session:
        sizes = {}
        for coding in ("gzip", "identity"):
            async with session.post(
                f"{served.url}/v1/endpoints",
                json={"services": ["bus.default"]},
                headers={"Accept-Encoding": coding},
            ) as response:
                sizes[coding] = int(response.headers["Content-Length"])
                assert len((await response.json())["services"][0]["endpoints"]) == 500
    assert sizes["gzip"] < sizes["identity"] / 4


@pytest.mark.parametrize(
    ("field", "allows"),
    [
        ("gzip", True),
        ("deflate, GZIP;q=0.001", True),
        ("gzip; q=0.5, identity", True),
        ("x-gzip", True),
        ("gzip;q=0", False),
        ("gzip; q=0.000, deflate", False),
        ("identity, gzipped", False),
        ("", False),
    ],
)
def test_gzip_is_for_who_names_it_and_does_not_forbid_it(field: str, allows: bool) -> None:
    assert answers.understood(field) is allows


async def test_what_it_does_is_counted(served: House) -> None:
    since = (await served.ask("bus.default"))["version"]
    await served.asked(b"{")
    async with asyncio.TaskGroup() as group:
        group.create_task(served.ask("bus.default", since=since, wait_s=30))
        await held(served)
        assert "equilibrium_feed_subscribers 1.0" in await page(served)
        await now_at(served.api, "10.1.0.2")
    found = await page(served)
    for line in (
        "equilibrium_feed_subscribers 0.0",
        "equilibrium_feed_services 1.0",
        'equilibrium_feed_answers_total{kind="full"} 1.0',
        'equilibrium_feed_answers_total{kind="changes"} 1.0',
        'equilibrium_feed_refusals_total{reason="malformed"} 1.0',
        "equilibrium_feed_tell_seconds_count 1.0",
        'equilibrium_feed_silent_seconds{collection="services"}',
    ):
        assert line in found
    shown = served.coordinator.state()["feed"]
    assert isinstance(shown, dict)
    assert (shown["services"], shown["subscribers"], shown["not_ready"]) == (1, 0, "")


async def page(served: House) -> str:
    async with aiohttp.ClientSession() as session, session.get(f"{served.url}/metrics") as response:
        return await response.text()


async def test_it_can_be_switched_off() -> None:
    async with ApiServer() as api:
        settings = {"EQUILIBRIUM_COORDINATOR_API": api.url, "EQUILIBRIUM_COORDINATOR_FEED": "off"}
        coordinator = Coordinator(read([], settings).settings, Access(url=api.url), dry_run=True)
        assert "feed" not in coordinator._rooms
        await coordinator.close()


async def test_answers_kept_for_others_have_an_end_in_bytes_too(
    served: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_MADE_BYTES", 1000)
    desk = served.feed._desk
    for n in range(40):
        await served.ask("bus.default", f"other-{n}.default")
        assert sum(len(answer.body) for answer in desk._made.values()) < 2000
    kept = dict(desk._made)
    await served.ask("bus.default", "other-39.default")
    assert desk._made == kept, "who asks the same gets the same"
