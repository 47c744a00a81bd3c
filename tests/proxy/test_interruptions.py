"""Either side goes away after every byte of an exchange: whatever the moment, nothing is left behind.

`pods.path` checks on its way out that tickets, slots, exchanges and connections are all given back.
"""

import asyncio
import contextlib

import pytest

from sidecar.proxy.limits import Timeouts
from tests.proxy.pods import Call, Path, Script, answer_ok, path, read_answer

CHUNKED_POST = (
    b"POST /x HTTP/1.1\r\nHost: bus-service\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"5\r\nhello\r\n3;ext=1\r\nyou\r\n0\r\nX-Trailer: t\r\n\r\n"
)
SIZED_POST = b"POST /x HTTP/1.1\r\nHost: bus-service\r\nContent-Length: 8\r\n\r\nhelloyou"
GET = b"GET /x HTTP/1.1\r\nHost: bus-service\r\n\r\n"
RESPONSES = {
    "sized": b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhelloyou",
    "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-T: t\r\n\r\n",
    "interim": b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
    "until-close": b"HTTP/1.1 200 OK\r\n\r\nhelloyou",
}


@pytest.mark.parametrize("abort", [True, False], ids=["reset", "close"])
@pytest.mark.parametrize("raw", [GET, SIZED_POST, CHUNKED_POST], ids=["get", "sized", "chunked"])
async def test_the_client_goes_after_every_byte_of_its_request(raw: bytes, abort: bool) -> None:
    async with path(answer_any, timeouts=Timeouts(idle_s=2.0)) as mesh:
        await asyncio.gather(*(_leave_after(mesh, raw[:i], abort) for i in range(1, len(raw) + 1)))


async def _leave_after(mesh: Path, part: bytes, abort: bool) -> None:
    _, writer = await mesh.connect()
    writer.write(part)
    await asyncio.sleep(0.005)
    if abort:
        writer.transport.abort()
    else:
        writer.close()


async def answer_any(call: Call) -> None:
    """Answers at once, whatever of the body has arrived."""
    await asyncio.sleep(0.003)
    await call.answer()


def sends(part: bytes) -> Script:
    """A pod that sends this much and then closes."""

    async def script(call: Call) -> None:
        call.writer.write(part)
        await call.writer.drain()
        await asyncio.sleep(0.002)
        call.writer.close()

    return script


@pytest.mark.parametrize("response", RESPONSES.values(), ids=RESPONSES)
async def test_the_pod_goes_after_every_byte_of_its_response(response: bytes) -> None:
    for i in range(len(response) + 1):
        async with path(sends(response[:i])) as mesh:
            answer = await mesh.ask(GET)
            complete = i == len(response)
            assert answer.status in ((200, 204) if complete else (200, 502)), f"after {i} bytes"
            if answer.status == 200 and not complete and b"Content-Length" in response:
                assert answer.eof, f"after {i} bytes the truncation must be visible"


@pytest.mark.parametrize("response", RESPONSES.values(), ids=RESPONSES)
async def test_the_client_goes_after_every_byte_of_the_response(response: bytes) -> None:
    async def slowly(call: Call) -> None:
        for i in range(len(response)):
            call.writer.write(response[i : i + 1])
            await asyncio.sleep(0)
        if b"Content-Length" not in response:
            call.writer.close()

    async with path(slowly) as mesh:
        await asyncio.gather(*(_read_and_leave(mesh, i) for i in range(0, len(response) + 40, 3)))


async def _read_and_leave(mesh: Path, count: int) -> None:
    reader, writer = await mesh.connect()
    writer.write(GET)
    with contextlib.suppress(asyncio.IncompleteReadError, TimeoutError):
        await asyncio.wait_for(reader.readexactly(count), 1.0)
    writer.transport.abort()


async def test_a_client_that_closes_while_waiting_frees_the_pod() -> None:
    async with path(never) as mesh:
        _, writer = await mesh.connect()
        writer.write(GET)
        await mesh.pods[0].asked.wait()
        writer.close()
        await asyncio.wait_for(mesh.pods[0].gone.wait(), 10)
        await mesh.settled()
        assert mesh.outcomes() == {"succeeded": 0, "failed": 0, "abandoned": 1}


async def never(call: Call) -> None:
    await asyncio.Event().wait()


async def test_draining_lets_a_request_finish_and_closes_its_connection() -> None:
    release = asyncio.Event()

    async def wait(call: Call) -> None:
        await release.wait()
        await call.answer()

    async with path(wait) as mesh:
        busy_reader, busy = await mesh.connect()
        idle_reader, _ = await mesh.connect()
        busy.write(GET)
        await mesh.pods[0].asked.wait()
        mesh.outbound.drain()
        assert await asyncio.wait_for(idle_reader.read(), 10) == b"", "idle connections close at once"
        with pytest.raises(ConnectionRefusedError):
            await mesh.connect()
        release.set()
        answer = await read_answer(busy_reader)
        assert answer.status == 200
        assert answer.field(b"Connection") == b"close"
        assert await asyncio.wait_for(busy_reader.read(), 10) == b""


async def test_aborting_at_shutdown_settles_what_was_in_flight() -> None:
    async with path(never) as mesh:
        for _ in range(3):
            _, writer = await mesh.connect()
            writer.write(GET)
        await mesh.pods[0].asked.wait()
        mesh.outbound.abort()
        await mesh.settled()


async def test_an_early_response_is_delivered_and_the_connection_closed() -> None:
    async def early(call: Call) -> None:
        await call.answer(b"413 Content Too Large")

    async with path(early) as mesh:
        reader, writer = await mesh.connect()
        writer.write(
            b"POST /x HTTP/1.1\r\nHost: bus-service\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
        )
        answer = await read_answer(reader)
        assert answer.status == 413
        writer.write(b"5\r\nhello\r\n" * 10)
        assert await asyncio.wait_for(reader.read(), 10) == b""


async def test_healthy_pods_stay_usable_after_all_of_this() -> None:
    async with path(answer_ok) as mesh:
        for i in range(1, len(GET)):
            await _leave_after(mesh, GET[:i], abort=True)
        assert (await mesh.ask(GET)).status == 200
