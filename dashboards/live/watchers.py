"""Who watches: each gets a full frame once, then what changes, encoded once for all of them.

Nobody slows anybody: a watcher that has more than `MOST_WAITING` changes before it loses them, and gets a full frame
when it has caught up. One that comes back within `KEPT` changes is given what it missed.
"""

import asyncio
import re
import secrets
from collections import deque
from typing import Final

import orjson

from dashboards.live import delta
from dashboards.live.frame import Plain

MOST_WAITING: Final = 8
KEPT: Final = 32
_NUMBER: Final = re.compile("[0-9]{1,18}")


class Watcher:
    """One of them."""

    def __init__(self) -> None:
        self.ready = asyncio.Event()
        self.waiting: deque[bytes] = deque()
        self.behind = True
        """It is owed a full frame."""
        self.resyncs = -1
        """How often it got one since it came, but for the first."""


class Watchers:
    """All of them, and the frame they have. `most`: how many there may be at a time."""

    def __init__(self, most: int) -> None:
        self.any = asyncio.Event()
        """Set while somebody watches: a frame is worth making."""
        self._most = most
        self._watchers: set[Watcher] = set()
        self._boot = secrets.token_hex(4)
        self._number = 0
        self._frame: Plain | None = None
        self._fresh = False
        self._whole = b""
        self._changes: deque[tuple[int, bytes]] = deque(maxlen=KEPT)

    def __len__(self) -> int:
        return len(self._watchers)

    @property
    def full(self) -> bool:
        """No more."""
        return len(self._watchers) >= self._most

    @property
    def frame(self) -> Plain | None:
        """The one they have, while somebody watches."""
        return self._frame if self._fresh else None

    def join(self, last_id: str = "") -> Watcher:
        """A new one; `last_id`: what a browser that comes back has seen."""
        watcher = Watcher()
        if (missed := self._missed(last_id)) is not None:
            watcher.behind = False
            watcher.resyncs = 0
            watcher.waiting.extend(missed)
        if watcher.waiting or (watcher.behind and self._fresh):
            watcher.ready.set()
        self._watchers.add(watcher)
        self.any.set()
        return watcher

    def leave(self, watcher: Watcher) -> None:
        """It is gone. Safe to repeat."""
        self._watchers.discard(watcher)
        if not self._watchers:
            self.any.clear()
            self._fresh = False

    def publish(self, frame: Plain) -> None:
        """The next frame, for everybody."""
        if self._frame is not None and (patch := delta.between(self._frame, frame)):
            self._number += 1
            self._changes.append((self._number, self._message("diff", patch)))
        elif self._frame is not None:
            return self._unchanged()
        self._frame, self._whole, self._fresh = frame, b"", True
        for watcher in self._watchers:
            self._give(watcher)
        return None

    def take(self, watcher: Watcher) -> bytes:
        """What it is to be sent now; call once `ready` is set."""
        watcher.ready.clear()
        if watcher.behind:
            watcher.behind = False
            watcher.resyncs += 1
            return self._full()
        sent = b"".join(watcher.waiting)
        watcher.waiting.clear()
        return sent

    def _unchanged(self) -> None:
        self._fresh = True
        for watcher in self._watchers:
            if watcher.behind:
                watcher.ready.set()

    def _give(self, watcher: Watcher) -> None:
        if not watcher.behind:
            if len(watcher.waiting) >= MOST_WAITING:
                watcher.waiting.clear()
                watcher.behind = True
            else:
                watcher.waiting.append(self._changes[-1][1])
        watcher.ready.set()

    def _full(self) -> bytes:
        if not self._whole and self._frame is not None:
            self._whole = self._message("full", self._frame)
        return self._whole

    def _missed(self, last_id: str) -> list[bytes] | None:
        """The changes since then; None where they are not known any more."""
        boot, _, number = last_id.partition(".")
        if boot != self._boot or not _NUMBER.fullmatch(number) or self._frame is None:
            return None
        seen = int(number)
        missed = [message for at, message in self._changes if at > seen]
        return missed if seen + len(missed) == self._number else None

    def _message(self, kind: str, value: Plain) -> bytes:
        data = orjson.dumps(value)  # one line: JSON has no bare line feeds
        return b"event: %b\nid: %b.%d\ndata: %b\n\n" % (
            kind.encode(),
            self._boot.encode(),
            self._number,
            data,
        )
