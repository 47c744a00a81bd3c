"""Two connections become one pipe: after CONNECT, after a 101, and for bytes that are not HTTP/1.

Half-close is passed on (RFC 9110 §9.3.6): one direction may end while the other still flows. Backpressure too.
"""

import asyncio
from collections.abc import Callable

from sidecar.proxy.stats import ProxyStats


class Pipe:
    """Joins a client's transport and a destination's. `on_closed()` is called once, when both are gone."""

    __slots__ = ("_client", "_destination", "_eofs", "_lost", "_on_closed", "_stats", "received", "sent")

    def __init__(
        self,
        client: asyncio.Transport,
        destination: asyncio.Transport,
        stats: ProxyStats,
        on_closed: Callable[[], None],
    ) -> None:
        self._client, self._destination = client, destination
        self._stats = stats
        self._on_closed = on_closed
        self._lost: set[asyncio.Transport] = set()
        self._eofs: set[asyncio.Transport] = set()
        self.sent = 0  # bytes, to the destination
        self.received = 0

    def other(self, end: asyncio.Transport) -> asyncio.Transport:
        """The other end."""
        return self._destination if end is self._client else self._client

    def data(self, source: asyncio.Transport, data: bytes) -> None:
        """Bytes arrived at one end. Counted as they pass: a pipe may stay for days."""
        if source is self._client:
            self.sent += len(data)
            self._stats.tunnel_bytes_sent += len(data)
            self._destination.write(data)
        else:
            self.received += len(data)
            self._stats.tunnel_bytes_received += len(data)
            self._client.write(data)

    def eof(self, source: asyncio.Transport) -> bool:
        """One end will send no more. True: keep it open for writing."""
        self._eofs.add(source)
        target = self.other(source)
        if len(self._eofs) == 2 or target.is_closing():
            self._client.close()
            self._destination.close()
            return False
        if target.can_write_eof():
            target.write_eof()
        return True

    def lost(self, end: asyncio.Transport) -> None:
        """One end is gone: the other is closed once it has been sent what is on the way."""
        if end in self._lost:
            return
        self._lost.add(end)
        self.other(end).close()
        if len(self._lost) == 2:
            self._on_closed()

    def pause(self, end: asyncio.Transport) -> None:
        """`end` cannot take more: stop reading the other."""
        other = self.other(end)
        if not other.is_closing() and other.is_reading():
            other.pause_reading()

    def resume(self, end: asyncio.Transport) -> None:
        """`end` can take more."""
        other = self.other(end)
        if not other.is_closing() and not other.is_reading():
            other.resume_reading()
