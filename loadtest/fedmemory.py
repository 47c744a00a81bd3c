"""Another process's resident memory over time, sampled beside whatever else is done."""

import threading
from types import TracebackType
from typing import Final

from loadtest import procfs
from sidecar import clock

EVERY_S: Final = 0.1


class Memory:
    """A context manager: it looks while the block runs."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._samples: list[tuple[float, float]] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Memory":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(EVERY_S):
            self._samples.append((clock.now(), procfs.rss_bytes(self._pid) / 1e6))

    @property
    def last_mb(self) -> float:
        """At the end; 0 where the block was over before it was looked at."""
        return self._samples[-1][1] if self._samples else 0.0

    @property
    def highest_mb(self) -> float:
        """Of all that was seen."""
        return max((mb for _, mb in self._samples), default=0.0)

    def highest_of(self, since_s: float, each_s: float, count: int) -> list[float]:
        """Of `count` stretches of `each_s` seconds from `since_s` on, those that were seen."""
        found: dict[int, float] = {}
        for at, mb in self._samples:
            number = int((at - since_s) // each_s)
            if 0 <= number < count:
                found[number] = max(found.get(number, 0.0), mb)
        return [found[number] for number in sorted(found)]
