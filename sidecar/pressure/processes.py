"""The application's memory, from its processes: the best source, where the pod shares its process namespace."""

from typing import Final

from sidecar.pressure.cgroup import Cgroup
from sidecar.pressure.proc import Processes
from sidecar.pressure.sources import PROCESSES, Reading, Source

RESCAN_S: Final = 2.0
"""Processes are looked for this often; those that are known are measured at every look."""
_REST_S: Final = 0.002
"""Between two measurements, for each process: a thousand of them must not cost a core."""


class AppProcesses(Source):
    """The application's processes: exactly, from their control group, where we may look; else their resident memory.

    A look into their control group goes through `/proc/PID/root` and takes the application's user id.
    """

    name = PROCESSES
    missing = "no processes of the application are visible (shareProcessNamespace is off, or this is no pod)"

    def __init__(self, processes: Processes | None = None) -> None:
        self._processes = processes or Processes()
        self._pids: list[int] = []
        self._group: Cgroup | None = None
        self._looked_at = self._measured_at = float("-inf")
        self._last: Reading | None = None

    def read(self, now: float) -> Reading | None:
        """Blocking, some 20 µs a process; the last reading when the time has not come for another."""
        if now - self._looked_at >= RESCAN_S:
            self._looked_at = now
            self._look()
        if now - self._measured_at >= _REST_S * len(self._pids):
            self._measured_at = now
            self._last = self._measure()
        return self._last

    def _look(self) -> None:
        before, self._pids = self._pids, self._processes.application()
        if self._pids == before and self._group is not None:
            return
        groups = {self._processes.group(pid) for pid in self._pids}
        # Several containers have several limits, and nobody says which is the application's.
        first = self._pids[0] if len(groups) == 1 else None
        group = Cgroup(self._processes.root(first), first) if first is not None else None
        self._group = group if group is not None and group.memory() is not None else None

    def _measure(self) -> Reading | None:
        memory = self._group.memory() if self._group else None
        if memory is not None:
            return Reading(memory.usage_bytes, memory.limit_bytes, self.name)
        usage = self._processes.together_bytes(self._pids)
        return Reading(usage, None, self.name) if usage else None
