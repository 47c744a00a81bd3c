"""The client of advice against a small coordinator and against scripted ones, over real sockets."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from sidecar import clock
from sidecar.advice import client as asking
from sidecar.advice import messages
from sidecar.advice.client import AdviceClient
from sidecar.advice.messages import Asker
from sidecar.errors import DiscoveryError
from sidecar.kube.client import Access, Client
from sidecar.kube.meshkey import Signer
from sidecar.policy.advice import Column
from sidecar.policy.auth import Verifier
from tests.kube.server import Asked, Script, Server, hang, said, served
from tests.support.advice import AdviceServer

BUS = "bus.default:8080"
A, B = "10.1.0.7:8080", "10.1.0.8:8080"
ASKER = Asker("default/gateway", "gateway-0", "n1", "a")


@dataclass
class Heard:
    """What the client handed over."""

    taken: list[Mapping[str, Column]] = field(default_factory=list)
    failed: list[DiscoveryError] = field(default_factory=list)
    reports: int = 0
    client: AdviceClient | None = None
    _more: asyncio.Event = field(default_factory=asyncio.Event)

    def told(self) -> Mapping[str, object]:
        self.reports += 1
        return {"services": [], "reputations": [], "events": []}

    def take(self, columns: Mapping[str, Column], now: float) -> None:
        self.taken.append(columns)
        self._more.set()

    def fail(self, error: DiscoveryError) -> None:
        self.failed.append(error)
        self._more.set()

    def epoch(self) -> int | None:
        column = self.taken[-1].get(BUS) if self.taken else None
        return None if column is None else column.epoch

    async def until(self, wanted: Callable[[], object]) -> None:
        async with asyncio.timeout(60):
            while not wanted():
                self._more.clear()
                await self._more.wait()


@asynccontextmanager
async def following(url: str, **access: Any) -> AsyncIterator[Heard]:
    heard = Heard()
    heard.client = AdviceClient(Client(Access(url, **access)), ASKER, heard.told, heard.take, heard.fail)
    task = asyncio.get_running_loop().create_task(heard.client.run())
    try:
        yield heard
        assert not task.done(), "it runs until it is cancelled"
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert task.cancelled()


@asynccontextmanager
async def scripted(script: Script) -> AsyncIterator[tuple[Heard, Server]]:
    async with served(script) as server, following(server.url) as heard:
        yield heard, server


def column(**more: Any) -> dict[str, Any]:
    return {
        "service": BUS,
        "epoch": 1,
        "first_slot": 1000,
        "slot_ms": 1000,
        "expires_in_s": 20,
        "actions": [{A: 1}],
        **more,
    }


def answer(*services: Any, version: str = "1", server_time: float = 1000.5) -> dict[str, Any]:
    return {"version": version, "server_time": server_time, "services": list(services)}


# -- a coordinator


async def test_advice_arrives_and_changes() -> None:
    async with AdviceServer() as server, following(server.url) as heard:
        server.advise(BUS, {A: 0.5, B: 0.5})
        await heard.until(lambda: heard.epoch() == 1)
        held = heard.taken[-1][BUS]
        assert held.action(held.slot(clock.now())) == {A: 0.5, B: 0.5}
        server.advise(BUS, {A: 1.0})
        await heard.until(lambda: heard.epoch() == 2)
        server.withdraw()
        await heard.until(lambda: heard.taken[-1] == {})
        assert not heard.failed
        assert server.asked[-1].body["since"] == "1.2"


async def test_the_servers_clock_counts_however_wrong_it_is() -> None:
    for skew_s in (-3.0e8, 0.0, 3.0e8):
        async with AdviceServer(skew_s=skew_s) as server, following(server.url) as heard:
            server.advise(BUS, {A: 1.0})
            await heard.until(heard.epoch)
            held = heard.taken[-1][BUS]
            assert abs(held.slot(clock.now()) - server.time) < 3


async def test_a_clock_that_jumps_takes_the_slots_along() -> None:
    async with AdviceServer() as server, following(server.url) as heard:
        server.advise(BUS, {A: 1.0})
        await heard.until(heard.epoch)
        server.skew_s = -86400.0
        server.advise(BUS, {B: 1.0})
        await heard.until(lambda: heard.epoch() == 2)
        held = heard.taken[-1][BUS]
        assert held.action(held.slot(clock.now())) == {B: 1.0}


async def test_a_coordinator_that_restarts_is_asked_for_everything() -> None:
    async with AdviceServer() as server, following(server.url) as heard:
        server.advise(BUS, {A: 1.0})
        await heard.until(heard.epoch)
        await server.stop()
        server.restart()
        await server.start()
        server.advise(BUS, {B: 1.0})
        await heard.until(lambda: heard.epoch() == 2)
        sinces = [asked.body.get("since") for asked in server.asked]
        assert None in sinces[sinces.index("1.1") :], "asked without, after the 410"
        assert not any("410" in str(error) for error in heard.failed), "410 is no mishap"


async def test_a_coordinator_that_is_killed_is_missed_once_and_found_again() -> None:
    async with AdviceServer() as server, following(server.url) as heard:
        server.advise(BUS, {A: 1.0})
        await heard.until(heard.epoch)
        taken = len(heard.taken)
        await server.stop()
        await heard.until(lambda: heard.failed)
        await server.start()
        server.advise(BUS, {B: 1.0})
        await heard.until(lambda: heard.epoch() == 2)
        assert len(heard.failed) == 1
        assert "stays in force until it expires" in str(heard.failed[0])
        assert len(heard.taken) > taken
        assert heard.client is not None
        assert heard.client.state()["mishap"] is None


async def test_retry_after_is_kept() -> None:
    async with AdviceServer(retry_after_s=30) as server, following(server.url) as heard:
        await heard.until(lambda: heard.failed)
        assert heard.client is not None
        assert "503" in str(heard.client.state()["mishap"])
        assert len(server.asked) == 1


async def test_questions_are_signed_with_the_mesh_key() -> None:
    key = b"a shared secret"
    async with AdviceServer() as server:
        async with following(server.url, sign=Signer(key, "default/gateway")) as heard:
            server.advise(BUS, {A: 1.0})
            await heard.until(heard.epoch)
        verifier = Verifier(key)
        for asked in server.asked:
            assert asked.headers["X-GT-Caller"] == "default/gateway"
            assert verifier.verify(
                asked.headers["X-GT-Auth"].encode(),
                method=b"POST",
                path=messages.PATH.encode(),
                body=asked.raw,
                workload="default/gateway",
                now_unix_s=clock.wall_s(),
            )


# -- servers that are not as they should be


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"<html>", "not JSON"),
        (b"[]", "not a JSON object"),
        (b"{}", "3 mistake(s)"),
        (b"", "3 mistake(s)"),
        (json.dumps(answer(column(actions=[{A: 2}]))).encode(), "1 mistake(s)"),
    ],
)
async def test_garbage_is_reported_once_and_changes_nothing(body: bytes, words: str) -> None:
    async def script(asked: Asked) -> None:
        number = sum(1 for _ in server.asked)
        await asked.answer(answer(column()) if number == 1 else body)

    async with scripted(script) as (heard, server):
        await heard.until(heard.epoch)
        await server.until(lambda asked: len(asked) >= 4)
        assert len(heard.taken) == 1
        [error] = heard.failed
        assert words in str(error)


async def test_half_an_answer_is_none() -> None:
    async def script(asked: Asked) -> None:
        asked.writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"version": "1", "serv')
        await asked.writer.drain()
        asked.abort()

    async with scripted(script) as (heard, server):
        await server.until(lambda asked: len(asked) >= 3)
        assert not heard.taken
        assert len(heard.failed) == 1


async def test_an_answer_without_end_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "LARGEST_BYTES", 1000)

    async def script(asked: Asked) -> None:
        asked.stream()
        asked.chunk(b'{"version": "' + b"x" * 5000)
        await asked.writer.drain()
        await hang(asked)

    async with scripted(script) as (heard, _):
        await heard.until(lambda: heard.failed)
        assert "more than 1000 bytes" in str(heard.failed[0])


async def test_a_server_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "WAIT_S", 0)
    monkeypatch.setattr(asking, "PATIENCE_S", 0.05)
    async with scripted(hang) as (heard, server):
        await server.until(lambda asked: len(asked) >= 3)
        assert not heard.taken
        assert len(heard.failed) == 1


async def test_a_server_that_answers_at_once_is_not_asked_in_a_loop() -> None:
    async with scripted(said(answer(column()))) as (heard, server):
        await heard.until(lambda: len(heard.taken) >= 2)
        assert len(server.asked) == 2
        assert json.loads(server.asked[1].body)["since"] == "1"


@pytest.mark.parametrize("status", [401, 403, 404, 500, 503])
async def test_a_refusal_is_reported_and_the_advice_kept(status: int) -> None:
    async def script(asked: Asked) -> None:
        if len(server.asked) == 1:
            await asked.answer(answer(column()))
        else:
            await asked.answer({"error": "no"}, status)

    async with scripted(script) as (heard, server):
        await heard.until(lambda: heard.failed)
        assert str(status) in str(heard.failed[0])
        assert heard.epoch() == 1


async def test_cancelled_while_it_reads_an_answer_it_leaves_no_connection() -> None:
    closed = asyncio.Event()

    async def script(asked: Asked) -> None:
        asked.stream()
        try:
            while True:
                asked.chunk(b" ")
                await asked.writer.drain()
                await asyncio.sleep(0.01)
        except OSError:
            closed.set()
            raise

    async with served(script) as server:
        async with following(server.url):
            await server.until(lambda asked: len(asked) == 1)
        await asyncio.wait_for(closed.wait(), 60)
