"""gRPC probes against a peer that says, byte for byte, what a real gRPC server said."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from sidecar.apphealth import grpchealth, http2, messages
from sidecar.apphealth.probes import Grpc, Verdict
from tests.apphealth import recorded

AGENT = "kube-probe/1.36"
ASKED = http2.frame(http2.DATA, http2.END_STREAM, http2.STREAM, messages.framed(messages.check("bus.Lines")))


class Peer:
    """Once asked for `bus.Lines` it answers in pieces of `piece` bytes; stops (`close`); waits until we leave."""

    def __init__(self, answer: bytes, *, piece: int = 65536, close: bool = False) -> None:
        self._answer, self._piece, self._close = answer, piece, close
        self.received = b""
        self.left = asyncio.Event()
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while not self.received.endswith(ASKED) and (data := await reader.read(65536)):
                self.received += data
            for start in range(0, len(self._answer), self._piece):
                if writer.is_closing():
                    break  # it has heard enough
                writer.write(self._answer[start : start + self._piece])
                await asyncio.sleep(0)
            if self._close:
                writer.write_eof()
            self.received += await reader.read()
        self.left.set()
        writer.close()


@contextlib.asynccontextmanager
async def peer(answer: bytes, **ways: Any) -> AsyncIterator[Peer]:
    scripted = Peer(answer, **ways)
    async with await asyncio.start_server(scripted.serve, "127.0.0.1", 0) as server:
        scripted.port = server.sockets[0].getsockname()[1]
        yield scripted


async def ask(scripted: Peer) -> Verdict:
    return await asyncio.wait_for(grpchealth.ask(Grpc(scripted.port, "bus.Lines"), "127.0.0.1", AGENT), 10)


@pytest.mark.parametrize("piece", [1, 7, 65536])
@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (recorded.SERVING, Verdict(True, "answered SERVING")),
        (recorded.NOT_SERVING, Verdict(False, "answered NOT_SERVING")),
        (recorded.NO_SUCH_SERVICE, Verdict(False, "answered UNKNOWN")),
    ],
    ids=["serving", "not serving", "no such service"],
)
async def test_what_a_real_server_says_is_understood(answer: bytes, verdict: Verdict, piece: int) -> None:
    async with peer(answer, piece=piece) as scripted:
        assert await ask(scripted) == verdict
        await asyncio.wait_for(scripted.left.wait(), 10)


async def test_a_server_without_the_health_service_fails_and_the_message_asks_for_it() -> None:
    async with peer(recorded.NO_HEALTH_SERVICE) as scripted:
        verdict = await ask(scripted)
        assert not verdict.ok
        assert "the answer ended (is grpc.health.v1.Health/Check served there" in verdict.said


async def test_the_question_is_a_grpc_call_with_the_kubelets_user_agent() -> None:
    async with peer(recorded.SERVING) as scripted:
        await ask(scripted)
        authority = f"127.0.0.1:{scripted.port}".encode()
    for part in (authority, grpchealth.PATH.encode(), AGENT.encode(), b"application/grpc", b"trailers"):
        assert part in scripted.received


@pytest.mark.parametrize("answer", [b"", recorded.SERVING[:40]])
async def test_a_server_that_closes_early_fails(answer: bytes) -> None:
    async with peer(answer, close=True) as scripted:
        verdict = await ask(scripted)
        assert not verdict.ok
        assert "the server closed the connection" in verdict.said


async def test_a_server_of_http_1_fails() -> None:
    async with peer(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", close=True) as scripted:
        verdict = await ask(scripted)
        assert not verdict.ok
        assert "does not speak HTTP/2" in verdict.said


async def test_a_message_that_is_no_status_fails() -> None:
    body = http2.frame(http2.DATA, http2.END_STREAM, 1, messages.framed(b"\xff"))
    async with peer(http2.frame(http2.SETTINGS, 0, 0) + body) as scripted:
        assert await ask(scripted) == Verdict(False, "answered something that is no HealthCheckResponse")


async def test_when_we_are_cancelled_the_connection_is_closed() -> None:
    async with peer(http2.frame(http2.SETTINGS, 0, 0)) as scripted:
        asking = asyncio.ensure_future(ask(scripted))  # noqa: TID251 (awaited below)
        while len(scripted.received) < len(http2.PREFACE):
            await asyncio.sleep(0.005)
        asking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asking
        await asyncio.wait_for(scripted.left.wait(), 10)
