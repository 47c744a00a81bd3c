"""Two connections become one pipe: after CONNECT, after a 101, and for bytes that are not HTTP/1.

Half-close is passed on (RFC 9110 §9.3.6): one direction may end while the other still flows. Backpressure too.
"""

import asyncio
from collections.abc import Callable


class Pipe:
    """Joins two transports. `on_closed(bytes)` is called once, when both are gone."""

    __slots__ = ("_a", "_b", "_eofs", "_lost", "_on_closed", "moved")

    def __init__(self, a: asyncio.Transport, b: asyncio.Transport, on_closed: Callable[[int], None]) -> None:
        self._a, self._b = a, b
        self._on_closed = on_closed
        self._lost: set[asyncio.Transport] = set()
        self._eofs: set[asyncio.Transport] = set()
        self.moved = 0  # bytes, both ways

    def other(self, end: asyncio.Transport) -> asyncio.Transport:
        """The other end."""
        return self._b if end is self._a else self._a

    def data(self, source: asyncio.Transport, data: bytes) -> None:
        """Bytes arrived at one end."""
        self.moved += len(data)
        self.other(source).write(data)

    def eof(self, source: asyncio.Transport) -> bool:
        """One end will send no more. True: keep it open for writing."""
        self._eofs.add(source)
        target = self.other(source)
        if len(self._eofs) == 2 or target.is_closing():
            self._a.close()
            self._b.close()
            return False
        if target.can_write_eof():
            target.write_eof()
        return True

    def lost(self, end: asyncio.Transport) -> None:
        """One end is gone: the other is closed once it has been sent what is on the way."""
        self._lost.add(end)
        self.other(end).close()
        if len(self._lost) == 2:
            self._on_closed(self.moved)

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
