"""The flight recorder: the last minutes, kept in memory, written when something goes wrong.

One sample a second of plain numbers, and every event. A file is JSON lines: a header (format, workload, pid, when and
why it was written), then entries, oldest first, whose `at_s` are seconds before (-) the header. `equilibrium-flight
FILE` reads it.
"""

import asyncio
import contextlib
import heapq
import logging
import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

import orjson

from sidecar import clock, redact
from sidecar.events import Bus, Event
from sidecar.shelf import Shelf

FORMAT: Final = 1
CRASH: Final = "CRASH"
# What samples are called by those who show them; others may be added.
SCALE: Final = "scale"
PRESSURE: Final = "pressure"
IN_FLIGHT: Final = "in_flight"
QUEUED: Final = "queued"

SAMPLE_S: Final = 1.0
KEEP_S: Final = 600.0
_SLACK_S: Final = 0.1
"""A timer of a second that comes early still counts as a second."""

log = logging.getLogger("equilibrium")


class Ring:
    """Encoded entries with their times, bounded three ways: how many, how many bytes, how old."""

    def __init__(self, most: int, most_bytes: int, keep_s: float = KEEP_S) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._keep_s = keep_s
        self.entries: deque[tuple[float, bytes]] = deque()
        self.size_bytes = 0

    def add(self, at_s: float, entry: bytes) -> None:
        """Append; what no longer fits leaves at the other end."""
        self.entries.append((at_s, entry))
        self.size_bytes += len(entry)
        while self.entries and self._over(at_s):
            self.size_bytes -= len(self.entries.popleft()[1])

    def _over(self, now: float) -> bool:
        old = now - self.entries[0][0] > self._keep_s
        return old or len(self.entries) > self._most or self.size_bytes > self._most_bytes


class Recorder:
    """Samples and events in two rings, so that a storm of events does not push out the minutes before it."""

    def __init__(
        self,
        folder: Path,
        bus: Bus,
        workload: str,
        *,
        now: Callable[[], float] = clock.now,
        wall_s: Callable[[], float] = clock.wall_s,
    ) -> None:
        self._shelf = Shelf(folder, workload)
        self._heard = bus.subscribe(512)
        self._workload = workload
        self._now = now
        self._wall_s = wall_s
        self._samples = Ring(600, 256 * 1024)
        self._events = Ring(1024, 256 * 1024)
        self._due_at = float("-inf")
        self._silent = False
        self.written = 0
        self.failures = 0
        """Records that could not be written."""

    def __repr__(self) -> str:
        samples, events = len(self._samples.entries), len(self._events.entries)
        return f"Recorder({self._shelf}, {samples} samples, {events} events)"

    # -- recording

    def sample(self, values: Mapping[str, object]) -> None:
        """Once a second; those in between are ignored. Only finite numbers are kept."""
        now = self._now()
        if now >= self._due_at - _SLACK_S:
            self._due_at = max(self._due_at, now - _SLACK_S) + SAMPLE_S
            self._samples.add(now, orjson.dumps({"sample": redact.numbers(values)}))
            self._gather()

    def _gather(self) -> None:
        for event in self._heard.drain():
            self._note(event)

    def _note(self, event: Event) -> None:
        entry = {"event": redact.text(event.kind)[:64], "detail": redact.plain(event.detail)}
        self._events.add(event.at_s, orjson.dumps(entry))

    # -- telling

    def render(self, reason: str) -> bytes:
        """The record as it stands, for `/flight` and for files."""
        self._gather()
        now = self._now()
        # Copied first: another thread may be writing a record while the next sample arrives.
        entries = list(heapq.merge(list(self._samples.entries), list(self._events.entries), key=_time))
        header: dict[str, object] = {
            "flight": FORMAT,
            "workload": self._workload,
            "pid": os.getpid(),
            "time": round(self._wall_s(), 3),
            "reason": redact.text(reason),
            "entries": len(entries),
            "events_lost": self._heard.dropped,
        }
        lines = [b'{"at_s":%.3f,%b' % (at_s - now, entry[1:]) for at_s, entry in entries]
        return b"\n".join([orjson.dumps(header), *lines, b""])

    # -- writing

    def write(self, reason: str) -> Path | None:
        """Blocking. The file; None when it could not be written, which is counted and said."""
        return self._store(self.render(reason), reason)

    async def save(self, reason: str) -> Path | None:
        """The same without holding up anybody: the disk is waited for in a thread."""
        return await asyncio.to_thread(self._store, self.render(reason), reason)

    def crashed(self, error: BaseException) -> Path | None:
        """Write what led to it. Of the error only the type and where: messages may quote a request."""
        self._gather()
        trace, where = error.__traceback__, ""
        while trace is not None:
            where = f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"
            trace = trace.tb_next
        self._note(Event(CRASH, self._now(), {"error": type(error).__name__, "where": where}))
        return self.write("crash")

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Around the program: an error that ends it is recorded and goes on its way."""
        try:
            yield
        except Exception as error:
            self.crashed(error)
            raise

    def terminating(self, *, under_pressure: bool) -> Path | None:
        """On SIGTERM: an end under pressure is worth a record, an ordinary one is not."""
        return self.write("sigterm") if under_pressure else None

    def _store(self, record: bytes, reason: str) -> Path | None:
        try:
            path = self._shelf.put(record, self._wall_s(), reason)
        except OSError as error:
            self.failures += 1
            # Said again only after one succeeded: a full disk stays full.
            (log.debug if self._silent else log.warning)("flight record not written: %s", error)
            self._silent = True
            return None
        self.written += 1
        self._silent = False
        return path


def _time(entry: tuple[float, bytes]) -> float:
    return entry[0]
