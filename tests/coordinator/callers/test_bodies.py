"""Bodies before anybody knows whose they are: strangers can hold little, late ones end, and packed ones stay packed."""

import asyncio
import gzip

import pytest
from aiohttp import web
from prometheus_client.registry import CollectorRegistry

from coordinator.callers import bodies as module
from coordinator.callers.bodies import Bodies
from coordinator.callers.identify import refusal
from coordinator.callers.who import Refused
from coordinator.server import Server
from tests.support.kube import until

MOST = 256 * 1024


class Counter:
    """A server that answers with the size of what it was sent."""

    def __init__(self) -> None:
        self.bodies = Bodies("the question", MOST)
        routes = [web.post("/count", self._count)]
        self._server = Server(CollectorRegistry(), dict, str, None, routes)
        self.port = 0
        self._writers: list[asyncio.StreamWriter] = []

    async def __aenter__(self) -> "Counter":
        _, self.port = await self._server.start("127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        for writer in self._writers:
            writer.close()
        await self._server.close()

    async def _count(self, request: web.Request) -> web.Response:
        try:
            return web.Response(text=f"{len(await self.bodies.read(request))} bytes")
        except Refused as refused:
            return refusal(refused)

    async def begin(self, sent: bytes, *headers: str) -> asyncio.StreamReader:
        """Send so much of a body."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        self._writers.append(writer)
        lines = ("POST /count HTTP/1.1", "Host: x", "Connection: close", *headers)
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + sent)
        return reader

    async def sized(self, sent: bytes, size: int, *more: str) -> asyncio.StreamReader:
        """Of a body of so many bytes."""
        return await self.begin(sent, f"Content-Length: {size}", *more)

    def hang_up(self) -> None:
        """All connections."""
        for writer in self._writers:
            writer.close()


async def status(reader: asyncio.StreamReader) -> int:
    async with asyncio.timeout(10):
        return int((await reader.readline()).split()[1])


async def test_a_body_that_fits_is_read_whole() -> None:
    async with Counter() as counter:
        reader = await counter.sized(b"x" * MOST, MOST)
        assert (await reader.read()).endswith(b"262144 bytes")
        assert counter.bodies.arriving == 0


async def test_strangers_together_hold_no_more_than_one_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_ARRIVING", 400_000)
    async with Counter() as counter:
        first = await counter.sized(b"x" * 250_000, MOST)
        await until(lambda: counter.bodies.arriving == 250_000)
        assert await status(await counter.sized(b"x" * 250_000, MOST)) == 503
        assert await status(await counter.sized(b"x" * 1000, 1000)) == 200, "a usual question finds room"
        await until(lambda: counter.bodies.arriving == 250_000)
        assert not first.at_eof(), "who came before may go on"


async def test_who_hangs_up_in_the_middle_gives_the_room_back() -> None:
    async with Counter() as counter:
        await counter.sized(b"x" * 50_000, 100_000)
        await until(lambda: counter.bodies.arriving == 50_000)
        counter.hang_up()
        await until(lambda: counter.bodies.arriving == 0)


async def test_a_body_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WITHIN_S", 0.05)
    async with Counter() as counter:
        assert await status(await counter.sized(b"x", 100)) == 408


async def test_a_body_of_unknown_length_is_bounded_too() -> None:
    async with Counter() as counter:
        chunks = (b"10000\r\n" + b"x" * 0x10000 + b"\r\n") * 5
        assert await status(await counter.begin(chunks, "Transfer-Encoding: chunked")) == 413


async def test_a_small_body_cannot_become_a_large_one() -> None:
    packed = gzip.compress(bytes(100_000_000))
    async with Counter() as counter:
        reader = await counter.sized(packed, len(packed), "Content-Encoding: gzip")
        assert (await reader.read()).endswith(b"%d bytes" % len(packed)), "as it was sent"
