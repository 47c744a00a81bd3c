"""Start and stop: what a kubelet, a Service and an API server see of it."""

import asyncio
import signal
import socket

import pytest

from tests.webhook import program as programs
from tests.webhook import reviews
from tests.webhook.program import NAME, Caller, running, trusting, until

BODY = reviews.review(reviews.pod())
HEAD = (
    b"POST /mutate HTTP/1.1\r\nHost: hook\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    % len(BODY)
)


async def half_a_review(program, authority):
    """A connection on which a review has begun to arrive."""
    reader, writer = await asyncio.open_connection(
        *program.webhook, ssl=trusting(authority), server_hostname=NAME
    )
    writer.write(HEAD + BODY[:100])
    await writer.drain()
    # nothing tells from outside that the handler runs: another review answered on this loop after it does
    async with Caller(program, authority) as caller:
        await caller.review(BODY)
    return reader, writer


async def test_sigterm_finishes_the_review_under_way_and_exits_0(tmp_path, volume, by_directory):
    async with running(tmp_path, **by_directory) as program:
        reader, writer = await half_a_review(program, volume.authority.certificate)
        program.process.send_signal(signal.SIGTERM)
        await until(lambda: not listens(program.webhook), "it went on accepting")
        writer.write(BODY[100:])
        answer = await reader.read(-1)
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert b'"patchType":"JSONPatch"' in answer
        writer.close()
        assert await program.end() == 0


async def test_a_review_that_never_arrives_does_not_keep_it_alive(tmp_path, volume, by_directory):
    async with running(tmp_path, DRAIN_S="0.2", **by_directory) as program:
        _, writer = await half_a_review(program, volume.authority.certificate)
        assert await program.end() == 0
        writer.close()


async def test_idle_connections_do_not_delay_the_end(tmp_path, volume, by_directory):
    ca = volume.authority.certificate
    async with running(tmp_path, DRAIN_S="3600", **by_directory) as program, Caller(program, ca) as caller:
        await caller.review(BODY)
        assert await program.end() == 0


async def test_it_goes_on_accepting_while_services_still_send_to_it(tmp_path, volume, by_directory):
    async with running(tmp_path, LINGER_S="3600", **by_directory) as program:
        program.process.send_signal(signal.SIGTERM)

        async def draining() -> bool:
            return await program.health("/readyz") == (503, "draining\n")

        await until(draining, "it never said that it is leaving")
        ca = volume.authority.certificate
        reader, writer = await asyncio.open_connection(
            *program.webhook, ssl=trusting(ca), server_hostname=NAME
        )
        writer.write(HEAD + BODY)
        answer = await reader.read(-1)  # to its end: it closes, so that the next review goes elsewhere
        assert answer.startswith(b"HTTP/1.1 200 ")
        writer.close()
        program.process.kill()
        program.process.wait()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_both_signals_end_it_well(tmp_path, by_directory, number):
    async with running(tmp_path, **by_directory) as program:
        assert await program.end(number) == 0


async def test_a_port_that_is_taken_is_said_in_words(tmp_path, by_directory):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        told = await asyncio.to_thread(programs.run, LISTEN=address, **by_directory)
    assert told.returncode == 1
    assert f"cannot listen on {address}: Address already in use" in told.stderr
    assert "Traceback" not in told.stderr


def listens(address: tuple[str, int]) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(address) == 0
