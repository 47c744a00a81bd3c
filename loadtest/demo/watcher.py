"""Reads the gateway sidecar's `/state` four times a second, never in the way of load."""

from collections.abc import Callable, Mapping
from typing import Any

from loadtest import poller
from loadtest.demo import chapters, events, recording
from sidecar import clock

EVERY_S = 0.25


class Watcher(poller.Poller):
    """Readings by service and the events between them. Start it, read its lists at any time, stop it."""

    def __init__(self, ask: Callable[[], Mapping[str, Any]]) -> None:
        super().__init__("watcher", EVERY_S)
        self.readings: dict[str, list[recording.Reading]] = {route.service: [] for route in chapters.ROUTES}
        self.events: list[recording.Event] = []
        self._ask = ask

    def latest(self, service: str) -> recording.Reading | None:
        """The last reading of a service."""
        found = self.readings[service]
        return found[-1] if found else None

    def poll(self) -> None:
        """One answer becomes a reading of every service it names."""
        state = self._ask()
        at_s = clock.now()
        for service, found in self.readings.items():
            said = state["services"].get(service)
            if said is not None:
                after = recording.reading(at_s, said)
                self.events += events.between(service, self.latest(service), after)
                found.append(after)
