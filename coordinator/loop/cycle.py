"""One turn of the loop, phase by phase. Nothing that goes wrong in it ends the loop."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from coordinator import journal
from coordinator.loop.act import Act
from coordinator.loop.calculate import Calculate
from coordinator.loop.negotiate import Negotiate
from coordinator.loop.observe import Observe
from coordinator.loop.timing import timed
from coordinator.policy.standdown import StandDown
from coordinator.record import Cycle
from sidecar import clock


class Leading(Protocol):
    """The one writer."""

    @property
    def leading(self) -> bool:
        """We may write now."""
        ...

    @property
    def holder(self) -> str:
        """Who may."""
        ...


class Turn:
    """Runs cycles. `leader` None: nothing is ever written (a dry run). `hindrance()`: why nobody should write."""

    def __init__(
        self,
        observe: Observe,
        calculate: Calculate,
        negotiate: Negotiate,
        act: Act,
        *,
        stand_down: StandDown,
        leader: Leading | None,
        hindrance: Callable[[], Awaitable[str]],
        now: Callable[[], float] = clock.now,
        wall: Callable[[], float] = clock.wall_s,
    ) -> None:
        self._observe = observe
        self._calculate = calculate
        self._negotiate = negotiate
        self._act = act
        self._stand_down = stand_down
        self._leader = leader
        self._hindrance = hindrance
        self._now = now
        self._wall = wall
        self._number = 0

    async def run(self) -> Cycle:
        """One cycle; a defect of ours ends it early and is part of its record."""
        self._number += 1
        leading = self._leader is not None and self._leader.leading
        cycle = Cycle(number=self._number, wall_s=self._wall(), leading=leading, dry_run=self._leader is None)
        try:
            with timed(cycle, "cycle", self._now):
                await self._phases(cycle)
        except Exception as error:  # noqa: BLE001  the next cycle is another one
            journal.failed("cycle", cycle.number, "given up", error)
            cycle.failures.append(repr(error)[:300])
        return cycle

    async def _phases(self, cycle: Cycle) -> None:
        if not cycle.leading:
            self._act.lost()
        await self._observe.run(cycle)
        self._act.judge(cycle)
        await self._calculate.run(cycle)
        cycle.idle = await self._idle()
        if cycle.idle:
            journal.say("negotiate", cycle.number, "nobody is asked", cycle.idle)
            journal.say("act", cycle.number, "nothing is changed", cycle.idle)
            return
        await self._negotiate.run(cycle)
        await self._act.run(cycle)

    async def _idle(self) -> str:
        """Why nothing may be done in this cycle."""
        if self._leader is None:
            return "dry run: nobody is asked, nothing is written"
        if not self._leader.leading:
            return f"not leading: {self._leader.holder or 'nobody'} holds the Lease"
        return await self._hindrance()
