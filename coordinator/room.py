"""What the coordinator serves beside its market: rooms, each with its routes, tasks, metrics and place in `/state`."""

import logging
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from typing import Protocol

from aiohttp import web
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

log = logging.getLogger("equilibrium.coordinator")

Task = Callable[[], Coroutine[None, None, None]]


class Room(Protocol):
    """Built with the program, run only where it serves (not with `--once`)."""

    def routes(self) -> Sequence[web.AbstractRouteDef]:
        """Of the plain port."""
        ...

    def tasks(self) -> Mapping[str, Task]:
        """By name; run until cancelled, and begun again when they fail. The program owns them."""
        ...

    def collectors(self) -> Iterable[Collector]:
        """Of its metrics."""
        ...

    def state(self) -> dict[str, object]:
        """Under its name in `/state`: plain values."""
        ...

    async def close(self) -> None:
        """End what its tasks do not own. Safe to repeat."""
        ...


class Sheltered(Collector):
    """A room's collector: a defect in it costs its metrics, and not the page with everybody else's."""

    def __init__(self, room: str, collector: Collector) -> None:
        self._room = room
        self._collector = collector
        self._failed = False

    def collect(self) -> Iterable[Metric]:
        """At a scrape."""
        try:
            found = list(self._collector.collect())
        except Exception:
            if not self._failed:
                log.exception("metrics of the room %s failed", self._room)
            self._failed = True
            return []
        self._failed = False
        return found


def told(room: Room) -> dict[str, object]:
    """For `/state`: a defect in one room hides that room, and not the market."""
    try:
        return room.state()
    except Exception as error:  # noqa: BLE001  see above
        return {"problem": repr(error)[:300]}
