"""How hard the pod is pressed, twenty times a second, and who is told: governor, door, demand, flight recorder.

What is measured of the *application* governs what the application is asked to do. Where only the sidecar's own
control group is known, it governs the sidecar's own publishing and nothing else.
"""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from sidecar import clock, recorder
from sidecar.events import BUF_SAT, Bus
from sidecar.policy.demand import Demand
from sidecar.policy.overload.governor import Governor
from sidecar.pressure.cgroup import Cgroup, Throttling
from sidecar.pressure.sources import Reading, Sources
from sidecar.proxy.inbound import Inbound
from sidecar.recorder import Recorder

SENSE_S: Final = 0.05
SAMPLE_S: Final = 0.2
"""Between samples of demand."""
REFRESH_S: Final = 1.0
"""Between visits to sources that take time to ask."""


class Strain:
    """Reads the sources in order and passes on what they say. `folder` None: records are kept, but not written."""

    def __init__(
        self,
        inbound: Inbound,
        sources: Sources,
        bus: Bus,
        *,
        own: Cgroup,
        folder: Path | None,
        workload: str,
    ) -> None:
        self.governor = Governor()  # of what the application is asked to do
        self._own_governor = Governor()  # of what the sidecar itself does besides
        self.demand = Demand()
        self.sources = sources
        self.readings: list[Reading] = []
        """Of the application and of ourselves, where known."""
        self.bus = bus
        self.recorder = Recorder(folder or Path.cwd(), bus, workload)
        self._files = folder is not None
        self._inbound = inbound
        self._own = own
        self._throttling: Throttling | None = None
        self._sampled_at = self._throttled_at = float("-inf")
        self._throttled: float | None = None
        self._full = False

    @property
    def pressed(self) -> bool:
        """Less is done than usual."""
        return self.publishing < 1.0

    @property
    def publishing(self) -> float:
        """Share of its usual publishing (access log) the sidecar allows itself."""
        return min(self.governor.scale, self._own_governor.scale)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self.sense(clock.now())
            await asyncio.sleep(SENSE_S)

    async def refresh(self) -> None:
        """Until cancelled: ask those sources that take time."""
        while True:
            await self.sources.refresh()
            await asyncio.sleep(REFRESH_S)

    def sense(self, now: float) -> None:
        """One look around."""
        own, app = self.sources.own(), self.sources.app()
        self.readings = [reading for reading in (app, own) if reading is not None]
        self._govern(self.governor, app, now)
        self._govern(self._own_governor, own, now)
        door = self._inbound.door
        if door is not None:
            door.gate.admission.scale = self.governor.scale
            door.sweep(now)
            self._saturation(door.gate.admission.room.fill)
        if now - self._sampled_at >= SAMPLE_S - SENSE_S / 2:
            self._sampled_at = now
            self._sample(now)

    def _govern(self, governor: Governor, reading: Reading | None, now: float) -> None:
        for change in governor.sense(reading.pressure if reading is not None else None, now):
            self.bus.publish(change.kind, {"source": reading.source if reading else "none", **change.detail})

    def _saturation(self, fill: float) -> None:
        """A full queue is one event, until it has been half empty again."""
        if fill >= 1.0 and not self._full:
            self._full = True
            self.bus.publish(BUF_SAT, {"queue": "admission", "fill": fill})
        elif fill < 0.5:
            self._full = False

    def _sample(self, now: float) -> None:
        door = self._inbound.door
        ratio = door.gate.admission.latency_ratio if door is not None else None
        self.demand.sample(
            now,
            utilisation=self._inbound.stats.requests_in_flight / self._inbound.limit,
            queue_fill=door.gate.admission.room.fill if door is not None else 0.0,
            latency_ratio=ratio,
            throttled_share=self._throttled_share(now),
        )
        self.recorder.sample(self._values())

    def _throttled_share(self, now: float) -> float | None:
        """Of the last second's scheduling periods, of our own control group: requests and limits are the pod's."""
        if now - self._throttled_at < 1.0:
            return self._throttled
        self._throttled_at = now
        before, self._throttling = self._throttling, self._own.throttling()
        known = before is not None and self._throttling is not None
        self._throttled = (
            self._throttling.share_since(before) if known and self._throttling and before else None
        )
        return self._throttled

    def _values(self) -> Mapping[str, object]:
        door = self._inbound.door
        values: dict[str, object] = {
            recorder.SCALE: self.governor.scale,
            "publishing": self.publishing,
            recorder.IN_FLIGHT: self._inbound.stats.requests_in_flight,
            "demand": self.demand.value,
        }
        if self.governor.pressure is not None:
            values[recorder.PRESSURE] = self.governor.pressure
        if door is not None:
            values[recorder.QUEUED] = door.gate.admission.queued
            values["limit"] = door.gate.admission.slots
        return values

    def memory(self) -> list[dict[str, object]]:
        """What each source says is used, bytes, the one that governs first; `app`: whether it is the application's."""
        return [
            {
                "source": reading.source,
                "usage_bytes": reading.usage_bytes,
                "limit_bytes": reading.limit_bytes,
                "app": reading.governs_app,
            }
            for reading in self.readings
        ]

    async def crashed_or_stopped(self, error: BaseException | None) -> None:
        """Write what led here, if somebody said where and it is worth it."""
        if not self._files:
            return
        if error is not None:
            await asyncio.to_thread(self.recorder.crashed, error)
        else:
            await asyncio.to_thread(self.recorder.terminating, under_pressure=self.pressed)
