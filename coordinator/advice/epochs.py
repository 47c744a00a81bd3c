"""Who leads works an epoch out, again and again, in a thread. One that fails leaves the last in force."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from typing import Final

import numpy as np

from coordinator.advice.board import Board
from coordinator.advice.reports import Reports
from coordinator.policy.advice.adviser import Adviser, Brief, work_out
from coordinator.policy.advice.epoch import Epoch
from sidecar import clock

LOOK_S: Final = 0.2
"""How soon it is noticed that this one leads, or leads no more: a Lease ends by the clock, which tells nobody."""
SOON_S: Final = 2.0
"""After an epoch that advised nobody (reports have still to come) the next is tried so soon."""

log = logging.getLogger("equilibrium.coordinator")

WorkOut = Callable[[Brief, np.random.Generator], Epoch]


class Epochs:
    """`leading()`: whether this process may; `seconds`: what the last ones took."""

    def __init__(
        self,
        adviser: Adviser,
        board: Board,
        reports: Reports,
        leading: Callable[[], bool],
        *,
        work: WorkOut = work_out,
        rng: np.random.Generator | None = None,
    ) -> None:
        self._adviser = adviser
        self._board = board
        self._reports = reports
        self._leading = leading
        self._work = work
        self._rng = rng or np.random.default_rng()
        self.results: Counter[str] = Counter(done=0, failed=0, skipped=0, lost=0)
        """How epochs ended."""
        self.spent_s = 0.0
        """On all of them, working."""
        self.problem = ""
        """Why the last one failed, or what it had no time for."""

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            while not self._leading():  # noqa: ASYNC110  nobody tells
                await asyncio.sleep(LOOK_S)
            began = clock.now()
            advised = await self.once()
            period_s = self._adviser.config.epoch_s
            until = began + (period_s if advised else min(period_s, SOON_S))
            if clock.now() >= until and advised:
                self.results["skipped"] += int((clock.now() - began) // period_s)
            while self._leading() and clock.now() < until:  # noqa: ASYNC110  nobody tells
                await asyncio.sleep(max(min(until - clock.now(), LOOK_S), 0.0))

    async def once(self) -> bool:
        """One epoch; whether anybody was advised."""
        try:
            await self._reports.gather()
            began = clock.now()
            until = began + self._adviser.config.work_s
            brief = self._adviser.brief(began, clock.wall_s(), lambda: until - clock.now())
            epoch = await asyncio.to_thread(self._work, brief, self._rng)
            self.spent_s += clock.now() - began
        except Exception as error:  # noqa: BLE001  the next epoch is another one
            self._failed(error)
            return False
        if not self._leading():
            self.results["lost"] += 1  # somebody else leads now, and has the word
            return False
        late = sum(solved.late for solved in epoch.games.values())
        self.results["done"] += 1
        self.problem = f"no time for {late} service(s): what was told of them last stays" if late else ""
        self._board.worked_out(epoch.after(self._board.epoch))
        return bool(epoch.columns)

    def _failed(self, error: Exception) -> None:
        self.results["failed"] += 1
        known, self.problem = self.problem, repr(error)[:300]
        if known != self.problem:
            log.error("an epoch of advice failed; the last one stays until it expires", exc_info=error)
