"""Endpoints from a file that people, scripts and ConfigMaps edit while we run.

Watched by looking, not by inotify: Kubernetes swaps a symlink two levels up, editors rename, network
filesystems tell nobody; a look costs some 50 µs on another thread, four times a second.
"""

import asyncio
import stat
from dataclasses import dataclass
from pathlib import Path

from sidecar import clock
from sidecar.discovery import document
from sidecar.discovery.source import OnError
from sidecar.errors import DiscoveryError
from sidecar.policy.endpoints import CallersChanged, Publish

LARGEST_BYTES = 16 * 1024 * 1024
RACY_S = 2.0
"""Filesystems' time stamps may be this coarse: a file this young may change again without a new stamp."""

Stamp = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Sight:
    """What one look at the file saw."""

    stamp: Stamp | None
    """mtime, size, inode, device of what the name led to; None: look inside next time whatever they say."""
    content: bytes | str
    """Its bytes, or why there are none."""


class FileSource:
    """Publishes what the file says whenever it changes; a mistake is reported and changes nothing.

    A change counts once two looks in a row saw the same, since editors and `>` write in steps, and half a
    file can be a correct one with half the services. Only the first look counts at once.
    """

    on_demand = False
    by_address = False

    def __init__(self, path: str | Path, on_error: OnError, poll_s: float = 0.25) -> None:
        self._path = Path(path)
        self._on_error = on_error
        self._poll_s = poll_s
        self._sight: Sight | None = None
        self._acted_on: bytes | str | None = None
        self._good = document.Snapshot()
        self._spoken = False

    def __repr__(self) -> str:
        return f"FileSource({str(self._path)!r}, {len(self._good.services)} services)"

    async def run(self, publish: Publish) -> None:
        """Until cancelled."""
        while True:
            await self.poll(publish)
            await asyncio.sleep(self._poll_s)

    def seek(self, host: str, port: int | None) -> None:
        """Nothing to do: the file is published whole."""

    async def poll(self, publish: Publish) -> None:
        """One look, and what follows from it."""
        sight = await asyncio.to_thread(look, self._path, self._sight)
        settled = self._sight is None or sight.content == self._sight.content
        self._sight = sight
        if settled and sight.content != self._acted_on:
            await self._act(sight.content, publish)
            self._acted_on = sight.content  # only now: whatever failed above is done again

    async def _act(self, content: bytes | str, publish: Publish) -> None:
        try:
            snapshot = await asyncio.to_thread(_parse, content, str(self._path))
        except DiscoveryError as error:
            self._on_error(error)
            return
        # The first good file always says something, be it that nobody is called: the program waits for it.
        first = [] if self._spoken else [CallersChanged(snapshot.callers)]
        for event in document.diff(self._good, snapshot) or first:
            publish(event)
        self._good, self._spoken = snapshot, True


def look(path: Path, before: Sight | None) -> Sight:
    """Blocking. `before` itself when its stamp still holds, so that an idle file is not read again."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            return Sight(None, "not a file")  # opening a FIFO would hang
        if status.st_size > LARGEST_BYTES:
            return Sight(None, f"{status.st_size} bytes is too large; allowed: {LARGEST_BYTES} bytes")
        stamp = status.st_mtime_ns, status.st_size, status.st_ino, status.st_dev
        if before and before.stamp == stamp:
            return before
        # The stamp is older than the content: when it changes in between, the next look sees another stamp.
        racy = clock.wall_s() - status.st_mtime < RACY_S
        return Sight(None if racy else stamp, path.read_bytes())
    except OSError as error:
        return Sight(None, error.strerror or str(error))


def _parse(content: bytes | str, path: str) -> document.Snapshot:
    if isinstance(content, str):
        raise DiscoveryError(f"{path}: {content}; still watched, and what was known stays in force")
    try:
        return document.parse(content.decode("utf-8-sig"), path)
    except UnicodeDecodeError as error:
        raise DiscoveryError(f"{path}: not UTF-8: {error}; allowed: YAML or JSON in UTF-8") from None
