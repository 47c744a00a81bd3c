"""The half of a client's connection that is not HTTP: what it speaks is found out, and what is not ours is carried.

A redirected connection shows in its first bytes what it is (`proxy.sniff`). HTTP goes to the reader; anything else
becomes a pipe to where it was going, as do CONNECT and an upgrade later on.
"""

import asyncio
from abc import abstractmethod
from typing import TYPE_CHECKING, Final

from sidecar import clock
from sidecar.proxy import sniff
from sidecar.proxy.exchange import Exchange
from sidecar.proxy.http1 import encode
from sidecar.proxy.http1.requests import RequestReader
from sidecar.proxy.message import RequestHead, ResponseHead
from sidecar.proxy.original_dst import split
from sidecar.proxy.sides import Downstream
from sidecar.proxy.tunnel import Pipe
from sidecar.proxy.upstream import Upstream

if TYPE_CHECKING:
    from sidecar.proxy.listener import Listener

PIPELINE_BYTES: Final = 64 * 1024
"""How much is read ahead of whoever is to take it."""
_ESTABLISHED: Final = b"HTTP/1.1 200 Connection Established\r\n\r\n"


class Carried(Downstream):
    """What `ServerConnection` builds on: the transport, who is at its ends, and the pipe where there is one."""

    __slots__ = (
        "_first",
        "_heard",
        "_lingering",
        "_reader",
        "_side",
        "exchange",
        "half_closed",
        "looped",
        "original",
        "original_port",
        "pipe",
        "transport",
    )

    def __init__(self, side: "Listener", reader: RequestReader) -> None:
        self._side = side
        self._reader = reader
        self.transport: asyncio.Transport = None  # type: ignore[assignment]  # set by connection_made
        self.exchange: Exchange | None = None
        self.pipe: Pipe | None = None
        self.original: str | None = None  # where a redirected connection was going
        self.original_port = 0
        self.looped = False  # it is a connection of our own
        self.half_closed = False
        self._first: sniff.FirstBytes | None = None  # None: decided, this is HTTP/1
        self._heard = clock.now()
        self._lingering: float | None = None  # until when

    @abstractmethod
    def data_received(self, data: bytes) -> None:
        """As asyncio calls it."""

    def _await_first_bytes(self) -> float:
        """How soon to look at this connection again."""
        side, original = self._side, self.original
        if original is None:
            self._first = sniff.FirstBytes(redirected=False, by_port=False, relayed=False, foreign=False)
            return self._horizon()
        self.original_port = split(original)[1]
        relayed, foreign = side.relays(original)
        by_port = self.original_port in side.opaque_ports
        self._first = sniff.FirstBytes(redirected=True, by_port=by_port, relayed=relayed, foreign=foreign)
        if by_port:
            # A turn of the loop later: by then a connection of our own that came back is known to be one.
            side.loop.call_soon(self._carry)
        sniff_s = side.timeouts.sniff_s
        return self._horizon() if sniff_s is None else min(self._horizon(), sniff_s)

    def _sniff(self, first: sniff.FirstBytes, data: bytes) -> bytes:
        """The first bytes: HTTP/1 is returned for the reader, anything else is carried or closed."""
        if self.exchange is not None:  # a destination is being connected to
            if first.silent and first.settle(data) == sniff.HTTP:
                self._take_back()
                return self._is_http(first, "http-late")
            first.silent = False
            self._reader.buffer += first.take() or data
            if len(self._reader.buffer) > PIPELINE_BYTES:
                self.pause_request()
            return b""
        verdict = first.judge(data)
        if verdict == sniff.HTTP:
            return self._is_http(first, "http")
        if verdict == sniff.OPAQUE:
            self._carry()
        return b""

    def _is_http(self, first: sniff.FirstBytes, how: str) -> bytes:
        """Decided: what was held goes to the reader."""
        self._first = None
        if self.original is not None:
            self._side.stats.redirected[how] += 1
            self.looped = self._side.is_ours(self.transport, self.original)
        return first.take()

    def _carry(self) -> None:
        """Not HTTP/1: a pipe to the original destination, if there is one."""
        first = self._first
        if first is None or self.exchange is not None or self.transport.is_closing():
            return
        if self.original is None:
            self._side.stats.refusals["not-http1"] += 1
            self.transport.close()
            self._lingering = 0.0
            return
        why = "opaque-port" if first.by_port else "silent" if first.silent else "opaque"
        self._side.stats.redirected[why] += 1
        self.looped = self._side.is_ours(self.transport, self.original)
        head = RequestHead()
        head.method, head.authority, head.opaque = b"CONNECT", self.original.encode(), True
        self._reader.buffer += first.take()
        self.exchange = Exchange(self._side, self, head, b"", True, clock.now())
        self.exchange.start()

    def _settle_first(self, first: sniff.FirstBytes) -> None:
        """No more is waited for. One who said nothing may be waiting for the server's word."""
        if first.settle() == sniff.HTTP:
            self.data_received(self._is_http(first, "http"))
        else:
            first.silent = not (first.held or first.by_port)
            self._carry()

    def _check_first(self, first: sniff.FirstBytes, limit_s: float, now: float) -> float:
        if self._heard + limit_s <= now:
            self._settle_first(first)
        return self._heard + limit_s

    def _ended_early(self, first: sniff.FirstBytes) -> bool:
        """The client's end came before a pipe was there. True: its half stays open for what the server says."""
        self.half_closed = True
        if self.exchange is None:
            self._settle_first(first)
        if self._first is None:
            self.half_closed = False
        return self.half_closed

    def _piped(self, data: bytes) -> None:
        pipe, first = self.pipe, self._first
        assert pipe is not None  # noqa: S101 (callers have checked)
        if first is not None and first.silent:
            first.silent = False
            # The one who was silent speaks, the server never did: a connection opened ahead of its first request.
            if not pipe.received and first.settle(data) == sniff.HTTP:
                self._take_back()
                self.data_received(self._is_http(first, "http-late"))
                return
            first.take()
        pipe.data(self.transport, data)
        if self.exchange is not None:
            self.exchange.last_active = clock.now()

    def _take_back(self) -> None:
        """Nothing has passed through the pipe: as if it had never been."""
        exchange, self.exchange = self.exchange, None
        if self.pipe is not None:
            self.pipe = None
            self._side.stats.tunnels_open -= 1
        if exchange is not None:
            exchange.withdraw()
        self.resume_request()

    def _tunnel_closed(self) -> None:
        self._side.stats.tunnels_open -= 1
        if self.exchange is not None and self.pipe is not None:
            self.exchange.tunnel_closed(self.pipe.sent, self.pipe.received)

    # -- the pipe

    def open_tunnel(self, head: ResponseHead | None, upstream: Upstream) -> None:
        """See `sides.Downstream`. Either end may have spoken, or ended, before this."""
        exchange = self.exchange
        assert exchange is not None  # noqa: S101 (it is calling)
        if head is not None:
            self.transport.write(encode.response(head, [], chunked=False, close=False))
        elif not exchange.head.opaque:
            self.transport.write(_ESTABLISHED)
        stats = self._side.stats
        stats.tunnels += 1
        stats.tunnels_open += 1
        self.pipe = upstream.pipe = Pipe(self.transport, upstream.transport, stats, self._tunnel_closed)
        early = bytes(self._reader.buffer)
        self._reader.buffer.clear()
        if early:
            self._piped(early)
        if upstream.early:
            self.pipe.data(upstream.transport, upstream.early)
            upstream.early = b""
        if self.half_closed:
            self.pipe.eof(self.transport)
        if upstream.transport.is_closing():
            self.pipe.lost(upstream.transport)
        elif upstream.closing:
            self.pipe.eof(upstream.transport)
        upstream.resume_response()
        self.resume_request()

    def _horizon(self) -> float:
        """How far ahead to look: no limit can come due sooner than this after it starts."""
        timeouts = self._side.timeouts
        limits = (timeouts.first_byte_s, timeouts.idle_s, timeouts.total_s)
        return min((limit for limit in limits if limit is not None), default=3600.0)
