"""How busy the machine was, and with whom: figures from a machine shared with others say so."""

import os

from loadtest import procfs
from loadtest.demo.recording import Cores
from sidecar import clock


class Meter:
    """Counts from its making; our processes are this one and all below it, which must still run when asked."""

    def __init__(self) -> None:
        self._start_s = clock.now()
        self._own_s = procfs.cpu_s(os.getpid())
        self._busy_s = _busy_s()

    def read(self) -> Cores:
        """Mean cores in use since then."""
        elapsed_s = max(clock.now() - self._start_s, 1e-9)
        own = (procfs.cpu_s(os.getpid()) - self._own_s) / elapsed_s
        busy = (_busy_s() - self._busy_s) / elapsed_s
        return Cores(own, max(0.0, busy - own), os.cpu_count() or 1)


def _busy_s() -> float:
    return sum(procfs.core_busy_s(core) for core in range(os.cpu_count() or 1))
