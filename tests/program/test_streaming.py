"""Bodies larger than the memory a sidecar may have: they pass through it, and it keeps none of them."""

import asyncio
import hashlib
import random
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.program.process import Program, discovery, program
from tests.program.wire import Client, ask, client, request, split, until

MB = 1 << 20
SIZE = 30 * MB
BLOCK = 64 * 1024
PATIENCE_S = 120.0
MOST_GROWTH_KB = 6 * 1024
MOST_HELD = 20 * MB
"""Of a body nobody reads. Nearly all of it is the kernel's, in the sockets of the sidecar; ours are kept small."""
SMALL = 128 * 1024
SAME_READINGS = 60
"""So many polls without another byte: the sender has been stopped."""

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
FRAMINGS = pytest.mark.parametrize("chunked", [False, True], ids=["sized", "chunked"])


def blocks(size: int = SIZE, seed: int = 1) -> Iterator[bytes]:
    """The same bytes for the same seed, in pieces of all lengths."""
    rng = random.Random(seed)
    source = rng.randbytes(2 * BLOCK)
    while size:
        start, length = rng.randrange(BLOCK), min(size, rng.choice([1, 700, 4096, BLOCK, BLOCK]))
        yield source[start : start + length]
        size -= length


def digest(pieces: Iterator[bytes]) -> str:
    """What the other end must arrive at."""
    sha = hashlib.sha256()
    for piece in pieces:
        sha.update(piece)
    return sha.hexdigest()


def framing(*, chunked: bool, size: int = SIZE) -> dict[str, Any]:
    """The field that announces a body."""
    return {"transfer_encoding": "chunked"} if chunked else {"content_length": str(size)}


def ok(**fields: str) -> bytes:
    """The head of an answer."""
    lines = ["HTTP/1.1 200 OK", *(f"{k.replace('_', '-')}: {v}" for k, v in fields.items())]
    return "\r\n".join([*lines, "", ""]).encode()


class Flow:
    """A sender of a body: how far it came, and what it sent."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._written = 0

    async def send(self, pieces: Iterator[bytes], *, chunked: bool) -> None:
        """All of it, as fast as the other side takes it."""
        for piece in pieces:
            self._writer.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
            self._written += len(piece)
            await self._writer.drain()
        if chunked:
            self._writer.write(b"0\r\n\r\n")
            await self._writer.drain()

    @property
    def accepted(self) -> int:
        """Bytes the kernel has taken from us."""
        return max(0, self._written - self._writer.transport.get_write_buffer_size())

    async def stopped(self) -> int:
        """Wait until nothing more is accepted; how much was."""
        last, same = -1, 0

        def still() -> bool:
            nonlocal last, same
            same = same + 1 if self.accepted == last else 0
            last = self.accepted
            return last > 0 and same >= SAME_READINGS

        await until(still, "a sender whose bytes nobody reads is stopped", PATIENCE_S)
        return last


async def body(reader: asyncio.StreamReader, head: bytes) -> AsyncIterator[bytes]:
    """What the head announces, in pieces."""
    if b"transfer-encoding: chunked" in head.lower():
        while length := int(await reader.readuntil(b"\r\n"), 16):
            yield (await reader.readexactly(length + 2))[:-2]
        assert await reader.readuntil(b"\r\n") == b"\r\n", "no trailers"
        return
    announced = re.search(rb"content-length: (\d+)", head.lower())
    assert announced is not None, head
    left = int(announced[1])
    while left:
        piece = await reader.read(min(BLOCK, left))
        assert piece, f"{left} bytes are missing"
        left -= len(piece)
        yield piece


async def sha_of(reader: asyncio.StreamReader, head: bytes) -> str:
    """Read a body to its end."""
    sha = hashlib.sha256()
    async for piece in body(reader, head):
        sha.update(piece)
    return sha.hexdigest()


def keep_little(end: socket.socket) -> socket.socket:
    """Small kernel buffers, which would otherwise take most of a body."""
    for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
        end.setsockopt(socket.SOL_SOCKET, option, SMALL)
    return end


@asynccontextmanager
async def lean(address: str) -> AsyncIterator[Client]:
    """A client whose kernel buffers little."""
    end = keep_little(socket.socket())
    end.setblocking(False)
    await asyncio.get_running_loop().sock_connect(end, split(address))
    made = Client(*await asyncio.open_connection(sock=end))
    try:
        yield made
    finally:
        made.abort()


@asynccontextmanager
async def upstream(talk: Talk) -> AsyncIterator[str]:
    """A server on loopback that does this with each connection; its address. What fails there fails the test."""
    wrong: list[Exception] = []
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # they left
        except Exception as error:  # noqa: BLE001 (raised below, where somebody sees it)
            wrong.append(error)
        finally:
            writer.transport.abort()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    listening = keep_little(socket.create_server(("127.0.0.1", 0)))
    host, port = listening.getsockname()[:2]
    server = await asyncio.start_server(accept, sock=listening)
    try:
        yield f"{host}:{port}"
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    assert not wrong, wrong


async def receive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """The pod of the uploads: answers with what the body hashes to."""
    while head := await reader.readuntil(b"\r\n\r\n"):
        sha = await sha_of(reader, head) if head.startswith(b"POST") else "warm"
        writer.write(ok(content_length=str(len(sha))) + sha.encode())


@asynccontextmanager
async def measured(sidecar: Program) -> AsyncIterator[None]:
    """The most it ever had resident meanwhile, against what it had before."""
    assert (await ask(sidecar.outbound, request("/warm"))).status == 200
    before = sidecar.memory_kb()
    sidecar.forget_peak()
    yield
    grown = sidecar.memory_kb("VmHWM") - before
    print(f"resident: {before} KiB before, at most {grown} KiB more meanwhile")
    assert grown < MOST_GROWTH_KB, f"{grown} KiB: it keeps the body"


@FRAMINGS
async def test_a_large_upload_arrives_unchanged_and_is_not_kept(tmp_path: Path, *, chunked: bool) -> None:
    async with (
        upstream(receive) as pod,
        program(tmp_path, discovery(pod)) as sidecar,
        measured(sidecar),
        client(sidecar.outbound) as made,
        asyncio.timeout(PATIENCE_S),
    ):
        made.writer.write(request("/up", "POST", **framing(chunked=chunked)))
        await Flow(made.writer).send(blocks(), chunked=chunked)
        head = await made.reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 ")
        assert (await made.reader.readexactly(64)).decode() == digest(blocks())
        assert (await made.ask(request("/next"))).body == b"warm", "the connection goes on"


def giving(*, chunked: bool) -> Talk:
    """The pod of the downloads."""

    async def give(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            if head.startswith(b"GET /down"):
                writer.write(ok(**framing(chunked=chunked)))
                await Flow(writer).send(blocks(), chunked=chunked)
            else:
                writer.write(ok(content_length="4") + b"warm")

    return give


@FRAMINGS
async def test_a_large_download_arrives_unchanged_and_is_not_kept(tmp_path: Path, *, chunked: bool) -> None:
    async with (
        upstream(giving(chunked=chunked)) as pod,
        program(tmp_path, discovery(pod)) as sidecar,
        measured(sidecar),
        client(sidecar.outbound) as made,
        asyncio.timeout(PATIENCE_S),
    ):
        made.writer.write(request("/down"))
        head = await made.reader.readuntil(b"\r\n\r\n")
        assert await sha_of(made.reader, head) == digest(blocks())
        assert (await made.ask(request("/next"))).body == b"warm", "the connection goes on"


async def test_a_body_comes_back_while_it_is_still_being_sent(tmp_path: Path) -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            if head.startswith(b"GET"):
                writer.write(ok(content_length="4") + b"warm")
                continue
            writer.write(ok(transfer_encoding="chunked"))
            async for piece in body(reader, head):
                writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
                await writer.drain()
            writer.write(b"0\r\n\r\n")

    async with (
        upstream(echo) as pod,
        program(tmp_path, discovery(pod)) as sidecar,
        measured(sidecar),
        client(sidecar.outbound) as made,
        asyncio.timeout(PATIENCE_S),
        asyncio.TaskGroup() as both,
    ):
        made.writer.write(request("/both", "POST", **framing(chunked=True)))
        both.create_task(Flow(made.writer).send(blocks(), chunked=True))
        head = await made.reader.readuntil(b"\r\n\r\n")
        assert await sha_of(made.reader, head) == digest(blocks())


# -- somebody does not read


@FRAMINGS
async def test_a_client_that_does_not_read_stops_the_pod(tmp_path: Path, *, chunked: bool) -> None:
    sending: list[Flow] = []

    async def give(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            if head.startswith(b"GET /warm"):
                writer.write(ok(content_length="4") + b"warm")
                continue
            writer.write(ok(**framing(chunked=chunked)))
            sending.append(Flow(writer))
            await sending[-1].send(blocks(), chunked=chunked)

    async with (
        upstream(give) as pod,
        program(tmp_path, discovery(pod)) as sidecar,
        measured(sidecar),
        lean(sidecar.outbound) as made,
    ):
        made.writer.write(request("/down"))
        await until(lambda: sending, "the request reaches the pod", PATIENCE_S)
        held = await sending[0].stopped()
        print(f"held: {held / MB:.1f} MB of a body nobody reads")
        assert held < MOST_HELD, f"{held} bytes taken from the pod, none read by the client"
        assert (await ask(sidecar.outbound, request("/warm"))).status == 200, "others are served meanwhile"
        async with asyncio.timeout(PATIENCE_S):
            head = await made.reader.readuntil(b"\r\n\r\n")
            assert await sha_of(made.reader, head) == digest(blocks()), "then it reads, and all is there"


@FRAMINGS
async def test_a_pod_that_does_not_read_stops_the_client(tmp_path: Path, *, chunked: bool) -> None:
    go_on = asyncio.Event()

    async def receive_later(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            if head.startswith(b"GET"):
                writer.write(ok(content_length="4") + b"warm")
                continue
            await go_on.wait()
            sha = await sha_of(reader, head)
            writer.write(ok(content_length=str(len(sha))) + sha.encode())

    async with (
        upstream(receive_later) as pod,
        program(tmp_path, discovery(pod)) as sidecar,
        measured(sidecar),
        lean(sidecar.outbound) as made,
        asyncio.timeout(PATIENCE_S),
        asyncio.TaskGroup() as both,
    ):
        made.writer.write(request("/up", "POST", **framing(chunked=chunked)))
        flow = Flow(made.writer)
        both.create_task(flow.send(blocks(), chunked=chunked))
        held = await flow.stopped()
        print(f"held: {held / MB:.1f} MB of a body nobody reads")
        assert held < MOST_HELD, f"{held} bytes taken from the client, none read by the pod"
        assert (await ask(sidecar.outbound, request("/warm"))).status == 200, "others are served meanwhile"
        go_on.set()
        await made.reader.readuntil(b"\r\n\r\n")
        assert (await made.reader.readexactly(64)).decode() == digest(blocks()), "then all of it arrives"


async def test_a_client_that_leaves_instead_of_reading_frees_the_pod(tmp_path: Path) -> None:
    sending: list[Flow] = []
    left = asyncio.Event()

    async def give(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(ok(**framing(chunked=False)))
        sending.append(Flow(writer))
        try:
            await sending[-1].send(blocks(), chunked=False)
        finally:
            left.set()

    async with upstream(give) as pod, program(tmp_path, discovery(pod)) as sidecar:
        async with lean(sidecar.outbound) as made:
            made.writer.write(request("/down"))
            await until(lambda: sending, "the request reaches the pod", PATIENCE_S)
            await sending[0].stopped()
        await asyncio.wait_for(left.wait(), PATIENCE_S)
        assert sending[0].accepted < SIZE, "nobody sent it all for nobody"


# -- servers that speak first


@pytest.mark.parametrize("eager", [False, True], ids=["the client waits", "the client does not wait"])
@pytest.mark.parametrize("size", [32, 200_000])
async def test_a_server_that_speaks_first_is_heard_through_connect(
    tmp_path: Path, size: int, *, eager: bool
) -> None:
    greeting = b"220 mail.example ESMTP\r\n".ljust(size, b".")

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        writer.write(b"250 " + await reader.readuntil(b"\r\n"))
        await writer.drain()
        await reader.read()

    async with upstream(greet) as pod, program(tmp_path, discovery(pod)) as sidecar:
        connect = b"CONNECT bus-service:8080 HTTP/1.1\r\nHost: bus-service:8080\r\n\r\n"
        for number in range(20):
            async with client(sidecar.outbound) as made, asyncio.timeout(PATIENCE_S):
                made.writer.write(connect + b"EHLO me\r\n" if eager else connect)
                head = await made.reader.readuntil(b"\r\n\r\n")
                assert head.startswith(b"HTTP/1.1 200 "), f"tunnel {number}: {head!r}"
                assert await made.reader.readexactly(size) == greeting, f"tunnel {number}: the greeting"
                if not eager:
                    made.writer.write(b"EHLO me\r\n")
                assert await made.reader.readuntil(b"\r\n") == b"250 EHLO me\r\n"
