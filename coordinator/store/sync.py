"""Keeps a coordinator and a shared store in step, beside everything that answers.

Once a second: reports that came here go there, the epoch in force comes from there (or, from who leads, goes there),
and every five seconds what is said of callers is exchanged. Nobody waits for it: while the store does not answer, the
last good epoch is served until it expires, and who leads works with the reports that come to him. What was lost while
it was away, or flushed, is put there again: reports come every few seconds, and the epoch where its version is not.
"""

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeVar

from coordinator.store.gossip import Gossip
from coordinator.store.interface import Store, Stored, StoreError
from sidecar import clock
from sidecar.supervise import back_off_s

EVERY_S: Final = 1.0
GOSSIP_S: Final = 5.0
MOST_PENDING: Final = 4096
_AWAY: Final = frozenset({"unreachable", "slow"})

log = logging.getLogger("equilibrium.coordinator")
T = TypeVar("T")


class Sync:
    """`leading()`: whether epochs are made here. `current()`: the epoch in force here (as `Stored`, with the seconds it
    has left), None without; `take(stored)`: of another's, raises ValueError for what is no epoch."""

    def __init__(
        self,
        store: Store,
        gossip: Gossip,
        *,
        leading: Callable[[], bool],
        current: Callable[[], tuple[Stored, float] | None],
        version: Callable[[], str],
        take: Callable[[Stored], None],
        report_s: float,
        every_s: float = EVERY_S,
        rng: random.Random | None = None,
    ) -> None:
        self._store = store
        self._gossip = gossip
        self._leading = leading
        self._current = current
        self._version = version
        self._take = take
        self._report_s = report_s
        self._every_s = every_s
        self._rng = rng or random.Random()  # noqa: S311  jitter
        self._pending: dict[str, bytes] = {}
        self._gossiped = float("-inf")
        self._failures = 0
        self._problems: dict[str, str] = {}
        self.counts: Counter[str] = Counter()
        """Failures by reason."""
        self.dropped = 0
        """Reports that found no room to wait in."""

    def __repr__(self) -> str:
        return f"Sync({self._store}, {len(self._pending)} pending, {self._problems})"

    @property
    def up(self) -> bool:
        """The store answered when it was last asked."""
        return not self._failures

    @property
    def problem(self) -> str:
        """What is wrong now; empty: nothing."""
        return "; ".join(f"{what}: {why}" for what, why in sorted(self._problems.items()))

    def report(self, sidecar: str, body: bytes) -> None:
        """To be put there soon; it takes the place of an earlier one that still waits."""
        if sidecar in self._pending or len(self._pending) < MOST_PENDING:
            self._pending[sidecar] = body
        else:
            self.dropped += 1

    async def reports(self) -> Mapping[str, bytes]:
        """Of all coordinators; none while the store does not answer."""
        if self._failures:
            return {}
        return await self._tried("reports", self._store.reports) or {}

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            away = await self.once()
            self._failures = self._failures + 1 if away else 0
            await asyncio.sleep(back_off_s(self._failures, self._rng) if away else self._every_s)

    async def once(self) -> bool:
        """One round; whether the store is away. A write it refuses (it is full) does not end the reading."""
        steps: tuple[tuple[str, Callable[[], Awaitable[object]]], ...] = (
            ("epoch", self._epoch),
            ("report", self._put_reports),
            ("gossip", self._exchange),
        )
        for what, step in steps:
            await self._tried(what, step)
            if any(self._problems.get(what, "").startswith(reason) for reason in _AWAY):
                return True
        return False

    async def _epoch(self) -> None:
        there = await self._store.version()
        if self._leading():
            current = self._current()
            if current is not None and there != current[0].version:
                await self._store.put_epoch(*current)
        elif there and there != self._version():
            stored = await self._store.epoch()
            if stored is not None:
                try:
                    self._take(stored)
                except ValueError as error:
                    raise StoreError("unreadable", str(error)[:200]) from None

    async def _put_reports(self) -> None:
        if not self._pending:
            return
        going, self._pending = self._pending, {}
        try:
            await self._store.put_reports(going, self._report_s)
        except StoreError as error:
            if error.reason in _AWAY:
                self._pending = going | self._pending  # newer ones stay
            raise

    async def _exchange(self) -> None:
        if clock.now() - self._gossiped < GOSSIP_S:
            return
        self._gossiped = clock.now()
        told = await self._store.gossip(self._gossip.known)
        self._gossip.hear(told.values(), clock.wall_s())

    async def _tried(self, what: str, step: Callable[[], Awaitable[T]]) -> T | None:
        """Failures are counted all, and logged when they begin, change, and end."""
        try:
            found = await step()
        except StoreError as error:
            self.counts[error.reason] += 1
            if not self._problems.get(what, "").startswith(error.reason):
                log.warning("the store: %s: %s; what is known here is served meanwhile", what, error)
            self._problems[what] = str(error)
            return None
        if self._problems.pop(what, ""):
            log.warning("the store: %s works again", what)
        return found
