"""Reads the gateway sidecar's `/state` four times a second in a thread of its own, never in the way of load."""

import threading
from collections.abc import Callable, Mapping
from typing import Any

from loadtest import mesh
from loadtest.demo import chapters, events, recording
from sidecar import clock

EVERY_S = 0.25


class Watcher:
    """Readings by service and the events between them. Start it, read its lists at any time, stop it."""

    def __init__(self, ask: Callable[[], Mapping[str, Any]]) -> None:
        self.readings: dict[str, list[recording.Reading]] = {route.service: [] for route in chapters.ROUTES}
        self.events: list[recording.Event] = []
        self.missed = 0
        """Polls nobody answered."""
        self.broke: Exception | None = None
        self._ask = ask
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watcher", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Return when it has ended; raises what it stumbled over."""
        self._stopping.set()
        self._thread.join()
        if self.broke is not None:
            raise self.broke

    def latest(self, service: str) -> recording.Reading | None:
        """The last reading of a service."""
        found = self.readings[service]
        return found[-1] if found else None

    def _run(self) -> None:
        due_s = clock.now()
        while not self._stopping.wait(max(0.0, due_s - clock.now())):
            due_s = max(due_s + EVERY_S, clock.now())
            try:
                self._take(self._ask())
            except (OSError, mesh.AnswerError):
                self.missed += 1
            except Exception as error:  # noqa: BLE001 - told in `stop`, in the thread that cares
                self.broke = error
                return

    def _take(self, state: Mapping[str, Any]) -> None:
        at_s = clock.now()
        for service, found in self.readings.items():
            said = state["services"].get(service)
            if said is not None:
                after = recording.reading(at_s, said)
                self.events += events.between(service, self.latest(service), after)
                found.append(after)
