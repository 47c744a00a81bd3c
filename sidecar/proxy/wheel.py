"""Timeouts for thousands of connections at no cost per request.

Every connection has one entry. When it comes due, the connection says when it wants to be looked at next; a
deadline that moved later in the meantime costs nothing. Resolution: one tick.
"""

import asyncio
from typing import Protocol

from sidecar import clock


class Watched(Protocol):
    """Something with timeouts."""

    bucket: int
    """Where the wheel keeps it; 0 when it does not. Kept by the wheel."""

    def check(self, now: float) -> float | None:
        """Act on whatever has expired; when to look again, or None when done for good."""


class Wheel:
    """Buckets of `tick_s`; call `start` once inside a running loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, tick_s: float = 0.05) -> None:
        self._loop = loop
        self._tick_s = tick_s
        self._buckets: dict[int, set[Watched]] = {}
        self._at = int(clock.now() / tick_s)
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin turning."""
        self._timer = self._loop.call_later(self._tick_s, self._turn)

    def stop(self) -> None:
        """Stop turning; entries are forgotten."""
        if self._timer is not None:
            self._timer.cancel()
        self._buckets.clear()

    def watch(self, item: Watched, when: float) -> None:
        """Look at `item` at `when` (perf_counter seconds), and not before; replaces an earlier request."""
        self.forget(item)
        item.bucket = bucket = max(self._at + 1, int(when / self._tick_s) + 1)
        self._buckets.setdefault(bucket, set()).add(item)

    def forget(self, item: Watched) -> None:
        """Do not look at `item` any more; it may be freed."""
        if item.bucket:
            bucket = self._buckets.get(item.bucket)
            if bucket is not None:
                bucket.discard(item)
            item.bucket = 0

    def _turn(self) -> None:
        self._timer = self._loop.call_later(self._tick_s, self._turn)
        now = clock.now()
        last = int(now / self._tick_s)
        while self._at < last:
            self._at += 1
            while bucket := self._buckets.get(self._at):
                item = bucket.pop()
                item.bucket = 0
                self._check(item, now)
            self._buckets.pop(self._at, None)

    def _check(self, item: Watched, now: float) -> None:
        """One connection's bug must not cost the others their timeouts."""
        try:
            when = item.check(now)
        except Exception as error:  # noqa: BLE001
            self._loop.call_exception_handler({"message": f"timeout of {item!r} failed", "exception": error})
        else:
            if when is not None:
                self.watch(item, when)

    def __len__(self) -> int:
        return sum(map(len, self._buckets.values()))
