"""A client that does not read its answers holds up itself, and nobody's memory."""

import asyncio

import pytest

from tests.proxy.pods import GET, Call, path, read_answer


async def big(call: Call) -> None:
    await call.answer(body=b"x" * 20_000)


async def test_pipelined_answers_wait_until_the_client_reads() -> None:
    async with path(big) as mesh:
        reader, writer = await mesh.connect()
        writer.transport.pause_reading()
        writer.write(GET * 1000)
        asked = -1
        while asked != len(mesh.pods[0].calls):  # until the pod is no longer asked
            asked = len(mesh.pods[0].calls)
            await asyncio.sleep(0.3)
        (connection,) = mesh.outbound.connections
        held = connection.transport.get_write_buffer_size()
        assert held < 200_000, f"{held} bytes of answers are kept for a client that does not read"
        assert asked < 1000
        writer.transport.resume_reading()
        for _ in range(1000):
            assert len((await read_answer(reader)).body) == 20_000


@pytest.mark.parametrize("count", [2, 3, 5])
async def test_answers_made_at_once_are_all_delivered_to_a_half_closed_client(count: int) -> None:
    async with path(big) as mesh:
        reader, writer = await mesh.connect()
        writer.write(b"GET / HTTP/1.1\r\nHost: nobody\r\n\r\n" * count)
        writer.write_eof()
        assert [(await read_answer(reader)).status for _ in range(count)] == [502] * count


async def test_inbound_opens_no_pipe_to_the_application_for_a_caller() -> None:
    async with path(big) as mesh:
        raw = (
            b"CONNECT whatever:1 HTTP/1.1\r\nHost: whatever:1\r\n\r\nGET /admin HTTP/1.1\r\nHost: app\r\n\r\n"
        )
        assert (await mesh.ask(raw, mesh.inbound)).status == 501
        assert mesh.calls() == [0]


async def test_a_request_within_outbounds_limits_passes_inbound_with_what_outbound_added() -> None:
    async with path(big) as mesh:
        fields = b"".join(b"X-%d: y\r\n" % i for i in range(99))
        full = GET[:-2] + fields + b"\r\n"
        assert (await mesh.ask(full)).status == 200
        signals = b"Via: 1.1 a\r\nX-GT-Caller: a/b\r\nX-GT-Congestion: 0.1\r\nX-GT-Attempt: 2\r\n"
        assert (await mesh.ask(full[:-2] + signals + b"\r\n", mesh.inbound)).status == 200
