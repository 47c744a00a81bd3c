"""Bytes in, messages out: finds heads, delimits bodies (RFC 9112 §6.3), stops at the end of each message.

A reader calls its sink at most once per `feed` and message: with the head and whatever body came along, then
with data. After a message it keeps what follows until `next()` is called, so that pipelined requests are
answered in order and surplus response bytes are noticed. `requests` and `responses` are the two directions.
"""

from abc import ABC, abstractmethod
from typing import ClassVar, Final, NoReturn

from sidecar.proxy.http1.chunked import Decoder
from sidecar.proxy.http1.grammar import diagnose_line, diagnose_partial
from sidecar.proxy.limits import Limits
from sidecar.proxy.message import CHUNKED, Fields

HEAD: Final = 0
_SIZED: Final = 1
_CHUNKED: Final = 2
CLOSE: Final = 3
DONE: Final = 4


class Reader(ABC):
    """What both directions share: the buffer, and delimiting a body."""

    __slots__ = ("_chunks", "_left", "_limits", "_line_judged", "_scanned", "_state", "buffer", "trailers")
    _kind: ClassVar[str] = ""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.buffer = bytearray()  # an incomplete head, or what came after the message
        self._scanned = 0
        self._line_judged = False
        self._state = HEAD
        self._left = 0
        self._chunks: Decoder | None = None
        self.trailers: Fields | None = None

    @property
    def done(self) -> bool:
        """A message has ended and `next()` has not been called."""
        return self._state == DONE

    @property
    def at_start(self) -> bool:
        """Between messages, nothing of the next one has arrived."""
        return self._state == HEAD and not self.buffer

    @property
    def until_close(self) -> bool:
        """Inside a body that only the end of the connection ends."""
        return self._state == CLOSE

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
            self._state = DONE
        elif length > 0:
            self._state, self._left = _SIZED, length
        elif length == CHUNKED:
            self._state = _CHUNKED
            self._chunks = Decoder(self._fault, self._limits.head_bytes, self._limits.head_fields)
        else:
            self._state = CLOSE

    def _body(self, data: bytes) -> bytes:
        """Payload in `data`; afterwards `done` tells whether the body has ended."""
        if self._state == _SIZED:
            if len(data) < self._left:
                self._left -= len(data)
                return data
            self._state = DONE
            if len(data) > self._left:
                self.buffer += data[self._left :]
                data = data[: self._left]
            return data
        if self._state == _CHUNKED:
            return self._chunked(data)
        if self._state == DONE and data:
            self.buffer += data
            return b""
        return data

    def _chunked(self, data: bytes) -> bytes:
        chunks = self._chunks
        assert chunks is not None  # noqa: S101 (set with the state)
        payload = chunks.feed(data)
        if chunks.done:
            self._state, self._chunks = DONE, None
            self.trailers = chunks.trailers
            self.buffer += chunks.rest
        return payload

    @abstractmethod
    def _fault(self, rule: str) -> NoReturn:
        """Raise what this rule means in this direction."""
