"""What a scenario is given: processes that end with it, how long to play, whom to tell, what the application can do."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from loadtest import processes
from loadtest.bench.progress import Progress
from loadtest.mesh import addresses
from loadtest.scenarios import application, calibration

START_S = 6.0
"""About what it takes to start and end the processes of one arm."""


class Stage:
    """One run's. `directory` holds logs and files; `quick` asks for shorter play."""

    def __init__(self, directory: Path, going: Progress, *, quick: bool = False) -> None:
        self.directory = directory
        self.quick = quick
        self._going = going
        self._capacity: float | None = None

    def seconds(self, full: float, quick: float) -> float:
        """Whichever was asked for."""
        return quick if self.quick else full

    def done(self, planned_s: float, line: str) -> None:
        """Something that was planned to take so long is over; tell how far the run is."""
        self._going.done(planned_s, line)

    def say(self, line: str) -> None:
        """Tell something that takes no time of its own."""
        self._going.done(0.0, line)

    @contextlib.contextmanager
    def children(self, name: str) -> Iterator[processes.Children]:
        """The processes of one arm, with a directory of their own; all are ended on the way out."""
        made = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self.directory))
        with processes.Children(made) as started:
            yield started

    @contextlib.contextmanager
    def nets(self, count: int) -> Iterator[list[addresses.Net]]:
        """So many loopback /24s of our own: who connects from where matters here."""
        with contextlib.ExitStack() as held:
            found = []
            for _ in range(count):
                found.append(addresses.Net())
                held.callback(found[-1].release)
            yield found

    def capacity(self) -> float:
        """Requests per second the application can answer, measured once a run without a sidecar."""
        if self._capacity is None:
            with self.children("calibration") as started:
                self._capacity = calibration.measure(started, quick=self.quick)
            self.done(
                calibration.planned_s(quick=self.quick),
                f"the application alone answers {self._capacity:.0f}/s ({application.WORDS})",
            )
        return self._capacity
