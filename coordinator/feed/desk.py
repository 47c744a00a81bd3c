"""Questions and answers: who waits for what, and when he is told.

A question with news is answered at once; one without is held until one of its services, or who calls, has changed,
and costs nothing meanwhile. Changes that come together are told together, and after many were told the next round
waits a little: a rolling update of something that a thousand sidecars use would otherwise be all that this process
does.
"""

import asyncio
import contextlib
import secrets
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from coordinator.callers.who import Refused
from coordinator.feed.answer import Answer
from coordinator.feed.audience import Audience
from coordinator.feed.question import Question
from coordinator.feed.table import Table
from sidecar import clock

GATHER_S: Final = 0.02
"""Between a change and the word of it."""
BREATH_S: Final = 0.0002
"""For each one who was told, before the next round."""
CALLERS_SHARE: Final = 10.0
"""Who calls whom is worked out again after ten times what it took, at the earliest."""
MOST_HELD: Final = 10_000
MOST_PER_POD: Final = 8
"""A sidecar has one question open; one that is being replaced, and hung-up ones not noticed yet, some more."""
MOST_MADE: Final = 512
"""Different answers kept for those who ask the same."""
MOST_MADE_BYTES: Final = 16 * 1024 * 1024
"""In them."""

Waiter = asyncio.Future[float]
_CALLERS: Final = "@"
"""Before a workload: the name under which its callers are waited for."""


class Desk:
    """`ready`: empty, or why nothing can be told yet."""

    def __init__(
        self,
        table: Table,
        audience: Audience,
        ready: Callable[[], str],
        *,
        now: Callable[[], float] = clock.now,
        epoch: str | None = None,
    ) -> None:
        self.epoch = epoch or secrets.token_hex(4)
        self._table = table
        self._audience = audience
        self._ready = ready
        self._now = now
        self._waiting: dict[str, dict[Waiter, None]] = {}
        self._held: Counter[str] = Counter()
        self._made: dict[tuple[tuple[str, ...], int | None, bytes | None], Answer] = {}
        self._made_of = -1
        self._made_bytes = 0
        self._dirty = asyncio.Event()
        self._dirty_at = 0.0
        self._callers_at = 0.0
        self.held = 0
        """Questions that wait."""
        self.changes: Counter[str] = Counter()
        """Told so far: of services, of callers."""

    def __repr__(self) -> str:
        return f"Desk({self.version}, {self.held} held)"

    @property
    def version(self) -> str:
        """Of what is known now."""
        return f"{self.epoch}.{self._table.number}"

    def changed(self) -> None:
        """Something may have: whoever waits for it is told, in a moment."""
        if not self._dirty.is_set():
            self._dirty_at = self._now()
            self._dirty.set()

    async def answer(self, question: Question, pod: str, told: Callable[[float], None]) -> Answer:
        """Raise `Refused`. `pod`: who asks, for limits, "" unknown; `told`: seconds since the change, if it waited."""
        if why := self._ready():
            raise Refused(503, f"{why}; ask again", 1.0)
        if question.workload:
            asked = {entry.key for entry in self._table.find(question.services)}
            self._audience.asked(question.workload, asked, self._now())
            if self._audience.stale:
                self.changed()
        found = self._look(question)
        if not found.empty or not question.wait_s:
            return found
        with self._place(pod):
            return await self._held_back(question, told)

    async def run(self) -> None:
        """Tell those who wait, round after round, until cancelled."""
        while True:
            await self._dirty.wait()
            await asyncio.sleep(GATHER_S)
            changed_at = self._dirty_at
            self._dirty.clear()
            told = self._round(changed_at)
            await asyncio.sleep(told * BREATH_S)

    def forget(self) -> None:
        """What is too long ago."""
        self._audience.forget(self._now())
        self.changed()

    # -- holding

    @contextmanager
    def _place(self, pod: str) -> Iterator[None]:
        if self.held >= MOST_HELD:
            raise Refused(503, f"{MOST_HELD} questions are open already", 3.0)
        if pod and self._held[pod] >= MOST_PER_POD:
            raise Refused(429, f"{MOST_PER_POD} questions of pod {pod} are open already; allowed: one", 1.0)
        self.held += 1
        self._held[pod] += 1
        try:
            yield
        finally:
            self.held -= 1
            self._held[pod] -= 1
            if not self._held[pod]:
                del self._held[pod]

    async def _held_back(self, question: Question, told: Callable[[float], None]) -> Answer:
        """Until there is news, or for as long as it may."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(question.wait_s):
                while True:  # a round may be about what this one knows already
                    changed_at = await self._woken(question)
                    if not (answer := self._look(question)).empty:
                        told(self._now() - changed_at)
                        return answer
        return self._look(question)

    async def _woken(self, question: Question) -> float:
        """When the change was that the round is about."""
        waiter: Waiter = asyncio.get_running_loop().create_future()
        names = (*question.services, _CALLERS + question.workload)
        for name in names:
            self._waiting.setdefault(name, {})[waiter] = None
        try:
            return await waiter
        finally:
            for name in names:
                del self._waiting[name][waiter]
                if not self._waiting[name]:
                    del self._waiting[name]

    def _round(self, changed_at: float) -> int:
        """Wake whoever waits for what has changed: how many."""
        services = self._table.news()
        callers = self._callers()
        self.changes["services"] += len(services)
        self.changes["callers"] += len(callers)
        names = {name for entry in services for name in entry.concerns()}
        names.update(_CALLERS + workload for workload in callers)
        waiters = {waiter for name in names for waiter in self._waiting.get(name, ()) if not waiter.done()}
        for waiter in waiters:
            waiter.set_result(changed_at)
        return len(waiters)

    def _callers(self) -> list[str]:
        """Workloads with other callers; not too often, since it is about everybody."""
        began = self._now()
        if self._audience.stale and began < self._callers_at:
            asyncio.get_running_loop().call_later(self._callers_at - began, self.changed)
            return []
        found = self._audience.news()
        ended = self._now()
        self._callers_at = ended + CALLERS_SHARE * (ended - began)
        return found

    # -- looking up

    def _look(self, question: Question) -> Answer:
        """What is new to whoever asks; the same bytes for all who ask the same."""
        since = self._since(question.since)
        group = self._audience.group(question.workload, self._now()) if question.workload else None
        news = group is not None and (since is None or group.changed > since)
        callers = group.body if group is not None and news else None
        full = len(self._made) >= MOST_MADE or self._made_bytes >= MOST_MADE_BYTES
        if self._made_of != self._table.number or full:
            self._made, self._made_of, self._made_bytes = {}, self._table.number, 0
        key = question.services, since, callers
        answer = self._made.get(key)
        if answer is None:
            answer = self._made[key] = self._make(question.services, since, callers)
            self._made_bytes += len(answer.body)
        return answer

    def _make(self, services: tuple[str, ...], since: int | None, callers: bytes | None) -> Answer:
        found = self._table.find(services)
        if since is None:
            told = [each.body for each in found if not each.names.isdisjoint(services)]
        else:
            told = [body for each in found if (body := each.told(services, since)) is not None]
        return Answer(self.version, told, callers, full=since is None)

    def _since(self, version: str | None) -> int | None:
        """None: what was known by then is not known here, and everything has to be told."""
        epoch, _, number = (version or "").rpartition(".")
        if epoch != self.epoch or not (number.isascii() and number.isdigit() and len(number) < 19):
            return None
        return int(number) if self._table.horizon <= int(number) <= self._table.number else None
