"""Asks again and again, in a thread of its own, so that nothing that is measured waits for it."""

import threading
from abc import ABC, abstractmethod

from loadtest import mesh
from sidecar import clock


class Poller(ABC):
    """Calls `poll` every `every_s` seconds between `start` and `stop`; one that is late makes up for nothing."""

    def __init__(self, name: str, every_s: float) -> None:
        self.missed = 0
        """Polls nobody answered."""
        self.broke: Exception | None = None
        self._every_s = every_s
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @abstractmethod
    def poll(self) -> None:
        """Ask once and keep the answer. OSError and AnswerError count as missed."""

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Return when it has ended; raises what it stumbled over."""
        self._stopping.set()
        self._thread.join()
        if self.broke is not None:
            raise self.broke

    def _run(self) -> None:
        due_s = clock.now()
        while not self._stopping.wait(max(0.0, due_s - clock.now())):
            due_s = max(due_s + self._every_s, clock.now())
            try:
                self.poll()
            except (OSError, mesh.AnswerError):
                self.missed += 1
            except Exception as error:  # noqa: BLE001 - told in `stop`, in the thread that cares
                self.broke = error
                return
