"""Requests out of a client's bytes."""

from typing import ClassVar, NoReturn, Protocol

from sidecar.proxy.http1.grammar import refuse
from sidecar.proxy.http1.heads import parse_request
from sidecar.proxy.http1.reader import DONE, HEAD, Reader
from sidecar.proxy.limits import Limits
from sidecar.proxy.message import RequestHead


class RequestSink(Protocol):
    """Where a request goes. `end`: the message is complete; trailers are then in `reader.trailers`."""

    def head(self, head: RequestHead, data: bytes, end: bool) -> None:
        """A complete head, and the body bytes that came with it."""

    def data(self, data: bytes, end: bool) -> None:
        """More of the body (dechunked)."""


class RequestReader(Reader):
    """Requests from a client. Raises `Refused`."""

    __slots__ = ("_sink", "_skipped")
    _kind: ClassVar[str] = "request"

    def __init__(self, sink: RequestSink, limits: Limits) -> None:
        super().__init__(limits)
        self._sink = sink
        self._skipped = False  # the one empty line tolerated before a request (RFC 9112 §2.2)

    def _fault(self, rule: str) -> NoReturn:
        refuse(rule)

    def feed(self, data: bytes) -> None:
        """Take what arrived."""
        if self._state == HEAD:
            self._feed_head(data)
        elif self._state == DONE:
            self.buffer += data
        else:
            payload = self._body(data)
            if payload or self._state == DONE:
                self._sink.data(payload, self._state == DONE)

    def _feed_head(self, data: bytes) -> None:
        if not self._skipped and (self.buffer or data[:1] == b"\r"):
            data = self._skip_empty_line(data)
            if not data:
                return
        taken = self._take_head(data)
        if taken is None:
            return
        raw, rest = taken
        head = parse_request(raw, self._limits.head_fields)
        self._skipped = False
        self._begin_body(head.length)
        self._sink.head(head, self._body(rest) if rest else rest, self._state == DONE)

    def _skip_empty_line(self, data: bytes) -> bytes:
        if self.buffer and self.buffer != b"\r":
            return data
        data = bytes(self.buffer) + data
        self.buffer.clear()
        if data == b"\r":
            self.buffer += data
            return b""
        if data.startswith(b"\r\n"):
            self._skipped = True
            return data[2:]
        return data

    def next(self) -> None:
        """The message has been dealt with: read the next one, beginning with what already came."""
        self._state = HEAD
        if self.buffer:
            data = bytes(self.buffer)
            self.buffer.clear()
            self.feed(data)
