"""What people are told about an object, as Kubernetes Events: off everybody's path, and never more than best effort.

Whoever has something to say puts a note in and goes on. The same words to the same object within ten minutes are one
Event, whose count is brought up to date every half minute; at most ten are written a second. What does not fit, or the
API server does not take, is counted and forgotten.
"""

import asyncio
import secrets
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from sidecar import clock
from sidecar.kube.errors import ApiError
from sidecar.kube.notes import Note

MOST_PENDING: Final = 256
MOST_KNOWN: Final = 1024
AGGREGATE_S: Final = 600.0
GATHER_S: Final = 1.0
"""A Deployment of a hundred pods is one POST, not a hundred."""
COUNT_EVERY_S: Final = 30.0
MOST_AT_ONCE: Final = 10
"""Of every `GATHER_S`: a cluster that restarts has better things to do than to read about it."""
_NOT_FOUND: Final = 404
_MERGE: Final = "application/merge-patch+json"


class Api(Protocol):
    """The one call of the Kubernetes client that is needed."""

    async def request(
        self, method: str, path: str, *, body: object | None = None, content_type: str = ...
    ) -> dict[str, Any]:
        """Raises ApiError."""


@dataclass(slots=True)
class Told:
    """An Event that the API server has."""

    name: str
    count: int
    first_s: float
    last_s: float


class Recorder:
    """Takes notes at once, writes Events behind, in the name of `component` (the program) and `instance` (its pod).

    `counts`: sent, dropped (no room, nobody to tell), failed."""

    def __init__(
        self,
        api: Api,
        component: str,
        instance: str,
        *,
        now: Callable[[], float] = clock.wall_s,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._api = api
        self._speaker = component, instance
        self._now = now
        self._sleep = sleep
        self._pending: OrderedDict[Note, int] = OrderedDict()
        self._known: OrderedDict[Note, Told] = OrderedDict()
        self._waiting = asyncio.Event()
        self.counts: Counter[str] = Counter(sent=0, dropped=0, failed=0)

    def __repr__(self) -> str:
        return f"Recorder(pending={len(self._pending)}, {dict(self.counts)})"

    def take(self, note: Note) -> None:
        """Never waits, never fails."""
        full = note not in self._pending and len(self._pending) >= MOST_PENDING
        if full or not (note.name and note.namespace):  # a pod without owner has no name before it is stored
            self.counts["dropped"] += 1
            return
        self._pending[note] = self._pending.get(note, 0) + 1
        self._waiting.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._waiting.wait()
            await self._sleep(GATHER_S)
            await self.flush([note for note in self._pending if self._due(note)][:MOST_AT_ONCE])
            if not self._pending:
                self._waiting.clear()

    async def flush(self, notes: Iterable[Note] | None = None) -> None:
        """Write these now, or all that is pending. The last one, at the end, may meet a regular one under way."""
        for note in list(self._pending if notes is None else notes):
            if count := self._pending.pop(note, 0):
                await self._write(note, count)

    async def _write(self, note: Note, count: int) -> None:
        try:
            await self._tell(note, count)
            self.counts["sent"] += 1
        except ApiError:
            self.counts["failed"] += 1

    def _due(self, note: Note) -> bool:
        told = self._known.get(note)
        return told is None or self._now() - told.last_s >= COUNT_EVERY_S

    async def _tell(self, note: Note, count: int) -> None:
        now_s = self._now()
        told = self._known.get(note)
        if told is None or now_s - told.first_s >= AGGREGATE_S or not await self._counted(note, told, count):
            # A name yet to be generated ends in '-', which no name may, even less in front of a '.'.
            told = Told(f"{note.name[:236].rstrip('-.')}.{secrets.token_hex(8)}", count, now_s, now_s)
            await self._api.request("POST", _path(note), body=event(note, told, now_s, *self._speaker))
            self._known[note] = told
            if len(self._known) > MOST_KNOWN:
                self._known.popitem(last=False)

    async def _counted(self, note: Note, told: Told, count: int) -> bool:
        """Whether the Event was still there to be counted up: API servers forget them after an hour."""
        now_s = self._now()
        change = {"count": told.count + count, "lastTimestamp": _stamp(now_s)}
        try:
            path = f"{_path(note)}/{told.name}"
            await self._api.request("PATCH", path, body=change, content_type=_MERGE)
        except ApiError as error:
            if error.status == _NOT_FOUND:
                return False
            raise
        told.count, told.last_s = told.count + count, now_s
        return True


def event(note: Note, told: Told, now_s: float, component: str, instance: str) -> Mapping[str, Any]:
    """The Event object (core/v1)."""
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": told.name, "namespace": note.namespace},
        "involvedObject": {
            "apiVersion": note.api_version,
            "kind": note.kind,
            "namespace": note.namespace,
            "name": note.name,
            "uid": note.uid,
        },
        "type": note.type,
        "reason": note.reason,
        "message": note.message,
        "count": told.count,
        "firstTimestamp": _stamp(told.first_s),
        "lastTimestamp": _stamp(now_s),
        "source": {"component": component},
        "reportingComponent": component,
        "reportingInstance": instance,
    }


def _path(note: Note) -> str:
    return f"/api/v1/namespaces/{note.namespace}/events"


def _stamp(wall_s: float) -> str:
    return datetime.fromtimestamp(wall_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
