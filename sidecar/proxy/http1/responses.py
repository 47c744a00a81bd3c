"""Responses out of an endpoint's bytes."""

from typing import ClassVar, NoReturn, Protocol

from sidecar.proxy.http1.grammar import broken
from sidecar.proxy.http1.heads import parse_response
from sidecar.proxy.http1.reader import CLOSE, DONE, HEAD, Reader
from sidecar.proxy.limits import Limits
from sidecar.proxy.message import ResponseHead


class ResponseSink(Protocol):
    """Where a response goes."""

    def interim(self, head: ResponseHead) -> None:
        """A 1xx; more heads follow."""

    def head(self, head: ResponseHead, data: bytes, end: bool) -> None:
        """The final head, and the body bytes that came with it."""

    def data(self, data: bytes, end: bool) -> None:
        """More of the body (dechunked)."""


class ResponseReader(Reader):
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
        self._state, self._interims = HEAD, 0

    def feed(self, data: bytes) -> None:
        """Take what arrived."""
        if self._state == HEAD:
            taken = self._take_head(data)
            while taken is not None:
                raw, rest = taken
                taken = self._one_head(raw, rest)
        elif self._state == DONE:
            self.buffer += data
        else:
            payload = self._body(data)
            if payload or self._state == DONE:
                self._sink.data(payload, self._state == DONE)

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
        self._sink.head(head, self._body(rest) if rest else rest, self._state == DONE)
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
        if self._state == CLOSE:
            self._state = DONE
            self._sink.data(b"", True)
        return self._state == DONE
