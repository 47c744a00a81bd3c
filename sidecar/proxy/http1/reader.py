"""Bytes in, messages out: finds heads, delimits bodies (RFC 9112 §6.3), stops at the end of each message.

A reader calls its sink at most once per `feed` and message: with the head and whatever body came along, then
with data. After a message it keeps what follows until `next()` is called, so that pipelined requests are
answered in order and surplus response bytes are noticed.
"""

from abc import ABC, abstractmethod
from typing import ClassVar, Final, NoReturn, Protocol

from sidecar.proxy.http1.chunked import Decoder
from sidecar.proxy.http1.grammar import broken, diagnose_line, diagnose_partial, refuse
from sidecar.proxy.http1.heads import parse_request, parse_response
from sidecar.proxy.limits import Limits
from sidecar.proxy.message import CHUNKED, Fields, RequestHead, ResponseHead


class RequestSink(Protocol):
    """Where a request goes. `end`: the message is complete; trailers are then in `reader.trailers`."""

    def head(self, head: RequestHead, data: bytes, end: bool) -> None:
        """A complete head, and the body bytes that came with it."""

    def data(self, data: bytes, end: bool) -> None:
        """More of the body (dechunked)."""


class ResponseSink(Protocol):
    """Where a response goes."""

    def interim(self, head: ResponseHead) -> None:
        """A 1xx; more heads follow."""

    def head(self, head: ResponseHead, data: bytes, end: bool) -> None:
        """The final head, and the body bytes that came with it."""

    def data(self, data: bytes, end: bool) -> None:
        """More of the body (dechunked)."""


_HEAD: Final = 0
_SIZED: Final = 1
_CHUNKED: Final = 2
_CLOSE: Final = 3
_DONE: Final = 4


class _Reader(ABC):
    """What both directions share: the buffer, and delimiting a body."""

    __slots__ = ("_chunks", "_left", "_limits", "_line_judged", "_scanned", "_state", "buffer", "trailers")
    _kind: ClassVar[str] = ""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.buffer = bytearray()  # an incomplete head, or what came after the message
        self._scanned = 0
        self._line_judged = False
        self._state = _HEAD
        self._left = 0
        self._chunks: Decoder | None = None
        self.trailers: Fields | None = None

    @property
    def done(self) -> bool:
        """A message has ended and `next()` has not been called."""
        return self._state == _DONE

    @property
    def at_start(self) -> bool:
        """Between messages, nothing of the next one has arrived."""
        return self._state == _HEAD and not self.buffer

    @property
    def until_close(self) -> bool:
        """Inside a body that only the end of the connection ends."""
        return self._state == _CLOSE

    def _take_head(self, data: bytes) -> tuple[bytes, bytes] | None:
        """(raw head, what follows), or None while incomplete."""
        if self.buffer:
            self.buffer += data
            end = self.buffer.find(b"\r\n\r\n", max(0, self._scanned - 3)) + 4
            if end > 3:
                data = bytes(self.buffer)
                self.buffer.clear()
        else:
            end = data.find(b"\r\n\r\n") + 4
            if end < 4:
                self.buffer += data
        if end < 4:
            self._judge_partial()
            return None
        self._scanned = 0
        self._line_judged = False
        if end > self._limits.head_bytes:
            self._too_large(data)
        return (data, b"") if end == len(data) else (data[:end], data[end:])

    def _judge_partial(self) -> None:
        """Refuse early what is bad already; every byte is looked at once."""
        if len(self.buffer) > self._limits.head_bytes:
            self._too_large(bytes(self.buffer))
        rule = diagnose_partial(self.buffer, self._kind, self._scanned)
        if rule is None and not self._line_judged:
            end = self.buffer.find(b"\r\n", max(0, self._scanned - 1))
            if end >= 0:
                self._line_judged = True
                rule = diagnose_line(self.buffer, end, self._kind)
        if rule is not None:
            self._fault(rule)
        self._scanned = len(self.buffer)

    def _too_large(self, head: bytes) -> None:
        """What is malformed within the limit is malformed, however much follows and however it was cut."""
        within = head[: self._limits.head_bytes]
        end = within.find(b"\r\n")
        rule = diagnose_partial(within, self._kind)
        if rule is None and end >= 0:
            rule = diagnose_line(within, end, self._kind)
        self._fault(rule or "head-bytes")

    def _begin_body(self, length: int) -> None:
        self.trailers = None
        if length == 0:
            self._state = _DONE
        elif length > 0:
            self._state, self._left = _SIZED, length
        elif length == CHUNKED:
            self._state = _CHUNKED
            self._chunks = Decoder(self._fault, self._limits.head_bytes, self._limits.head_fields)
        else:
            self._state = _CLOSE

    def _body(self, data: bytes) -> bytes:
        """Payload in `data`; afterwards `done` tells whether the body has ended."""
        if self._state == _SIZED:
            if len(data) < self._left:
                self._left -= len(data)
                return data
            self._state = _DONE
            if len(data) > self._left:
                self.buffer += data[self._left :]
                data = data[: self._left]
            return data
        if self._state == _CHUNKED:
            return self._chunked(data)
        if self._state == _DONE and data:
            self.buffer += data
            return b""
        return data

    def _chunked(self, data: bytes) -> bytes:
        chunks = self._chunks
        assert chunks is not None  # noqa: S101 (set with the state)
        payload = chunks.feed(data)
        if chunks.done:
            self._state, self._chunks = _DONE, None
            self.trailers = chunks.trailers
            self.buffer += chunks.rest
        return payload

    @abstractmethod
    def _fault(self, rule: str) -> NoReturn:
        """Raise what this rule means in this direction."""


class RequestReader(_Reader):
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
        if self._state == _HEAD:
            self._feed_head(data)
        elif self._state == _DONE:
            self.buffer += data
        else:
            payload = self._body(data)
            if payload or self._state == _DONE:
                self._sink.data(payload, self._state == _DONE)

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
        self._sink.head(head, self._body(rest) if rest else rest, self._state == _DONE)

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
        self._state = _HEAD
        if self.buffer:
            data = bytes(self.buffer)
            self.buffer.clear()
            self.feed(data)


class ResponseReader(_Reader):
    """Responses from an endpoint. Raises `UpstreamFraming`."""

    __slots__ = ("_bodiless", "_interims", "_sink")
    _kind: ClassVar[str] = "response"
    MAX_INTERIM: ClassVar[int] = 32

    def __init__(self, sink: ResponseSink, limits: Limits) -> None:
        super().__init__(limits)
        self._sink = sink
        self._bodiless = False
        self._interims = 0

    def _fault(self, rule: str) -> NoReturn:
        broken(rule)

    def expect(self, method: bytes) -> None:
        """A request with this method was sent; its response comes next."""
        self._bodiless = method == b"HEAD"
        self._state, self._interims = _HEAD, 0

    def feed(self, data: bytes) -> None:
        """Take what arrived."""
        if self._state == _HEAD:
            taken = self._take_head(data)
            while taken is not None:
                raw, rest = taken
                taken = self._one_head(raw, rest)
        elif self._state == _DONE:
            self.buffer += data
        else:
            payload = self._body(data)
            if payload or self._state == _DONE:
                self._sink.data(payload, self._state == _DONE)

    def _one_head(self, raw: bytes, rest: bytes) -> tuple[bytes, bytes] | None:
        head = parse_response(raw, self._limits.head_fields)
        if head.interim:
            self._interims += 1
            if self._interims > self.MAX_INTERIM:
                broken("interim-flood")
            head.drop(b"content-length")  # RFC 9110 §8.6: a 1xx has none
            self._sink.interim(head)
            return self._take_head(rest) if rest else None
        self._frame(head)
        self._sink.head(head, self._body(rest) if rest else rest, self._state == _DONE)
        return None

    def _frame(self, head: ResponseHead) -> None:
        """RFC 9112 §6.3, rules 1 and 2: these have no body, whatever their fields say."""
        if head.status in (204, 101):
            head.length = 0
            head.drop(b"content-length")
        elif self._bodiless or head.status == 304:
            head.length = 0  # what a Content-Length says is about the representation, not about this message
        self._begin_body(head.length)

    def eof(self) -> bool:
        """The endpoint closed. True when that completes the message."""
        if self._state == _CLOSE:
            self._state = _DONE
            self._sink.data(b"", True)
        return self._state == _DONE
