"""Redirected connections in one process: who is asked, what the first bytes decide, what is left behind."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import pytest

from sidecar.proxy.limits import Limits, Timeouts
from sidecar.proxy.listener import ListenError
from tests.proxy.pods import GET, Path, answer_ok, path, read_answer

OTHER = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"
SOON = Timeouts(sniff_s=0.1)


@contextlib.asynccontextmanager
async def destination(mesh: Path, greeting: bytes = b"", *, ends: bool = False):  # type: ignore[no-untyped-def]
    """Where connections were going: greets, echoes, and notes who came."""
    came: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.append(writer)
        if greeting:
            writer.write(greeting)
        with contextlib.suppress(ConnectionError):
            while not ends and (data := await reader.read(65536)):
                writer.write(data)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()[:2]
    mesh.know(f"{host}:{port}")
    try:
        yield came
    finally:
        server.close()
        for writer in came:
            writer.transport.abort()


@pytest.fixture
def black_hole() -> Iterator[str]:
    """An address that drops SYNs: a listener whose queue is full."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(3):
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                client.connect(listener.getsockname())
        yield "{}:{}".format(*listener.getsockname())


async def read(reader: asyncio.StreamReader, count: int) -> bytes:
    return await asyncio.wait_for(reader.readexactly(count), 10)


async def test_a_client_hello_in_pieces_before_the_pipe_is_there_arrives_whole_and_in_order() -> None:
    async with path(answer_ok) as mesh, destination(mesh):
        for _ in range(20):
            reader, writer = await mesh.connect()
            writer.write(OTHER)
            await asyncio.sleep(0)
            writer.write(b"GET / HTTP/1.1\r\nHost: no\r\n\r\n")
            await asyncio.sleep(0)
            writer.write(b"end")
            said = OTHER + b"GET / HTTP/1.1\r\nHost: no\r\n\r\nend"
            assert await read(reader, len(said)) == said
            writer.transport.abort()
        assert mesh.outbound.stats.redirected == {"opaque": 20}


async def test_silence_lets_the_server_speak_first() -> None:
    async with path(answer_ok, timeouts=SOON) as mesh, destination(mesh, b"220 hello"):
        reader, writer = await mesh.connect()
        assert await read(reader, 9) == b"220 hello"
        writer.write(GET)
        assert await read(reader, len(GET)) == GET, "the server spoke first: what follows is between the two"
        writer.transport.abort()
        assert mesh.outbound.stats.redirected == {"silent": 1}


async def test_silence_of_both_decides_nothing() -> None:
    async with path(answer_ok, timeouts=SOON) as mesh, destination(mesh) as came:
        mesh.catalog.find(b"bus-service")
        reader, writer = await mesh.connect()
        while not came:
            await asyncio.sleep(0.01)
        writer.write(GET.replace(b"bus-service", b"db:5432"))
        assert (await read_answer(reader)).status != 0, "answered as HTTP"
        stats = mesh.outbound.stats
        assert stats.redirected == {"silent": 1, "http-late": 1}
        assert stats.tunnels_open == 0
        assert stats.tunnel_bytes_sent == 0, "nothing of it went through the pipe"
        writer.transport.abort()


async def test_a_request_that_comes_while_the_silent_connection_is_being_made_is_http(
    black_hole: str,
) -> None:
    async with path(answer_ok, timeouts=Timeouts(sniff_s=0.05, connect_s=30.0)) as mesh:
        mesh.know(black_hole)
        reader, writer = await mesh.connect()
        async with asyncio.timeout(10):
            while not mesh.outbound.stats.redirected["silent"]:
                await asyncio.sleep(0.01)
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")
        assert (await read_answer(reader)).status == 400
        assert mesh.outbound.stats.redirected["http-late"] == 1


@pytest.mark.parametrize("held", [b"G", b"\r\n", b"POST"])
async def test_half_a_method_is_waited_for_as_a_request_is(held: bytes) -> None:
    async with (
        path(answer_ok, timeouts=Timeouts(sniff_s=0.05, first_byte_s=0.3, idle_s=0.3)) as mesh,
        destination(mesh) as came,
    ):
        reader, writer = await mesh.connect()
        writer.write(held)
        assert await asyncio.wait_for(reader.read(), 10) == b""
        assert not came, "what may be a request is never carried past the reader"
        writer.close()


async def test_a_word_nobody_knows_is_carried_when_no_more_of_it_comes() -> None:
    async with path(answer_ok, timeouts=SOON) as mesh, destination(mesh):
        reader, writer = await mesh.connect()
        writer.write(b"ruok")
        assert await read(reader, 4) == b"ruok"
        writer.transport.abort()


@pytest.mark.parametrize("first", [b"", OTHER], ids=["nothing said", "something said"])
async def test_an_end_that_comes_early_is_passed_on(first: bytes) -> None:
    async with path(answer_ok) as mesh, destination(mesh, b"hello"):
        reader, writer = await mesh.connect()
        writer.write(first)
        writer.write_eof()
        assert await asyncio.wait_for(reader.read(), 10) == b"hello" + first
        writer.close()


async def test_a_server_that_speaks_and_ends_at_once_is_heard() -> None:
    async with path(answer_ok) as mesh, destination(mesh, b"bye", ends=True):
        for _ in range(50):
            reader, writer = await mesh.connect()
            writer.write(OTHER)
            with contextlib.suppress(ConnectionResetError):  # it never read what we said
                assert await asyncio.wait_for(reader.read(), 10) == b"bye"
            writer.close()


async def test_a_client_that_leaves_while_its_destination_is_dialled_leaves_nothing_behind(
    black_hole: str,
) -> None:
    async with path(answer_ok, timeouts=Timeouts(connect_s=0.2)) as mesh:
        mesh.know(black_hole)
        for _ in range(10):
            _, writer = await mesh.connect()
            writer.write(OTHER)
            await asyncio.sleep(0.01)
            writer.transport.abort()
        await mesh.settled()


async def test_bytes_are_counted_each_way_while_the_pipe_is_open() -> None:
    async with path(answer_ok) as mesh, destination(mesh, b"greeting"):
        reader, writer = await mesh.connect()
        writer.write(OTHER)
        await read(reader, 8 + len(OTHER))
        stats = mesh.outbound.stats
        assert (stats.tunnels_open, stats.tunnel_bytes_sent, stats.tunnel_bytes_received) == (1, 8, 16)
        writer.transport.abort()
        await mesh.settled()
        async with asyncio.timeout(10):
            while stats.tunnels_open:
                await asyncio.sleep(0.005)


async def test_an_idle_pipe_is_closed() -> None:
    async with path(answer_ok, timeouts=Timeouts(idle_s=0.2)) as mesh, destination(mesh):
        reader, writer = await mesh.connect()
        writer.write(OTHER)
        await read(reader, len(OTHER))
        with contextlib.suppress(ConnectionResetError):
            assert await asyncio.wait_for(reader.read(), 10) == b""
        writer.close()


async def test_a_pipe_in_which_only_the_destination_speaks_is_not_idle() -> None:
    async def tells(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(20):
            writer.write(b"more")
            await asyncio.sleep(0.1)
        writer.close()

    async with (
        path(answer_ok, timeouts=Timeouts(idle_s=1.5)) as mesh,
        await asyncio.start_server(tells, "127.0.0.1", 0) as server,
    ):
        mesh.know("{}:{}".format(*server.sockets[0].getsockname()[:2]))
        reader, writer = await mesh.connect()
        writer.write(OTHER)
        assert await asyncio.wait_for(reader.read(-1), 10) == b"more" * 20
        writer.close()


async def test_pipes_take_no_place_from_requests_and_are_no_congestion() -> None:
    tight = Limits(in_flight=2, pending=0)
    async with path(answer_ok, timeouts=SOON, limits=tight) as mesh:
        before = mesh.inbound.congestion()
        mesh.originals["*"] = mesh.pods[0].address
        for _ in range(5):
            await mesh.connect(mesh.inbound)
        while mesh.inbound.stats.tunnels_open < 2:
            await asyncio.sleep(0.01)
        answer = await mesh.ask(GET, mesh.inbound)
        assert answer.status == 200, answer.body
        assert mesh.inbound.congestion() == before


@pytest.mark.parametrize("same", [False, True], ids=["another destination", "the same"])
async def test_a_loop_is_a_port_of_ours_that_goes_where_ours_goes(same: bool) -> None:
    """The kernel gives one local port to connections of different destinations; the pod's address is the app's too."""
    async with path(answer_ok) as mesh:
        mesh.know(mesh.pods[0].address)
        reader, writer = await mesh.connect()
        host, port = writer.get_extra_info("sockname")[:2]
        mesh.outbound.pools.ours.add((host, port, mesh.pods[0].address if same else "10.9.9.9:80"))
        writer.write(GET)
        assert (await read_answer(reader)).status == (508 if same else 200)
        writer.transport.abort()


async def test_inbound_carries_to_its_own_address_and_still_refuses_connect() -> None:
    async with path(answer_ok) as mesh, destination(mesh, b"hello"):
        reader, writer = await mesh.connect(mesh.inbound)
        writer.write(OTHER)
        assert await read(reader, 13) == b"hello" + OTHER
        writer.transport.abort()
        answer = await mesh.ask(b"CONNECT db:5432 HTTP/1.1\r\nHost: db:5432\r\n\r\n", mesh.inbound)
        assert answer.status == 501, "a pipe past the door is not to be had by asking"


@pytest.mark.parametrize("address", ["127.0.0.1:9", "[::1]:9"])
async def test_a_loopback_destination_nobody_knows_is_not_followed(address: str) -> None:
    async with path(answer_ok) as mesh:
        mesh.originals["*"] = address
        answer = await mesh.ask(GET.replace(b"bus-service", b"whoever"))
        assert (answer.status, answer.field(b"X-GT-Reason")) == (502, b"unknown-service")


async def test_inbound_follows_no_address_but_its_own() -> None:
    async with path(answer_ok) as mesh:
        mesh.originals["*"] = "192.0.2.7:80"
        answer = await mesh.ask(GET, mesh.inbound)
        assert (answer.status, answer.field(b"X-GT-Reason")) == (502, b"unknown-service")


async def test_our_own_port_as_a_destination_is_a_loop() -> None:
    async with path(answer_ok) as mesh:
        mesh.originals["*"] = "{}:{}".format(*mesh.outbound.address)
        answer = await mesh.ask(GET.replace(b"bus-service", b"whoever"))
        assert (answer.status, answer.field(b"X-GT-Reason")) == (508, b"loop")
        reader, writer = await mesh.connect()
        writer.write(OTHER)
        assert await asyncio.wait_for(reader.read(), 10) == b""
        writer.close()
        assert mesh.outbound.stats.errors["loop"] == 2


async def test_connections_to_opaque_ports_go_on_without_a_word() -> None:
    async with path(answer_ok, timeouts=Timeouts(sniff_s=None)) as mesh, destination(mesh, b"hello"):
        port = int(mesh.originals["*"].rpartition(":")[2])
        mesh.outbound.opaque_ports = frozenset((port,))
        reader, writer = await mesh.connect()
        assert await read(reader, 5) == b"hello"
        writer.write(GET)
        assert await read(reader, len(GET)) == GET
        writer.transport.abort()
        assert mesh.outbound.stats.redirected == {"opaque-port": 1}


async def test_ipv4_loopback_listens_on_ipv6s_too_and_says_when_it_cannot(unused_tcp_port: int) -> None:
    """iptables sends what was caught to the same port of either family."""
    async with path(answer_ok) as mesh:
        with (
            socket.create_server(("::1", unused_tcp_port), family=socket.AF_INET6),
            pytest.raises(ListenError, match=rf"outbound \[::1\]:{unused_tcp_port}: "),
        ):
            await mesh.outbound.start("127.0.0.1", unused_tcp_port)
