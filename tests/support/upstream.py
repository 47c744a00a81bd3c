"""A scripted upstream that keeps every byte it receives and answers what it is told.

One `Upstream` is one listening port and one script at a time: `expect(answer)` starts a fresh `Record`, and what any
connection of that port receives from then on goes into it.
"""

import asyncio
import socket
from dataclasses import dataclass, field
from typing import Literal, cast

from tests.support.messages import Message, UnreadableError, take_head, take_request

PART_GAP_S = 0.001


@dataclass(frozen=True, slots=True)
class Answer:
    """What each request is answered with: parts are written one after the other, as separate segments."""

    parts: tuple[bytes, ...]
    eof: bool = False
    """Close after the last part."""
    tunnel_bytes: int = 0
    """After a 101: close only once this much has come through the tunnel."""
    when: Literal["head", "message"] = "message"
    """`head`: an early response, written before the body has arrived."""
    on_head: bytes = b""
    """Interim response, written as soon as the head is complete."""
    verbatim: bool = True
    """False: no body in the answer to HEAD."""

    def to(self, method: bytes) -> tuple[bytes, ...]:
        """The parts as they go to this method."""
        if self.verbatim or method != b"HEAD":
            return self.parts
        return (b"".join(self.parts).partition(b"\r\n\r\n")[0] + b"\r\n\r\n",)


OK = Answer((b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",), verbatim=False)


@dataclass(slots=True)
class Record:
    """Everything received since the script was set."""

    messages: list[Message] = field(default_factory=list)
    heads: int = 0
    unreadable: list[bytes] = field(default_factory=list)
    tunnel: bytearray = field(default_factory=bytearray)
    connections: int = 0


class Upstream:
    """One port of 127.0.0.0/8. Bind first (the port goes into configurations), serve inside a loop."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.socket = socket.create_server((host, 0), backlog=1024)
        self.host, self.port = self.socket.getsockname()[:2]
        self.address = f"{self.host}:{self.port}"
        self.answer = OK
        self.record = Record()
        self.connections: set[_Connection] = set()
        self.ending: set[_Connection] = set()
        self._ended = asyncio.Event()
        self._server: asyncio.Server | None = None

    def __repr__(self) -> str:
        return f"Upstream({self.address}, {len(self.connections)} connections)"

    async def start(self) -> None:
        """Serve in the running loop."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self), sock=self.socket)

    async def stop(self) -> None:
        """Close the port and every connection."""
        if self._server is not None:
            self._server.close()
        self.socket.close()
        for connection in tuple(self.connections):
            connection.transport.abort()

    async def ended(self) -> None:
        """Every connection we closed has been closed by the proxy too: it will not send another request on one."""
        while self.ending:
            self._ended.clear()
            await self._ended.wait()

    def end(self, connection: "_Connection") -> None:
        """A connection is gone."""
        self.connections.discard(connection)
        self.ending.discard(connection)
        self._ended.set()

    def expect(self, answer: Answer) -> Record:
        """Answer with `answer` from now on; returns the record that fills up."""
        self.answer, self.record = answer, Record()
        return self.record


class _Connection(asyncio.Protocol):
    """Reads requests one by one, answers each, and keeps what it cannot read."""

    transport: asyncio.Transport

    def __init__(self, upstream: Upstream) -> None:
        self.upstream = upstream
        self.buffer = b""
        self.head_seen = False
        self.tunnelled = False
        self.answering: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.upstream.connections.add(self)
        self.upstream.record.connections += 1

    def connection_lost(self, exc: Exception | None) -> None:
        self.upstream.end(self)
        if self.answering is not None:
            self.answering.cancel()

    def data_received(self, data: bytes) -> None:
        if self.tunnelled:
            self.upstream.record.tunnel += data
            self._close_when_heard()
            return
        self.buffer += data
        try:
            self._read()
        except UnreadableError:
            self.upstream.record.unreadable.append(self.buffer)
            self.transport.close()

    def _read(self) -> None:
        while self.buffer and not self.transport.is_closing():
            if not self.head_seen and (head := take_head(self.buffer)) is not None:
                self._on_head(head[0].partition(b" ")[0])
            message = take_request(self.buffer)
            if message is None:
                return
            self.buffer = self.buffer[message.size :]
            self.head_seen = False
            self._on_message(message)

    def _on_head(self, method: bytes) -> None:
        self.head_seen = True
        self.upstream.record.heads += 1
        if self.upstream.answer.on_head:
            self.transport.write(self.upstream.answer.on_head)
        if self.upstream.answer.when == "head":
            self._answer(self.upstream.answer, method)

    def _on_message(self, message: Message) -> None:
        answer = self.upstream.answer
        self.upstream.record.messages.append(message)
        if answer.parts and answer.parts[0].startswith(b"HTTP/1.1 101") and message.values(b"Upgrade"):
            self.tunnelled = True
            self.upstream.record.tunnel += self.buffer
            self.buffer = b""
        if answer.when == "message":
            self._answer(answer, message.method)

    def _answer(self, answer: Answer, method: bytes) -> None:
        self._write(list(answer.to(method)), eof=answer.eof)

    def _write(self, parts: list[bytes], *, eof: bool) -> None:
        """One part now, the others each a moment later, so that they arrive as segments of their own."""
        if self.transport.is_closing():
            return
        if parts:
            self.transport.write(parts.pop(0))
        if parts:
            loop = asyncio.get_running_loop()
            self.answering = loop.call_later(PART_GAP_S, lambda: self._write(parts, eof=eof))
        elif eof:
            self._close_when_heard()

    def _close_when_heard(self) -> None:
        """The end of the script, unless the tunnel has still something to say. The proxy closes its side in turn."""
        upstream = self.upstream
        heard = len(upstream.record.tunnel) >= upstream.answer.tunnel_bytes
        if upstream.answer.eof and heard and not self.transport.is_closing():
            upstream.ending.add(self)
            self.transport.write_eof()
