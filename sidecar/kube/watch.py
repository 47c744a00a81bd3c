"""Following one collection of an API server: list, watch, and list again when the server has forgotten.

    list                           `replaced(everything)`; its resourceVersion is where the watch begins
    ADDED, MODIFIED, DELETED       `changed(type, object)`; the object's version is where the next watch begins
    BOOKMARK                       only moves that version on
    the stream ends or breaks      watch again from there, once the server can be reached
    410, as answer or as event     list again: the server no longer has that version
    silence, anything else         list again: a version from the future (a restored etcd) is answered by silence

No attempt follows another at once: the wait doubles up to 3 s, whatever the reason, and starts over after a stream
that held. Other clients hot-loop on a stream that ends at once, or retry a 410 with the same version.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Final

from sidecar import clock
from sidecar.kube.backoff import LONGEST_S, REFUSED_S, Backoff
from sidecar.kube.client import IDLE_S, ApiError, Client, Object
from sidecar.kube.errors import UNREACHABLE

HELD_S: Final = 5.0
"""A stream that was open this long, and said something, has worked."""
LONGEST_WATCH_S: Final = 300
MOST_PATIENCE_S: Final = 30.0
"""Of a server's Retry-After."""

Replaced = Callable[[list[Object]], None]
Changed = Callable[[str, Object], None]


def stripped(found: Object) -> Object:
    """Without `managedFields`, which is half of an object and of no use to those who only read."""
    meta = found.get("metadata")
    if isinstance(meta, dict):
        meta.pop("managedFields", None)
    return found


class Reflector:
    """Tells what a collection holds. `keep` reduces each object before it is handed on or kept in a list.

    `failed` is told once per kind of mishap; what was told before stays true until `replaced` says otherwise.
    """

    def __init__(
        self,
        client: Client,
        path: str,
        replaced: Replaced,
        changed: Changed,
        *,
        failed: Callable[[ApiError], None] = lambda _: None,
        keep: Callable[[Object], Object] = stripped,
        query: Mapping[str, str] | None = None,
        idle_s: float = IDLE_S,
        rng: random.Random | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        now: Callable[[], float] = clock.now,
    ) -> None:
        self._client = client
        self._path = path
        self._replaced = replaced
        self._changed = changed
        self._failed = failed
        self._keep = keep
        self._query = dict(query or {})
        self._idle_s = idle_s
        self._rng = rng or random.Random()  # noqa: S311 (jitter)
        self._backoff = Backoff(self._rng)
        self._sleep = sleep
        self._now = now
        self._version: str | None = None
        self._heard = False
        self._told: tuple[int, str] | None = None
        self.synced = False
        """It has been listed at least once."""
        self.heard_at: float | None = None
        """When the server last said anything that was understood, by `now`."""

    def __repr__(self) -> str:
        return f"Reflector({self._path}, version={self._version}, synced={self.synced})"

    async def run(self) -> None:
        """Until cancelled. May be run again, and begins with a list."""
        self._version = None
        while True:
            started = self._now()
            self._heard = False
            error = await self._once()
            if self._heard and self._now() - started >= HELD_S:
                self._backoff.reset()
            await self._sleep(self._delay_s(error))

    async def once(self) -> None:
        """List and do not watch. Raises `ApiError`."""
        self._version = await self._list()
        self.synced = True
        self._well()

    async def _once(self) -> ApiError | None:
        """One list where needed and one watch; how it ended."""
        try:
            if self._version is None:
                await self.once()
            await self._watch(self._version or "")
        except ApiError as error:
            if error.reason != UNREACHABLE:
                self._version = None
            self._report(error)
            return error
        return None

    async def _list(self) -> str:
        found: list[Object] = []
        version = ""
        async with aclosing(self._client.pages(self._path, **self._query)) as pages:
            async for items, at in pages:
                found += map(self._keep, items)
                version = at
        self._replaced(found)
        return version

    async def _watch(self, version: str) -> None:
        # Not everybody's stream shall end at the same time.
        timeout_s = int(LONGEST_WATCH_S * self._rng.uniform(0.8, 1.0))
        watching = self._client.watch(
            self._path, version, timeout_s=timeout_s, idle_s=self._idle_s, **self._query
        )
        async with aclosing(watching) as events:
            async for kind, found in events:
                meta = found.get("metadata")
                if kind != "BOOKMARK":
                    self._changed(kind, self._keep(found))
                if isinstance(meta, dict) and meta.get("resourceVersion"):
                    self._version = meta["resourceVersion"]
                self._well()

    def _well(self) -> None:
        self._heard = True
        self._told = None
        self.heard_at = self._now()

    def _report(self, error: ApiError) -> None:
        if not error.gone and self._told != (error.status, error.reason):
            self._told = error.status, error.reason
            self._failed(error)

    def _delay_s(self, error: ApiError | None) -> float:
        if error is None:
            return self._backoff.next_s()
        longest_s = REFUSED_S if error.status in (403, 404) else LONGEST_S
        return self._backoff.next_s(
            longest_s=longest_s, least_s=min(error.retry_after_s or 0.0, MOST_PATIENCE_S)
        )
