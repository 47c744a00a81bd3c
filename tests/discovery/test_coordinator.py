"""The feed's source against the reference server and against scripted ones, over real sockets."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from sidecar.discovery import coordinator, feed
from sidecar.discovery.coordinator import CoordinatorSource, may_be_ours
from sidecar.kube.client import Access, Client
from sidecar.policy.endpoints import EndpointsChanged
from tests.discovery.listener import Listener, heard
from tests.kube.server import Asked, Script, Server, hang, said, served
from tests.support.feed import Feed

ONE = {"address": "10.1.0.1:8080", "name": "bus-0", "workload": "default/bus", "zone": "a", "budget": 3}


@asynccontextmanager
async def following(url: str, **access: Any) -> AsyncIterator[tuple[CoordinatorSource, Listener]]:
    def make(on_error: Any) -> CoordinatorSource:
        client = Client(Access(url, **access), largest_bytes=feed.LARGEST_BYTES)
        return CoordinatorSource(client, "default/gateway", "eu-1a", on_error)

    async with heard(make) as (source, listener):
        assert isinstance(source, CoordinatorSource)
        yield source, listener


@asynccontextmanager
async def scripted(script: Script) -> AsyncIterator[tuple[CoordinatorSource, Listener, Server]]:
    async with served(script) as server, following(server.url) as (source, listener):
        yield source, listener, server


def full(*services: dict[str, Any], version: str = "1", **more: Any) -> dict[str, Any]:
    return {"version": version, "full": True, "services": list(services), **more}


def bus(*endpoints: Any, **more: Any) -> dict[str, Any]:
    return {"host": "bus.default", "port": 8080, "endpoints": list(endpoints), **more}


# -- the reference server


async def test_a_service_is_followed_once_it_is_asked_for() -> None:
    async with Feed() as server, following(server.url) as (source, listener):
        server.publish("bus.default", 8080, [ONE], addresses=["10.96.0.7:8080"], portless=True)
        server.publish("tram.default", 80, ["10.1.0.9:80"])
        source.seek("bus", 8080)
        await listener.serves("bus", 8080, "10.1.0.1:8080")
        event = listener.known["bus", 8080]
        assert (event.addresses, event.portless) == (("10.96.0.7:8080",), True)
        [endpoint] = event.endpoints or ()
        assert (endpoint.name, endpoint.workload, endpoint.zone, endpoint.budget) == (
            "bus-0",
            "default/bus",
            "a",
            3,
        )
        server.publish("bus.default", 8080, [ONE, "10.1.0.2:8080"])
        await listener.serves("bus", 8080, "10.1.0.1:8080", "10.1.0.2:8080")
        server.publish("bus.default", 8080, [])
        await listener.serves("bus", 8080)
        server.publish("bus.default", 8080, None)
        await listener.unknown("bus", 8080)
        assert ("tram", 80) not in listener.known


@pytest.mark.parametrize(
    ("host", "port"),
    [("bus", 8080), ("bus", None), ("BUS.default.svc.cluster.local.", 8080), ("10.96.0.7", 8080)],
)
async def test_every_form_of_a_question_finds_it(host: str, port: int | None) -> None:
    async with Feed() as server, following(server.url) as (source, listener):
        server.publish("bus.default", 8080, [ONE], addresses=["10.96.0.7:8080"], portless=True)
        source.seek(host, port)
        await listener.serves("bus", 8080, "10.1.0.1:8080")


@pytest.mark.parametrize(("host", "port"), [("bus", 81), ("tram", None), ("10.96.0.8", 8080)])
async def test_what_the_server_does_not_know_is_unknown_and_not_asked_for_again(
    host: str, port: int | None
) -> None:
    async with Feed() as server, following(server.url) as (source, listener):
        server.publish("bus.default", 8080, [ONE])
        source.seek(host, port)
        await listener.unknown(host, port or 80)
        assert source._wanted == {}


async def test_what_nobody_knew_is_answered_again_when_asked_again() -> None:
    """A server holds a poll in which nothing is new: no question may ride on one that was answered and let go."""
    async with Feed() as server, following(server.url) as (source, listener):
        for asked in range(1, 4):
            source.seek("tram", 80)
            async with asyncio.timeout(60):
                await listener.until(lambda times=asked: len(listener.said) == times)
        assert set(listener.said) == {EndpointsChanged("tram", 80, None)}


@pytest.mark.parametrize("host", ["api.example.com", "93.184.216.34", "2606:2800:220:1::1", "bus_1.x.y"])
async def test_what_cannot_be_ours_is_answered_without_the_server(host: str) -> None:
    async with following("http://127.0.0.1:1") as (source, listener):
        source.seek(host, 80)
        await listener.unknown(host, 80)


@pytest.mark.parametrize(
    "host", ["bus", "bus.other", "10.96.0.7", "172.16.0.1", "100.64.0.1", "fd00::7", "127.0.0.2"]
)
def test_services_and_private_addresses_may_be_ours(host: str) -> None:
    assert may_be_ours(host, "default")


async def test_the_next_service_joins_those_that_are_followed() -> None:
    async with Feed() as server, following(server.url) as (source, listener):
        server.publish("bus.default", 8080, [ONE])
        server.publish("tram.other", 80, ["10.1.0.9:80"])
        source.seek("bus", 8080)
        await listener.serves("bus", 8080, "10.1.0.1:8080")
        source.seek("tram.other", 80)
        await listener.serves("tram.other", 80, "10.1.0.9:80")
        server.publish("bus.default", 8080, ["10.1.0.2:8080"])
        await listener.serves("bus", 8080, "10.1.0.2:8080")
        assert server.asked[-1]["services"] == ["bus.default:8080", "tram.other:80"]
        told = [
            event
            for event in listener.said
            if isinstance(event, EndpointsChanged) and event.endpoints is None
        ]
        assert told == [], "a poll that begins anew takes nothing back"


async def test_only_changes_are_sent_once_the_server_knows_what_we_have() -> None:
    async with Feed() as server, following(server.url) as (source, listener):
        server.publish("bus.default", 8080, [ONE])
        source.seek("bus", 8080)
        await listener.serves("bus", 8080, "10.1.0.1:8080")
        server.publish("bus.default", 8080, ["10.1.0.2:8080"])
        await listener.serves("bus", 8080, "10.1.0.2:8080")
        versions = [asked.get("since") for asked in server.asked if asked["services"]]
        assert versions[:2] == [None, "1.1"]


async def test_asked_again_it_answers_again_and_the_poll_goes_on() -> None:
    async with Feed() as server, following(server.url) as (source, listener):
        server.publish("bus.default", 8080, [ONE])
        source.seek("bus", 8080)
        await listener.serves("bus", 8080, "10.1.0.1:8080")
        before = len(listener.said)
        source.seek("bus", 8080)
        await listener.until(lambda: len(listener.said) > before)
        assert listener.said[-1] == listener.known["bus", 8080]
        assert len([asked for asked in server.asked if asked["services"]]) <= 2


async def test_who_calls_is_known_without_asking_for_anything() -> None:
    async with Feed() as server, following(server.url) as (_, listener):
        server.call(a127_0_0_3="default/ticket")
        await listener.until(lambda: listener.callers == {"127.0.0.3": "default/ticket"})
        server.call(a127_0_0_4="default/user")
        await listener.until(lambda: listener.callers == {"127.0.0.4": "default/user"})


async def test_the_server_is_told_who_asks() -> None:
    async with Feed() as server, following(server.url) as (source, listener):
        source.seek("bus", 8080)
        await listener.unknown("bus", 8080)
        asked = next(asked for asked in server.asked if asked["services"])
        assert (asked["workload"], asked["namespace"], asked["zone"]) == (
            "default/gateway",
            "default",
            "eu-1a",
        )
        assert 0 < asked["wait_s"] <= 60


async def test_the_token_is_sent_and_read_again(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("old")
    async with (
        Feed(token="new") as server,
        following(server.url, token_file=str(token)) as (source, listener),
    ):
        source.seek("bus", 8080)
        await listener.until(lambda: listener.failed)
        assert "401" in str(listener.failed[0])
        server.publish("bus.default", 8080, [ONE])
        token.write_text("new\n")
        await listener.serves("bus", 8080, "10.1.0.1:8080")


# -- time


async def test_a_service_nobody_asks_for_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coordinator, "WAIT_S", 0)
    now = 0.0
    async with Feed() as server, following(server.url) as (source, listener):
        source._now = lambda: now
        server.publish("bus.default", 8080, [ONE])
        source.seek("bus", 8080)
        await listener.serves("bus", 8080, "10.1.0.1:8080")
        now = coordinator.FORGET_S + 1
        await listener.unknown("bus", 8080)
        assert source._wanted == {}


async def test_more_services_than_there_is_room_for_are_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coordinator, "MOST_SERVICES", 1)
    async with Feed() as server, following(server.url) as (source, listener):
        server.publish("bus.default", 8080, [ONE])
        server.publish("tram.default", 8080, [ONE])
        source.seek("bus", 8080)
        await listener.serves("bus", 8080, "10.1.0.1:8080")
        source.seek("tram", 8080)
        await listener.unknown("tram", 8080)
        assert "1 services are watched already" in str(listener.failed[0])


# -- a server that goes and comes


async def test_while_the_server_is_gone_everything_stays_and_then_it_is_in_sync_again() -> None:
    async with Feed() as server, following(server.url) as (source, listener):
        server.publish("bus.default", 8080, [ONE])
        server.call(a127_0_0_3="default/ticket")
        source.seek("bus", 8080)
        await listener.serves("bus", 8080, "10.1.0.1:8080")
        await server.stop()
        await listener.until(lambda: listener.failed)
        assert listener.addresses("bus", 8080) == ["10.1.0.1:8080"]
        assert listener.callers == {"127.0.0.3": "default/ticket"}
        server.publish("bus.default", 8080, ["10.1.0.2:8080"])
        await server.start()
        await listener.serves("bus", 8080, "10.1.0.2:8080")
        assert len(listener.failed) == 1, "one outage is one report"


async def test_a_server_that_forgot_its_past_is_asked_for_everything() -> None:
    async with Feed() as server, following(server.url) as (source, listener):
        for number in range(5):
            server.publish("bus.default", 8080, [f"10.1.0.{number + 1}:8080"])
        source.seek("bus", 8080)
        await listener.serves("bus", 8080, "10.1.0.5:8080")
        await server.stop()
        server.epoch, server._number, server._services = 2, 0, {}
        server.publish("bus.default", 8080, ["10.1.0.9:8080"])
        await server.start()
        await listener.serves("bus", 8080, "10.1.0.9:8080")
        assert server.version == "2.1", "a version that goes backwards is just another version"


@pytest.mark.parametrize("name", ["410", "full"])
async def test_a_version_that_is_gone_starts_over(name: str) -> None:
    async def script(asked: Asked) -> None:
        since = json.loads(asked.body).get("since")
        if since is None:
            await asked.answer(full(bus("10.1.0.1:8080"), version="a"))
        elif since == "a" and name == "410":
            script_state.append(since)
            await asked.answer({"error": "gone"}, 410) if len(script_state) == 1 else await hang(asked)
        elif since == "a":
            await asked.answer(full(bus("10.1.0.2:8080"), version="b"))
        else:
            await hang(asked)

    script_state: list[str] = []
    wanted = [None, "a", "b"] if name == "full" else ["a", None, "a"]
    async with scripted(script) as (source, listener, server):
        source.seek("bus", 8080)
        await listener.serves("bus", 8080, "10.1.0.2:8080" if name == "full" else "10.1.0.1:8080")
        await server.until(
            lambda asked: [json.loads(each.body).get("since") for each in asked][-3:] == wanted
        )
        assert listener.failed == [], "that is how the protocol works"


async def test_everything_that_a_full_answer_leaves_out_is_gone() -> None:
    answers = [
        full(bus("10.1.0.1:8080"), callers=[{"address": "10.0.0.1", "workload": "a/b"}]),
        full(version="2"),
    ]

    async def script(asked: Asked) -> None:
        if not json.loads(asked.body)["services"] or not answers:
            await hang(asked)
        await asked.answer(answers.pop(0))

    async with scripted(script) as (source, listener, _):
        source.seek("bus", 8080)
        await listener.serves("bus", 8080, "10.1.0.1:8080")
        await listener.unknown("bus", 8080)
        await listener.until(lambda: listener.callers == {})


# -- a server that speaks badly

WRONG: dict[str, tuple[Any, str]] = {
    "no object": (b"[]", "not a JSON object"),
    "broken JSON": (b'{"version": "1", "full": tr', "not JSON"),
    "nothing at all": (b"", "version"),
    "no version": ({"full": True}, "version=None: missing"),
    "version of another kind": ({"version": 7, "full": True}, "version=7: not a text"),
    "endless version": ({"version": "x" * 300, "full": True}, "not a version"),
    "full of another kind": ({"version": "1", "full": "yes"}, "full='yes': not a truth value"),
    "changes to nothing": ({"version": "1", "full": False}, "where everything was asked for"),
    "a host name for an address": (full(bus("bus-0:8080")), "endpoints[0].address"),
    "an endpoint twice": (full(bus("10.1.0.1:80", "10.1.0.1:80")), "given before"),
    "a port out of range": (full({**bus(), "port": 70000}), "services[0].port=70000"),
    "no endpoints": (full({"host": "bus", "port": 80}), "services[0].endpoints"),
    "a cluster address without port": (full(bus(addresses=["10.96.0.7"])), "services[0].addresses"),
    "a bad workload": (full(callers=[{"address": "10.0.0.1", "workload": "x"}]), "callers[0].workload"),
    "a bad budget": (full(bus({"address": "10.1.0.1:80", "budget": -1})), "endpoints[0].budget"),
}


@pytest.mark.parametrize("name", WRONG)
async def test_an_answer_with_a_mistake_changes_nothing_and_is_reported_once(name: str) -> None:
    body, complaint = WRONG[name]
    wrong = 0

    async def script(asked: Asked) -> None:
        nonlocal wrong
        if not json.loads(asked.body)["services"]:
            await hang(asked)
        elif not listener.known:
            await asked.answer(full(bus("10.1.0.1:8080"), version="0"))
        elif wrong < 3:
            wrong += 1
            answer = body if isinstance(body, bytes) else json.dumps(body).encode()
            await asked.answer(answer if name != "changes to nothing" else b'{"version":"1"}')
        else:
            await asked.answer(full(bus("10.1.0.2:8080"), version="9"))

    async with scripted(script) as (source, listener, _):
        source.seek("bus", 8080)
        await listener.serves("bus", 8080, "10.1.0.1:8080")
        await listener.serves("bus", 8080, "10.1.0.2:8080")
        assert len(listener.failed) == 1
        if name != "changes to nothing":
            assert complaint in str(listener.failed[0])
        assert len([event for event in listener.said if event == listener.known["bus", 8080]]) == 1


def test_changes_where_everything_was_asked_for_are_a_mistake() -> None:
    answer = feed.read({"version": "1", "full": False}, "default")
    with pytest.raises(feed.DiscoveryError, match="where everything was asked for"):
        feed.Book().take(answer, set())


def test_all_mistakes_are_named_at_once() -> None:
    plain = {"version": "", "full": 1, "services": [{"host": "a b", "port": 0, "endpoints": [{"zone": 1}]}]}
    with pytest.raises(feed.DiscoveryError) as caught:
        feed.read(plain, "default")
    text = str(caught.value)
    fields = (
        "version",
        "full",
        "services[0].host",
        "services[0].port",
        "endpoints[0].zone",
        "endpoints[0].address",
    )
    assert all(field in text for field in fields)


def test_fields_of_the_future_are_no_mistake() -> None:
    plain = full(bus({"address": "10.1.0.1:80", "weight": 7}, advice={"x": 1}), advice=[], server="2.0")
    assert len(feed.read(plain, "default").services) == 1


@pytest.mark.parametrize(
    "how", ["half an answer", "a reset", "too large", "a hang-up", "404", "500", "a redirect"]
)
async def test_trouble_on_the_wire_changes_nothing(how: str) -> None:
    turns = 0

    async def script(asked: Asked) -> None:
        nonlocal turns
        if not json.loads(asked.body)["services"]:
            await hang(asked)
        turns += 1
        if turns == 2:
            await trouble(how, asked)
        await asked.answer(full(bus(f"10.1.0.{turns}:8080"), version=str(turns)))

    async with scripted(script) as (source, listener, _):
        source.seek("bus", 8080)
        await listener.serves("bus", 8080, "10.1.0.1:8080")
        await listener.serves("bus", 8080, "10.1.0.3:8080")
        assert len(listener.failed) == 1
        assert all(event.endpoints for event in listener.said if isinstance(event, EndpointsChanged))


async def trouble(how: str, asked: Asked) -> None:
    if how == "too large":
        asked.writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n" + b"[" * (17 << 20))
        await asked.writer.drain()
    if how in ("404", "500"):
        await asked.answer(b"<html>", int(how))
    elif how == "a redirect":
        await asked.answer(b"", 307, "Location: /elsewhere\r\n")
    elif how == "half an answer":
        asked.writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"version"')
        await asked.writer.drain()
    if how == "a reset":
        asked.abort()
    raise EOFError


async def test_an_answer_may_be_compressed_and_come_slowly() -> None:
    async def script(asked: Asked) -> None:
        raw = gzip.compress(json.dumps(full(bus("10.1.0.1:8080"))).encode())
        if "since" in json.loads(asked.body):
            await hang(asked)
        asked.writer.write(
            f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(raw)}\r\n\r\n".encode()
        )
        for index in range(len(raw)):
            asked.writer.write(raw[index : index + 1])
            await asked.writer.drain()

    async with scripted(script) as (source, listener, _):
        source.seek("bus", 8080)
        await listener.serves("bus", 8080, "10.1.0.1:8080")


async def test_a_plain_file_is_a_feed_and_is_not_asked_in_a_hot_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    turn = CoordinatorSource._turn

    async def noted(self: CoordinatorSource, publish: Any) -> float:
        pauses.append(await turn(self, publish))
        return min(pauses[-1], 0.01)

    monkeypatch.setattr(CoordinatorSource, "_turn", noted)
    async with scripted(said(full(bus("10.1.0.1:8080")))) as (source, listener, server):
        source.seek("bus", 8080)
        await listener.serves("bus", 8080, "10.1.0.1:8080")
        await server.until(lambda asked: len(asked) > 6)
        assert pauses[-1] == coordinator.IMPATIENT_S


async def test_a_server_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coordinator, "WAIT_S", 0)
    monkeypatch.setattr(coordinator, "PATIENCE_S", 0.05)
    async with scripted(hang) as (_, listener, server):
        await server.until(lambda asked: len(asked) > 2)
        assert len(listener.failed) == 1


@pytest.mark.parametrize("at", ["poll", "answer", "pause"])
async def test_it_can_be_cancelled_wherever_it_waits(at: str) -> None:
    async def script(asked: Asked) -> None:
        if at == "answer":
            asked.writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
        if at == "pause":
            await asked.answer(b"", 500)
        else:
            await hang(asked)

    async with scripted(script) as (source, _, server):
        await server.until(lambda asked: len(asked) == 1)
        await asyncio.sleep(0.02)
        client = source._client
    assert client._session is None, "closed with everything it had open"
