"""What sidecars said, here and (with a shared store) at the other coordinators."""

import asyncio
from collections.abc import Mapping
from typing import Final

import orjson

from coordinator.policy.advice import report as reading
from coordinator.policy.advice.adviser import Adviser, Full
from coordinator.policy.advice.report import Report
from coordinator.store.gossip import Gossip
from coordinator.store.interface import Standing
from coordinator.store.sync import Sync
from sidecar import clock

_NEWER_S: Final = 0.5
"""By so much a report elsewhere must be newer to take the place of one that came here: clocks differ."""


class Reports:
    """Everything heard goes to the adviser, what is said of callers to the gossip, and both to the store."""

    def __init__(self, adviser: Adviser, gossip: Gossip, sync: Sync | None) -> None:
        self._adviser = adviser
        self._gossip = gossip
        self._sync = sync
        self._stamps: dict[str, float] = {}
        self.unreadable = 0
        """Of the store's."""

    def heard(self, report: Report, body: bytes) -> None:
        """From a sidecar itself. Raises `Full`."""
        wall_s = clock.wall_s()
        self._adviser.heard(report, clock.now())
        self._gossip.hear(
            (
                Standing(
                    caller=said.caller,
                    target=report.workload,
                    score=said.score,
                    punished=said.punished,
                    at=wall_s,
                )
                for said in report.reputations
            ),
            wall_s,
        )
        if self._sync is not None:
            self._sync.report(report.sidecar, b"%.3f " % wall_s + body)

    async def gather(self) -> None:
        """Those of the other coordinators, before an epoch; without a store that answers there are none."""
        if self._sync is None:
            return
        stored = await self._sync.reports()
        fresh = await asyncio.to_thread(_read, stored, self._stamps)
        self._stamps = {name: stamp for name, stamp in self._stamps.items() if name in stored}
        for at, report in fresh:
            if report is None:
                self.unreadable += 1
            else:
                self._take(report, at)

    def _take(self, report: Report, at: float) -> None:
        heard_at = clock.now() - max(clock.wall_s() - at, 0.0)
        known = report.sidecar in self._adviser.reports
        if known and heard_at < self._adviser.heard_at(report.sidecar) + _NEWER_S:
            return
        try:
            self._adviser.heard(report, heard_at)
        except Full:
            self.unreadable += 1


def _read(stored: Mapping[str, bytes], stamps: dict[str, float]) -> list[tuple[float, Report | None]]:
    """Those that are new; None for what cannot be read. In a thread: hundreds may come at once."""
    found: list[tuple[float, Report | None]] = []
    for sidecar, body in stored.items():
        stamp, _, plain = body.partition(b" ")
        try:
            at = float(stamp)
            if stamps.get(sidecar) == at:
                continue
            stamps[sidecar] = at
            report = reading.read(orjson.loads(plain))
            found.append((at, report if report.sidecar == sidecar else None))
        except ValueError:
            found.append((0.0, None))
    return found
