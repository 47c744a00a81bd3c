"""A scripted server on a real socket: answers byte by byte if need be, and keeps what was asked."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

TRANSCRIPTS = Path(__file__).parents[1] / "fixtures" / "kubernetes" / "transcripts"


def transcript(name: str) -> dict[str, Any]:
    """What the real server said: `response` with `status`, and `body` or `lines`."""
    return json.loads((TRANSCRIPTS / f"{name}.json").read_text())["response"]


@dataclass
class Asked:
    """One request."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    writer: asyncio.StreamWriter

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))

    @property
    def watches(self) -> bool:
        return self.query.get("watch") == "1"

    async def answer(self, body: object, status: int = 200, headers: str = "") -> None:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.writer.write(
            f"HTTP/1.1 {status} Because\r\nContent-Type: application/json\r\n{headers}"
            f"Content-Length: {len(raw)}\r\n\r\n".encode()
            + raw
        )
        await self.writer.drain()

    def stream(self) -> None:
        """Begin a watch's answer."""
        self.writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")

    def chunk(self, raw: bytes) -> None:
        self.writer.write(b"%x\r\n%b\r\n" % (len(raw), raw))

    def event(self, kind: str, found: object) -> None:
        self.chunk(json.dumps({"type": kind, "object": found}).encode() + b"\n")

    def end(self) -> None:
        """The stream ends as it should."""
        self.writer.write(b"0\r\n\r\n")

    def abort(self) -> None:
        """The stream breaks."""
        self.writer.transport.abort()


Script = Callable[[Asked], Awaitable[None]]


@dataclass
class Server:
    """`script` answers every request; it may be changed at any time."""

    script: Script
    tls: ssl.SSLContext | None = None
    asked: list[Asked] = field(default_factory=list)
    port: int = 0
    _server: asyncio.Server | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _more: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"http{'s' if self.tls else ''}://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Again at the same port, after `stop`."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port, ssl=self.tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Gone: connections are reset, new ones refused."""
        if self._server is not None:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def until(self, wanted: Callable[[list[Asked]], bool]) -> None:
        """Until what was asked so far is enough."""
        async with asyncio.timeout(60):
            while not wanted(self.asked):
                self._more.clear()
                await self._more.wait()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                asked = await _read(reader, writer)
                self.asked.append(asked)
                self._more.set()
                await self.script(asked)
                await writer.drain()
        except (OSError, EOFError, ssl.SSLError):
            pass
        finally:
            writer.transport.abort()


async def _read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Asked:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    line, *fields = head.rstrip().split("\r\n")
    method, target, _ = line.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (f.partition(":") for f in fields)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Asked(method, target, headers, body, writer)


@asynccontextmanager
async def served(script: Script, tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    server = Server(script, tls)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


async def hang(_: Asked) -> None:
    """A server that never answers."""
    await asyncio.Event().wait()


def said(body: object, status: int = 200, headers: str = "") -> Script:
    """Always the same answer."""

    async def script(asked: Asked) -> None:
        await asked.answer(body, status, headers)

    return script
