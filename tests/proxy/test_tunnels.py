"""Bytes that are not HTTP/1: WebSocket after a 101, CONNECT, an HTTP/2 preface, TLS."""

import asyncio

import pytest

from tests.proxy.pods import GET, Call, answer_ok, path, read_answer, status

UPGRADE = (
    b"GET /gps HTTP/1.1\r\nHost: bus-service\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"


async def echo(call: Call) -> None:
    """Switches protocols, says hello at once, then echoes until the other side stops."""
    call.writer.write(SWITCH + b"hello")
    while data := await call.reader.read(65536):
        call.writer.write(data)
        await call.writer.drain()
    call.writer.close()


async def test_a_websocket_is_a_pipe_after_its_101() -> None:
    async with path(echo) as mesh:
        reader, writer = await mesh.connect()
        writer.write(UPGRADE + b"early")
        answer = await read_answer(reader)
        assert answer.status == 101
        assert answer.field(b"Upgrade") == b"websocket"
        assert await reader.readexactly(10) == b"helloearly"
        writer.write(b"x" * 300_000)
        assert await reader.readexactly(300_000) == b"x" * 300_000
        writer.write_eof()
        assert await asyncio.wait_for(reader.read(), 10) == b"", "half-close travels through and comes back"


async def test_the_upgrade_reaches_the_pod_as_the_client_asked_it() -> None:
    async with path(echo) as mesh:
        reader, writer = await mesh.connect()
        writer.write(UPGRADE)
        await read_answer(reader)
        (call,) = mesh.pods[0].calls
        assert call.field(b"Upgrade") == b"websocket"
        assert call.field(b"Connection") == b"Upgrade"
        assert call.field(b"Sec-WebSocket-Key") == b"dGhlIHNhbXBsZSBub25jZQ=="


async def test_a_refused_upgrade_is_an_ordinary_response_and_the_connection_goes_on() -> None:
    async with path(status(b"426 Upgrade Required")) as mesh:
        reader, writer = await mesh.connect()
        writer.write(UPGRADE)
        assert (await read_answer(reader)).status == 426
        writer.write(GET)
        assert (await read_answer(reader)).status == 426


async def test_a_101_nobody_asked_for_is_the_pods_fault() -> None:
    async def unasked(call: Call) -> None:
        call.writer.write(SWITCH)

    async with path(unasked) as mesh:
        answer = await mesh.ask(GET)
        assert (answer.status, answer.field(b"X-GT-Reason")) == (502, b"framing")


@pytest.mark.parametrize("side", ["client", "pod"])
async def test_a_websocket_ends_when_either_side_is_gone(side: str) -> None:
    async with path(echo) as mesh:
        reader, writer = await mesh.connect()
        writer.write(UPGRADE)
        await read_answer(reader)
        if side == "client":
            writer.transport.abort()
            await asyncio.wait_for(mesh.pods[0].gone.wait(), 10)
        else:
            for pod_writer in list(mesh.pods[0].open):
                pod_writer.transport.abort()
            await asyncio.wait_for(reader.read(), 10)
            writer.close()  # told that nothing more comes, a client closes too
        await mesh.settled()
        assert mesh.outcomes()["succeeded"] == 1


class RawEcho(asyncio.Protocol):
    """Sends back whatever arrives."""

    transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


async def test_connect_opens_a_pipe_to_an_endpoint_of_the_service() -> None:
    async with path(answer_ok) as mesh:
        reader, writer = await mesh.connect()
        writer.write(b"CONNECT bus-service:8080 HTTP/1.1\r\nHost: bus-service:8080\r\n\r\n")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
        writer.write(GET)
        assert (await read_answer(reader)).body == b"ok"
        (call,) = mesh.pods[0].calls
        assert call.field(b"Via") is None, "inside a tunnel nothing is added"
        writer.transport.abort()


async def test_connect_to_a_host_nobody_knows_is_refused() -> None:
    async with path(answer_ok) as mesh:
        answer = await mesh.ask(b"CONNECT db.example:5432 HTTP/1.1\r\nHost: db.example:5432\r\n\r\n")
        assert (answer.status, answer.field(b"X-GT-Reason")) == (502, b"unknown-service")


PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
CLIENT_HELLO = b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03"


@pytest.mark.parametrize("opaque", [PREFACE, CLIENT_HELLO], ids=["h2", "tls"])
async def test_other_protocols_without_an_original_destination_are_closed_without_a_word(
    opaque: bytes,
) -> None:
    async with path(answer_ok) as mesh:
        reader, writer = await mesh.connect()
        writer.write(opaque)
        assert await asyncio.wait_for(reader.read(), 10) == b""
        assert mesh.outbound.stats.refusals["not-http1"] == 1


@pytest.mark.parametrize("opaque", [PREFACE, CLIENT_HELLO], ids=["h2", "tls"])
@pytest.mark.parametrize("cut", [0, 1, 2, 3])
async def test_other_protocols_reach_their_original_destination_untouched(opaque: bytes, cut: int) -> None:
    async with path(answer_ok) as mesh:
        server = await asyncio.get_running_loop().create_server(RawEcho, "127.0.0.1", 0)
        host, port = server.sockets[0].getsockname()[:2]
        mesh.know(f"{host}:{port}")
        reader, writer = await mesh.connect()
        writer.write(opaque[:cut])
        await asyncio.sleep(0.01)
        writer.write(opaque[cut:] + b"more")
        assert await asyncio.wait_for(reader.readexactly(len(opaque) + 4), 10) == opaque + b"more"
        writer.transport.abort()
        server.close()
