"""An HTTP/1.1 connection to an endpoint: writes requests, reads responses, knows when it may be used again."""

import asyncio
import errno
import socket
from collections.abc import Callable
from typing import Final, cast

from sidecar import clock, contract
from sidecar.errors import ConnectFailed, ExchangeError, Unavailable, UpstreamFraming, UpstreamReset
from sidecar.proxy.http1 import chunked, encode
from sidecar.proxy.http1.responses import ResponseReader
from sidecar.proxy.limits import Limits
from sidecar.proxy.message import CHUNKED, Fields, RequestHead, ResponseHead
from sidecar.proxy.pools import Ends, Pool
from sidecar.proxy.upstream import Upstream

_IP_BIND_ADDRESS_NO_PORT: Final = (
    24  # linux/in.h: choose the port at connect, so that a source has 28,000 *per peer*
)

_MOST_EARLY: Final = 64 * 1024  # of a greeting, before anybody reads it
_OURS: Final = frozenset((errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL, errno.ENOBUFS, errno.ENOMEM))
"""Why a connection could not be made that is no endpoint's fault."""


class UpstreamConnection(Upstream):
    """An asyncio protocol (by shape: a compiled class has no interpreted base)."""

    __slots__ = (
        "_chunked",
        "_ends",
        "_keep",
        "_paused",
        "_pool",
        "_reader",
        "_sent_all",
        "_upgrading",
        "_with_body",
    )

    def __init__(self, pool: Pool, limits: Limits) -> None:
        super().__init__()
        self._pool = pool
        self._reader = ResponseReader(self, limits)
        self._chunked = self._upgrading = self._paused = self._with_body = False
        self._keep = self._sent_all = True
        self._ends: Ends = ("", 0, "")

    # -- asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        name = transport.get_extra_info("sockname")
        if name:
            self._ends = (name[0], name[1], self._pool.address)
            self._pool.ours.add(self._ends)

    def data_received(self, data: bytes) -> None:
        if self.pipe is not None:
            self.pipe.data(self.transport, data)
            if self.attempt is not None:
                self.attempt.exchange.last_active = clock.now()
        elif self.attempt is None:
            self._unasked(data)
        else:
            self.arrived = clock.now()
            try:
                self._reader.feed(data)
            except UpstreamFraming as error:
                self._broken(error)

    def _unasked(self, data: bytes) -> None:
        """Nobody asked: a second response, or garbage; unless a server that speaks first found us still dialling."""
        if self.ready:
            self.close()
            return
        self.early += data
        if len(self.early) > _MOST_EARLY:
            self.pause_response()

    def eof_received(self) -> bool:
        if self.pipe is not None:
            return self.pipe.eof(self.transport)
        self.closing = True
        return not self.ready  # who speaks first may end first: what was said is still to be passed on

    def connection_lost(self, exc: Exception | None) -> None:
        self.closing = True
        self._pool.ours.discard(self._ends)
        self._pool.lost(self)
        if self.pipe is not None:
            self.pipe.lost(self.transport)
        elif self.attempt is not None:
            self._keep = False
            clean = exc is None
            if not (clean and self._reader.eof()) and self.attempt is not None:
                self._broken(UpstreamReset(f"{self._pool.address} closed before its response was complete"))

    def pause_writing(self) -> None:
        if self.pipe is not None:
            self.pipe.pause(self.transport)
        elif self.attempt is not None:
            self.attempt.exchange.down.pause_request()

    def resume_writing(self) -> None:
        if self.pipe is not None:
            self.pipe.resume(self.transport)
        elif self.attempt is not None:
            self.attempt.exchange.down.resume_request()

    # -- what an exchange asks (upstream.Upstream)

    def send_request(
        self, head: RequestHead, extra: Fields, data: bytes, end: bool, trailers: Fields | None
    ) -> None:
        self._keep, self._sent_all, self._with_body = True, end, head.length != 0
        self._chunked = head.length == CHUNKED
        self._upgrading = bool(head.upgrade)
        self._reader.expect(head.method)
        self.served += 1
        raw = encode.request(head, extra)
        if self._chunked:
            data = chunked.encode(data) + (chunked.encode_end(trailers) if end else b"")
        self.transport.write(raw + data if data else raw)

    def send_data(self, data: bytes, end: bool, trailers: Fields | None) -> None:
        self._sent_all = end
        if self._chunked:
            data = chunked.encode(data) + (chunked.encode_end(trailers) if end else b"")
        if data and not self.transport.is_closing():
            self.transport.write(data)

    def pause_response(self) -> None:
        if not self._paused and not self.transport.is_closing():
            self._paused = True
            self.transport.pause_reading()

    def resume_response(self) -> None:
        if self._paused and not self.transport.is_closing():
            self._paused = False
            self.transport.resume_reading()

    def reusable(self) -> bool:
        """RFC 9112 §9.3: the response ended exactly, the request was sent whole, nobody said close."""
        reader = self._reader
        if not (self._keep and self._sent_all and reader.done and not reader.buffer):
            return False
        if self._with_body and self.transport.get_write_buffer_size():
            return False  # answered before it had read the request: what is left would delay the next one
        self.resume_response()
        return not self.closing

    def close(self) -> None:
        self.closing = True
        self.transport.abort()

    # -- what the reader finds (responses.ResponseSink)

    def interim(self, head: ResponseHead) -> None:
        if self.attempt is not None:
            self.attempt.exchange.on_interim(self.attempt, head)

    def head(self, head: ResponseHead, data: bytes, end: bool) -> None:
        attempt = self.attempt
        if attempt is None:
            return
        self._keep = head.keep_alive
        if head.status == 101:
            if not self._upgrading or head.upgrade != b"websocket":
                self._broken(UpstreamFraming("101 without a matching upgrade request", rule="unasked-101"))
                return
            attempt.exchange.on_head(attempt, head, b"", False)
            self._forward_surplus()
            return
        attempt.trailers = self._reader.trailers
        attempt.exchange.on_head(attempt, head, data, end)

    def data(self, data: bytes, end: bool) -> None:
        attempt = self.attempt
        if attempt is not None:
            if end:
                attempt.trailers = self._reader.trailers
            attempt.exchange.on_data(attempt, data, end)

    def _forward_surplus(self) -> None:
        """What the endpoint sent right behind its 101 belongs to the tunnel."""
        surplus = bytes(self._reader.buffer)
        self._reader.buffer.clear()
        if surplus and self.pipe is not None:
            self.pipe.data(self.transport, surplus)

    def _broken(self, error: ExchangeError) -> None:
        attempt = self.attempt
        if attempt is not None:
            stale = self.served > 1 and self._reader.at_start and isinstance(error, UpstreamReset)
            attempt.lost(error, stale=stale)
        self.close()

    def __repr__(self) -> str:
        state = "tunnel" if self.pipe else "busy" if self.attempt else "idle"
        return f"<UpstreamConnection {self._pool.address} {state} served={self.served}>"


class Dialer:
    """Opens connections. `source`: local address to connect from; None: the kernel chooses."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        limits: Limits,
        connect_s: float,
        source: str | None,
        reason: str = contract.CONNECT_FAILED,
    ) -> None:
        self._reason = reason  # what a failure is called
        self._loop = loop
        self._limits = limits
        self._connect_s = connect_s
        self._source = source

    async def __call__(self, address: str, pool: Pool) -> UpstreamConnection:
        """Connect to `ip:port`. Raises `ConnectFailed`."""
        host, _, port = address.rpartition(":")
        host = host.strip("[]")
        try:
            async with asyncio.timeout(self._connect_s):
                return await self._open(host, int(port), pool)
        except TimeoutError:
            detail = f"{address}: no connection within {self._connect_s:g} s"
        except OSError as error:
            detail = f"{address}: {error.strerror or error}"
            if error.errno in _OURS:
                raise Unavailable(f"out of sockets here: {detail}", reason=contract.OVERFLOW) from None
        raise ConnectFailed(detail, reason=self._reason)

    async def _open(self, host: str, port: int, pool: Pool) -> UpstreamConnection:
        connection = UpstreamConnection(pool, self._limits)
        factory = cast(Callable[[], asyncio.Protocol], lambda: connection)
        if self._source is None:
            await self._loop.create_connection(factory, host, port)
            return connection
        sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
            sock.bind((self._source, 0))
            await self._loop.sock_connect(sock, (host, port))
            await self._loop.create_connection(factory, sock=sock)
        except BaseException:
            sock.close()
            raise
        return connection
