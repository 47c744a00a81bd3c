"""The live page as a room of the coordinator: /live and what is below it."""

import asyncio
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from aiohttp import web
from prometheus_client import Gauge
from prometheus_client.registry import Collector

from coordinator.live import market, routing
from coordinator.live.access import Access
from coordinator.live.happenings import Happenings
from coordinator.live.sources import Sources
from coordinator.room import Task
from dashboards.live import frame
from dashboards.live.stream import Stream
from sidecar import clock
from sidecar.game import nash
from sidecar.policy.auth import Verifier

EVERY_S: Final = 1.0
POTENTIALS: Final = 120
OBEDIENCE: Final = 0.05
"""ε of the sidecars' default settings (docs/advice.md)."""


class Live:
    """`verifier`: None where there is no mesh key; then only loopback may look."""

    def __init__(self, sources: Sources, verifier: Verifier | None, *, every_s: float = EVERY_S) -> None:
        self._sources = sources
        self._every_s = every_s
        self._happenings = Happenings()
        self._potentials: deque[float] = deque(maxlen=POTENTIALS)
        self._cycle: object | None = None
        self._told: Mapping[str, object] | None = None
        self._told_at = 0.0
        self.stream = Stream(self._frame, Access(verifier).refusal, every_s=every_s)
        self._watching = Gauge("equilibrium_live_watchers", "Pages that watch /live now.", registry=None)
        self._watching.set_function(lambda: len(self.stream.watchers))

    def routes(self) -> Sequence[web.AbstractRouteDef]:
        """Of the plain port."""
        return self.stream.routes()

    def tasks(self) -> Mapping[str, Task]:
        """The frames, and the notes of what happens while nobody watches."""
        return {"live": self.stream.run, "live-notes": self._notes}

    def collectors(self) -> Iterable[Collector]:
        """How many watch."""
        return [self._watching]

    def state(self) -> dict[str, object]:
        """Who watches."""
        return {"watchers": len(self.stream.watchers), "frames": self.stream.made}

    async def close(self) -> None:
        """Nothing: its tasks and connections are the program's."""

    async def _notes(self) -> None:
        while True:
            self.note()
            await asyncio.sleep(self._every_s)

    def note(self) -> None:
        """Look at what is new; costs next to nothing where nothing is."""
        wall_s = clock.wall_s()
        cycle = self._sources.cycle()
        if cycle is not None and cycle is not self._cycle:
            told = self._sources.told(cycle)
            self._cycle, self._told, self._told_at = cycle, told, wall_s
            if told["potential"] is not None:
                self._potentials.append(told["potential"])
            self._happenings.cycled(told, wall_s)
        self._happenings.reported(self._sources.heard.reports, wall_s)

    async def _frame(self) -> frame.Frame:
        self.note()
        wall_s, reports = clock.wall_s(), dict(self._sources.heard.reports)
        drawn = routing.picture(reports, self._ages_s(reports), self._sources.epoch(), wall_s)
        told = self._told
        return frame.Frame(
            at=wall_s,
            source=self._source(drawn.left_out),
            services=drawn.services,
            reputations=routing.reputations(reports),
            market=market.of(told, self._told_at, tuple(self._potentials)) if told is not None else None,
            events=self._happenings.log.events,
        )

    def _ages_s(self, reports: Iterable[str]) -> dict[str, float]:
        now = clock.now()
        return {sidecar: now - self._sources.heard.heard_at(sidecar) for sidecar in reports}

    def _source(self, left_out: int) -> frame.Source:
        return frame.Source(
            kind="coordinator",
            name=f"coordinator {self._sources.name}",
            every_s=self._every_s,
            note=self._sources.leader() or None,
            problem=f"{left_out} rows with the fewest requests are not shown" if left_out else None,
            tolerance=nash.TOLERANCE,
            obedience=OBEDIENCE,
        )
