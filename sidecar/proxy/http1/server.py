"""An HTTP/1.1 connection from a client: reads requests one at a time, writes their responses in order.

The first bytes decide whether this is HTTP/1 at all (`proxy.sniff`): anything else is carried untouched where an
original destination says where to, and otherwise closed without a word.
"""

import asyncio
from typing import TYPE_CHECKING, Final, cast

from sidecar import clock
from sidecar.errors import Refused
from sidecar.proxy import timeouts
from sidecar.proxy.exchange import Exchange
from sidecar.proxy.http1 import encode, presence
from sidecar.proxy.http1.carry import PIPELINE_BYTES, Carried
from sidecar.proxy.http1.requests import RequestReader
from sidecar.proxy.http1.writer import Writer
from sidecar.proxy.message import Fields, RequestHead, ResponseHead
from sidecar.proxy.peer import Peer
from sidecar.proxy.replies import reply

if TYPE_CHECKING:
    from sidecar.proxy.listener import Listener

LINGER_S: Final = 1.0
LINGER_BYTES: Final = 1 << 20


class ServerConnection(Carried):
    """An asyncio protocol (by shape: a compiled class has no interpreted base), and `wheel.Watched`."""

    __slots__ = (
        "_arrived",
        "_close_after",
        "_discarded",
        "_paused",
        "_unread",
        "_writer",
        "bucket",
        "peer",
    )

    def __init__(self, side: "Listener") -> None:
        super().__init__(side, RequestReader(self, side.limits))
        self.peer = Peer()
        self._writer = Writer()
        self._paused = self._close_after = False
        self._unread = False  # the client is behind with reading
        self._discarded = 0
        self._arrived = self._heard
        self.bucket = 0

    # -- asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport = cast(asyncio.Transport, transport)
        side = self._side
        self.peer, self.original = side.identify(transport)
        side.connections.add(self)
        side.stats.connections += 1
        side.stats.connections_accepted += 1
        side.wheel.watch(self, self._heard + self._await_first_bytes())

    def data_received(self, data: bytes) -> None:
        if self.pipe is not None:
            self._piped(data)
            return
        if self._lingering is not None:
            self._discard(data)
            return
        if self._first is not None and not (data := self._sniff(self._first, data)):
            return
        self._arrived = clock.now()
        if self.exchange is None and self._reader.at_start:
            self._heard = self._arrived
        try:
            self._reader.feed(data)
        except Refused as error:
            self._refuse(error)
        if self._reader.done and len(self._reader.buffer) > PIPELINE_BYTES:
            self.pause_request()

    def eof_received(self) -> bool:
        if self.pipe is not None:
            return self.pipe.eof(self.transport)
        if self._first is not None and self.original is not None and self._ended_early(self._first):
            return True
        if self.exchange is not None and self.exchange.complete and self._lingering is None:
            self.half_closed = True
            if not self.exchange.responded and self.exchange.head.minor:
                presence.ask(self, self._side.loop)
            return True
        if self._reader.done and self._reader.buffer and self._lingering is None:
            self.half_closed = True  # a pipelined request is about to be read
            return True
        if not self._reader.at_start and self._lingering is None:
            self._side.stats.refusals["truncated"] += 1
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        side = self._side
        side.connections.discard(self)
        side.stats.connections -= 1
        self._lingering = 0.0
        if self.pipe is not None:
            self.pipe.lost(self.transport)  # the wheel goes on watching until the other end is gone too
            return
        side.wheel.forget(self)
        if self.exchange is not None:
            self.exchange.client_gone()

    def pause_writing(self) -> None:
        self._unread = True
        if self.pipe is not None:
            self.pipe.pause(self.transport)
        elif self.exchange is not None:
            self.exchange.attempts.pause_response()

    def resume_writing(self) -> None:
        self._unread = False
        if self.pipe is not None:
            self.pipe.resume(self.transport)
        elif self.exchange is not None:
            self.exchange.attempts.resume_response()
        elif self._reader.done:
            self._next(clock.now())

    # -- what the reader finds (requests.RequestSink)

    def head(self, head: RequestHead, data: bytes, end: bool) -> None:
        self._close_after = not head.keep_alive
        self.exchange = exchange = Exchange(self._side, self, head, data, end, self._arrived)
        if end:
            exchange.request_trailers = self._reader.trailers
        exchange.start()

    def data(self, data: bytes, end: bool) -> None:
        if self.exchange is not None:
            self.exchange.request_data(data, end, self._reader.trailers if end else None)

    # -- what the exchange asks (sides.Downstream)

    def respond(
        self, head: ResponseHead, extra: Fields, data: bytes, end: bool, trailers: Fields | None
    ) -> None:
        exchange = self.exchange
        assert exchange is not None  # noqa: S101 (it is calling)
        if exchange.head.opaque:
            self.transport.abort()  # no words of HTTP for one who speaks something else
            return
        if self._side.draining or self._heard_all() or (not exchange.complete and end):
            self._close_after = True
        old, close = exchange.head.minor == 0, self._close_after
        self._close_after = self._writer.respond(
            self.transport, head, extra, data, end, trailers, old=old, close=close
        )

    def send_data(self, data: bytes, end: bool, trailers: Fields | None) -> None:
        self._writer.send(self.transport, data, end, trailers)

    def send_interim(self, head: ResponseHead) -> None:
        if self.exchange is not None and self.exchange.head.minor:
            self.transport.write(encode.response(head, [], chunked=False, close=False))

    def cut(self) -> None:
        self.exchange = None
        self.transport.abort()

    def exchange_done(self) -> None:
        exchange, self.exchange = self.exchange, None
        if self.transport.is_closing() or exchange is None:
            return
        if exchange.reason == "client-gone":
            self.transport.abort()
        elif not exchange.complete:
            self._linger()
        elif self._close_after or self._heard_all() or self._side.draining:
            self.transport.close()
        else:
            self._next(exchange.last_active)

    def pause_request(self) -> None:
        if not self._paused and not self.transport.is_closing():
            self._paused = True
            self.transport.pause_reading()

    def resume_request(self) -> None:
        if self._paused and not self.transport.is_closing():
            self._paused = False
            self.transport.resume_reading()

    # -- between exchanges

    def _heard_all(self) -> bool:
        """The client has closed its half, and every request it sent before has been taken up."""
        return self.half_closed and not self._reader.buffer

    def _next(self, finished: float) -> None:
        """The next request: pipelined ones take turns with everybody else's events.

        A client that does not read its answers gets no more of them: `resume_writing` comes back here.
        """
        self._heard = finished
        if self._unread:
            return
        if self._reader.buffer:
            self._arrived = clock.now()
            self._side.loop.call_soon(self._read_pipelined)
        else:
            self._reader.next()
            self.resume_request()

    def _read_pipelined(self) -> None:
        busy = self.exchange is not None or not self._reader.done or self._unread
        if busy or self.transport.is_closing() or self._lingering is not None:
            return
        try:
            self._reader.next()
        except Refused as error:
            self._refuse(error)
        if self.half_closed and self.exchange is None and not self._reader.done:
            self.transport.close()  # what is left is half a request, and no more will come
        elif len(self._reader.buffer) <= PIPELINE_BYTES:
            self.resume_request()

    # -- refusing and closing

    def _refuse(self, error: Refused) -> None:
        """Answer in a way the client can read, then close (wire.md)."""
        self._side.stats.refusals[error.rule] += 1
        exchange = self.exchange
        if exchange is not None:
            exchange.fail(error)
            return
        self._side.stats.errors[error.reason] += 1
        self._side.stats.answered(error.status)
        head, body = reply(error, "")
        self.transport.write(encode.response(head, [], chunked=False, close=True) + body)
        self._linger()

    def _linger(self) -> None:
        """RFC 9112 §9.6: stop writing, read on for a moment, so that the answer is not lost to a reset."""
        now = clock.now()
        self._lingering = now + LINGER_S
        if self.transport.can_write_eof() and not self.half_closed:
            self.transport.write_eof()
        self.resume_request()
        self._side.wheel.watch(self, self._lingering)

    def _discard(self, data: bytes) -> None:
        self._discarded += len(data)
        if self._discarded > LINGER_BYTES:
            self.transport.abort()

    def drain(self) -> None:
        """The sidecar is stopping: idle connections close now, busy ones after their response."""
        self._close_after = True
        if self.exchange is None and self._lingering is None:
            self.transport.close()

    # -- time

    def check(self, now: float) -> float | None:
        if self.pipe is not None and self.exchange is not None:
            return min(timeouts.check(self.exchange, now), now + self._horizon())
        if self._lingering is not None:
            if self._lingering <= now:
                self.transport.abort()
                return None
            return self._lingering
        sniff_s = self._side.timeouts.sniff_s
        if self.exchange is not None:
            due = timeouts.check(self.exchange, now)
        elif self._first is not None and self.original is not None and sniff_s is not None:
            due = self._check_first(self._first, sniff_s, now)
        else:
            due = self._check_idle(now)
        return min(due, now + self._horizon())

    def _check_idle(self, now: float) -> float:
        bounds = self._side.timeouts
        limit = bounds.idle_s if self._reader.at_start else bounds.first_byte_s
        if limit is None:
            return float("inf")
        if self._heard + limit <= now:
            self.transport.close()
        return self._heard + limit

    def __repr__(self) -> str:
        state = "tunnel" if self.pipe else repr(self.exchange) if self.exchange else "idle"
        return f"<ServerConnection {self.peer.workload} {state}>"
