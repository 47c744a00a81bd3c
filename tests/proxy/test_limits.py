"""Time and space: timeouts, deadlines, overflow, hedges."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import pytest

from sidecar.policy.endpoints import Endpoint, EndpointsChanged
from sidecar.policy.router import Router, RouterConfig
from sidecar.proxy.limits import Limits, Timeouts
from tests.proxy.pods import GET, Call, answer_ok, hang, path, post, read_answer


async def test_a_hung_pod_is_answered_for_after_the_first_byte_timeout() -> None:
    async with path(hang, timeouts=Timeouts(first_byte_s=0.1)) as mesh:
        answer = await mesh.ask(GET)
        assert (answer.status, answer.field(b"X-GT-Reason")) == (504, b"timeout")
        assert mesh.outcomes()["failed"] == 1


async def test_a_timed_out_request_is_not_repeated() -> None:
    async with path(hang, hang, timeouts=Timeouts(first_byte_s=0.1)) as mesh:
        await mesh.ask(GET)
        assert sum(mesh.calls()) == 1, "a second wait would double what the caller has to bear"


async def test_an_exchange_ends_at_the_total_timeout_even_while_bytes_flow() -> None:
    async def drip(call: Call) -> None:
        call.writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while True:
            call.writer.write(b"x")
            await asyncio.sleep(0.01)

    async with path(drip, timeouts=Timeouts(total_s=0.2)) as mesh:
        answer = await mesh.ask(GET)
        assert answer.status == 200
        assert answer.eof, "past its total time the response is cut, visibly"


async def test_a_response_that_stalls_is_cut_after_the_idle_timeout() -> None:
    async def stall(call: Call) -> None:
        call.writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        await hang(call)

    async with path(stall, timeouts=Timeouts(idle_s=0.1)) as mesh:
        answer = await mesh.ask(GET)
        assert (answer.status, answer.eof) == (200, True)


async def test_an_idle_client_connection_is_closed() -> None:
    async with path(answer_ok, timeouts=Timeouts(idle_s=0.1)) as mesh:
        reader, writer = await mesh.connect()
        writer.write(GET)
        await read_answer(reader)
        assert await asyncio.wait_for(reader.read(), 10) == b""


async def test_half_a_request_head_is_not_waited_for_forever() -> None:
    async with path(answer_ok, timeouts=Timeouts(first_byte_s=0.1)) as mesh:
        reader, writer = await mesh.connect()
        writer.write(GET[:20])
        assert await asyncio.wait_for(reader.read(), 10) == b""


@pytest.mark.parametrize("field", [b"X-GT-Deadline-Ms: 80\r\n", b"grpc-timeout: 80m\r\n"])
async def test_the_callers_deadline_ends_the_request(field: bytes) -> None:
    async with path(hang) as mesh:
        answer = await mesh.ask(GET[:-2] + field + b"\r\n")
        assert (answer.status, answer.field(b"X-GT-Reason")) == (504, b"deadline")
        (call,) = mesh.pods[0].calls
        assert 0 < int(call.field(b"X-GT-Deadline-Ms") or b"0") <= 80, "the next hop gets what is left"


async def test_a_malformed_deadline_is_ignored_and_counted() -> None:
    async with path(answer_ok) as mesh:
        assert (await mesh.ask(GET[:-2] + b"X-GT-Deadline-Ms: soon\r\n\r\n")).status == 200
        assert mesh.outbound.stats.ignored_signals["deadline-ms"] == 1


@pytest.fixture
def black_hole() -> Iterator[str]:
    """An address that drops SYNs: a listener whose queue is full, the closest loopback has to a dead host."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(3):
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                client.connect(listener.getsockname())
        yield "{}:{}".format(*listener.getsockname())


async def test_connecting_to_an_address_that_does_not_answer_is_given_up(black_hole: str) -> None:
    async with path(answer_ok, timeouts=Timeouts(connect_s=0.2)) as mesh:
        known = (Endpoint(black_hole), Endpoint(mesh.pods[0].address))
        mesh.catalog.apply(EndpointsChanged("bus-service", 8080, known), 0.0)
        assert {(await mesh.ask(GET)).status for _ in range(4)} == {200}
        assert mesh.outbound.stats.retries >= 2


async def test_requests_beyond_slots_and_waiting_room_overflow() -> None:
    async with path(hang, limits=Limits(in_flight=2, pending=1)) as mesh:
        clients = [await mesh.connect() for _ in range(4)]
        for _, writer in clients[:3]:
            writer.write(GET)
        while len(mesh.pods[0].calls) < 2:
            await mesh.pods[0].asked.wait()
            await asyncio.sleep(0.005)
        answer = await mesh.ask(GET)
        assert (answer.status, answer.field(b"X-GT-Reason")) == (503, b"overflow")
        assert answer.field(b"Retry-After") == b"1"
        assert len(mesh.pods[0].calls) == 2, "the third waits, the fourth is refused"
        for _, writer in clients:
            writer.transport.abort()


async def test_a_waiting_request_gets_the_slot_that_becomes_free() -> None:
    release = asyncio.Event()

    async def wait(call: Call) -> None:
        await release.wait()
        await call.answer()

    async with path(wait, limits=Limits(in_flight=1, pending=5)) as mesh:
        asks = [asyncio.create_task(mesh.ask(GET)) for _ in range(4)]  # noqa: TID251
        await mesh.pods[0].asked.wait()
        release.set()
        assert [(await ask).status for ask in asks] == [200] * 4
        assert mesh.pods[0].connections == 1, "one slot, one connection"


async def test_a_client_that_leaves_while_waiting_frees_its_place() -> None:
    async with path(hang, limits=Limits(in_flight=1, pending=1)) as mesh:
        first, second = await mesh.connect(), await mesh.connect()
        first[1].write(GET)
        await mesh.pods[0].asked.wait()
        (pool,) = list(mesh.outbound.pools)
        second[1].write(GET)
        async with asyncio.timeout(10):
            while not pool.pending:
                await asyncio.sleep(0.005)
            second[1].transport.abort()
            while pool.pending:
                await asyncio.sleep(0.005)
        assert pool.active == 1
        first[1].transport.abort()


def _hedging(mesh: object, p95_s: float) -> None:
    service = mesh.catalog.find(b"bus-service")  # type: ignore[attr-defined]
    router = Router(RouterConfig(hedging=True, hedge_samples=1))
    router.set_endpoints(list(service.endpoints), 0.0)
    service.router = router
    ticket = router.pick("GET /x", 0.0)
    ticket.succeeded(p95_s)


async def test_a_hedge_answers_for_a_hung_pod_and_the_loser_says_nothing() -> None:
    async with path(hang, answer_ok) as mesh:
        _hedging(mesh, 0.02)
        for _ in range(4):
            assert (await mesh.ask(GET)).status == 200
        assert mesh.outbound.stats.hedges >= 1
        assert mesh.outcomes()["failed"] == 0
        assert mesh.outcomes()["abandoned"] == mesh.outbound.stats.hedges


async def test_hedging_is_off_by_default_and_never_for_a_post() -> None:
    async with path(hang, answer_ok, timeouts=Timeouts(first_byte_s=0.2)) as mesh:
        for _ in range(2):
            await mesh.ask(GET)
        assert mesh.outbound.stats.hedges == 0
        _hedging(mesh, 0.02)
        for _ in range(2):
            await mesh.ask(post(b"x", b"Idempotency-Key: 1\r\n"))
        assert mesh.outbound.stats.hedges == 0


async def test_a_server_that_speaks_first_is_heard_through_connect() -> None:
    greeted = await asyncio.start_server(_greet, "127.0.0.1", 0)
    host, port = greeted.sockets[0].getsockname()[:2]
    async with path(answer_ok) as mesh:
        mesh.catalog.apply(EndpointsChanged("smtp", 25, (Endpoint(f"{host}:{port}"),)), 0.0)
        for _ in range(20):
            reader, writer = await mesh.connect()
            writer.write(b"CONNECT smtp:25 HTTP/1.1\r\nHost: smtp:25\r\n\r\n")
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
            assert await asyncio.wait_for(reader.readexactly(9), 10) == b"220 hello"
            writer.transport.abort()
    greeted.close()


async def _greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"220 hello")
    await reader.read()
    writer.close()
