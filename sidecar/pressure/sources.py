"""How much memory the application uses: several sources, in order, the first that knows.

    processes     its processes, in a pod with `shareProcessNamespace` (`pressure.proc` has the rule)
    coordinator   what the coordinator said last, for as long as it is believed
    usage-url     the application's own page of metrics (`pressure.usage`)
    self          the sidecar's own control group: governs the sidecar's own work, never what the app is asked to do

A sidecar cannot see the application's control group. What is missing is said once, then done without.
"""

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from sidecar import clock
from sidecar.pressure.cgroup import Cgroup

PROCESSES: Final = "processes"
COORDINATOR: Final = "coordinator"
USAGE_URL: Final = "usage-url"
SELF: Final = "self"

log = logging.getLogger("equilibrium")


@dataclass(frozen=True, slots=True)
class Reading:
    """What one source knew."""

    usage_bytes: int
    limit_bytes: int | None
    source: str

    @property
    def pressure(self) -> float | None:
        """Use ÷ limit; None where no limit is known."""
        return self.usage_bytes / self.limit_bytes if self.limit_bytes else None

    @property
    def governs_app(self) -> bool:
        """Whether it says anything about the application."""
        return self.source != SELF


class Source(ABC):
    """One way to know."""

    name: str
    missing: str
    """What to tell the operator when it knows nothing."""

    @abstractmethod
    def read(self, now: float) -> Reading | None:
        """What it knows at `now` (seconds); None when nothing. Never raises."""

    async def refresh(self, now: float) -> None:
        """Ask anew, where asking takes time. Never raises."""
        return


class Feed(Source):
    """A value somebody sets, believed until it is `most_age_s` old."""

    def __init__(
        self,
        name: str = COORDINATOR,
        missing: str = "the coordinator says nothing of it",
        most_age_s: float = 45.0,
    ) -> None:
        self.name = name
        self.missing = missing
        self._most_age_s = most_age_s
        self._reading: Reading | None = None
        self._set_at = 0.0

    def set(self, usage_bytes: int, now: float, limit_bytes: int | None = None) -> None:
        """As measured at `now`. Zero or less is no measurement and changes nothing."""
        if usage_bytes > 0:
            limit = limit_bytes if limit_bytes is not None and limit_bytes > 0 else None
            self._reading = Reading(usage_bytes, limit, self.name)
            self._set_at = now

    def read(self, now: float) -> Reading | None:
        """The value while it is believed."""
        return self._reading if now - self._set_at <= self._most_age_s else None


class Sources:
    """The order. `sources`: those of the application that are configured, best first; `own`: our control group.

    `limit_bytes` (`EQUILIBRIUM_MEMORY_LIMIT`) goes before every limit that was found; a source that knows the use
    but no limit borrows that of one further down.
    """

    def __init__(
        self,
        sources: list[Source],
        own: Cgroup | None = None,
        *,
        limit_bytes: int | None = None,
        say: Callable[[str], None] = log.info,
        now: Callable[[], float] = clock.now,
    ) -> None:
        self._sources = sources
        self._own = own
        self._limit_bytes = limit_bytes
        self._say = say
        self._now = now
        self._said: set[str] = set()

    def __repr__(self) -> str:
        return f"Sources({[source.name for source in self._sources]}, own={self._own is not None})"

    def read(self) -> Reading | None:
        """The best there is, our own last."""
        return self.app() or self.own()

    def app(self) -> Reading | None:
        """Of the application: what its admission is governed by. None when nobody knows."""
        now = self._now()
        for number, source in enumerate(self._sources):
            reading = source.read(now)
            if reading is not None:
                return self._limited(reading, self._sources[number + 1 :], now)
            self._missed(source.name, source.missing)
        return None

    def own(self) -> Reading | None:
        """Of the sidecar: what its own work is governed by. None without a memory controller."""
        memory = self._own.memory() if self._own else None
        if memory is None:
            self._missed(SELF, "the sidecar has no control group for memory")
            return None
        return Reading(memory.usage_bytes, memory.limit_bytes, SELF)

    async def refresh(self) -> None:
        """Ask those that take time to ask, one after the other."""
        for source in self._sources:
            await source.refresh(self._now())

    async def fresh(self) -> Reading | None:
        """Ask anew, then the best there is: for decisions that are rare and must be right."""
        await self.refresh()
        return self.read()

    def _limited(self, reading: Reading, others: list[Source], now: float) -> Reading:
        limit = self._limit_bytes or reading.limit_bytes
        for source in others:
            if limit:
                break
            other = source.read(now)
            limit = other.limit_bytes if other else None
        return reading if limit == reading.limit_bytes else replace(reading, limit_bytes=limit)

    def _missed(self, name: str, missing: str) -> None:
        if name not in self._said:
            self._said.add(name)
            self._say(f"memory source {name}: {missing}; working without it")
