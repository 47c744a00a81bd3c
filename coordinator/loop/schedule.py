"""When cycles run: on a monotonic grid, at once after an election, never two at a time, and never to catch up."""

import asyncio
from collections.abc import Awaitable, Callable

from coordinator import journal
from sidecar import clock

Sleep = Callable[[float], Awaitable[None]]


class Schedule:
    """Runs `turn` every `cycle_s` until stopped. `soon` cuts the wait short: whoever is elected acts at once."""

    def __init__(
        self,
        turn: Callable[[], Awaitable[None]],
        cycle_s: float,
        *,
        now: Callable[[], float] = clock.now,
    ) -> None:
        self._turn = turn
        self._cycle_s = cycle_s
        self._now = now
        self._soon = asyncio.Event()
        self.stopping = False
        self.skipped = 0
        """Cycles that were due while another still ran."""

    def __repr__(self) -> str:
        return f"Schedule(every {self._cycle_s:g} s, skipped={self.skipped}, stopping={self.stopping})"

    def soon(self) -> None:
        """Do not wait for the next point of the grid."""
        self._soon.set()

    def stop(self) -> None:
        """Begin no further cycle; the one that runs ends."""
        self.stopping = True
        self._soon.set()

    async def run(self) -> None:
        """Until stopped."""
        due = self._now()
        while not self.stopping:
            self._soon.clear()
            await self._turn()
            due = self.following(due)
            if not self.stopping:
                await self._wait(due - self._now())

    def following(self, due: float) -> float:
        """The next point of the grid that is not over. A clock that went back begins another grid."""
        now = self._now()
        due += self._cycle_s
        if now > due:
            late = int((now - due) // self._cycle_s) + 1
            self.skipped += late
            journal.log.warning("a cycle took longer than %g s: %d skipped", self._cycle_s, late)
            due += late * self._cycle_s
        return min(due, now + self._cycle_s)

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(max(0.0, seconds)):
                await self._soon.wait()
        except TimeoutError:
            return
