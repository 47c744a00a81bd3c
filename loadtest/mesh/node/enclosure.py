"""One container's control groups: its CPU quota, what it used and was held back, its memory. Version 1 and 2."""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from loadtest import controlgroups
from loadtest.mesh.node import quota
from loadtest.scenarios.cgroup_place import FILES, Place
from loadtest.scenarios.cgroups import used_bytes

CPU, ACCOUNT, MEMORY = "cpu", "cpuacct", "memory"
NS_PER_S = 1_000_000_000
US_PER_S = 1_000_000
JOIN = 'while [ "$1" != -- ]; do echo $$ > "$1/cgroup.procs" || exit 125; shift; done; shift; exec "$@"'
"""Moves the shell into each group, then becomes the command under the same pid."""


class Throttling(NamedTuple):
    """Since the group was made: periods in which it wanted to run, those in which its quota ran out, for how long."""

    periods: int
    throttled: int
    throttled_s: float

    def since(self, before: "Throttling") -> "Throttling":
        """What happened meanwhile."""
        return Throttling(
            self.periods - before.periods,
            self.throttled - before.throttled,
            self.throttled_s - before.throttled_s,
        )

    @property
    def share(self) -> float:
        """Of the periods; 0 when there were none."""
        return self.throttled / self.periods if self.periods else 0.0


@dataclass(frozen=True, slots=True)
class Enclosure:
    """The groups of one container, by controller; in version 2 they are one directory."""

    version: int
    directories: Mapping[str, Path]
    most_m: int
    """Of the node: a quota above that of the group around it is refused by version 1."""
    step_m: int = quota.SYSTEMD_STEP_M

    def wrap(self, argv: Sequence[str]) -> list[str]:
        """The command that moves itself in and then becomes `argv`, under the same pid."""
        places = [str(each) for each in dict.fromkeys(self.directories.values())]
        return ["/bin/sh", "-c", JOIN, "sh", *places, "--", *argv]

    # -- CPU

    def set_cpu(self, limit_m: int | None, request_m: int = 0) -> None:
        """Write limit and request. OSError when the kernel refuses."""
        here = self.directories[CPU]
        held_m = None if limit_m is None else min(limit_m, self.most_m)
        if self.version == 2:
            (here / "cpu.max").write_text(quota.cpu_max(held_m, self.step_m))
            (here / "cpu.weight").write_text(str(quota.weight(request_m)))
        else:
            us = -1 if held_m is None else quota.quota_us(held_m, self.step_m)
            (here / "cpu.cfs_quota_us").write_text(str(us))
            (here / "cpu.shares").write_text(str(quota.shares(request_m)))

    def cpu_m(self) -> int | None:
        """The limit as the kernel has it, millicores; None: no limit."""
        here = self.directories[CPU]
        if self.version == 2:
            return quota.parse_cpu_max((here / "cpu.max").read_text())
        period_us = int((here / "cpu.cfs_period_us").read_text())
        return quota.limit_m(int((here / "cpu.cfs_quota_us").read_text()), period_us)

    def throttling(self) -> Throttling:
        """So far."""
        stat = self.directories[CPU] / "cpu.stat"
        periods, throttled = (controlgroups.counter(stat, name) for name in ("nr_periods", "nr_throttled"))
        if self.version == 2:
            return Throttling(periods, throttled, controlgroups.counter(stat, "throttled_usec") / US_PER_S)
        return Throttling(periods, throttled, controlgroups.counter(stat, "throttled_time") / NS_PER_S)

    def cpu_s(self) -> float:
        """CPU seconds used so far, by the kernel's own account."""
        if self.version == 2:
            return controlgroups.counter(self.directories[CPU] / "cpu.stat", "usage_usec") / US_PER_S
        return int((self.directories[ACCOUNT] / "cpuacct.usage").read_text()) / NS_PER_S

    # -- memory

    def set_memory(self, limit_bytes: int | None) -> None:
        """Write the limit, without swap beyond it. OSError when the kernel refuses, EBUSY below what is used."""
        if MEMORY not in self.directories:
            return
        here, files = self.directories[MEMORY], FILES[self.version]
        if self.version == 2:
            (here / files.limit).write_text("max" if limit_bytes is None else str(limit_bytes))
            return
        order = [here / files.limit, here / files.swap]  # memory and swap together may never be below memory
        wanted = -1 if limit_bytes is None else limit_bytes
        if wanted < 0 or wanted > int(order[0].read_text()):
            order.reverse()
        for file in order:
            if file.exists():  # the second is absent where the kernel keeps no account of swap
                file.write_text(str(wanted))

    def used_bytes(self) -> int | None:
        """The working set; None without a memory group."""
        if MEMORY not in self.directories:
            return None
        return used_bytes(Place(self.directories[MEMORY], FILES[self.version]))

    def kills(self) -> int:
        """Processes the kernel killed because the group was full."""
        if MEMORY not in self.directories:
            return 0
        return controlgroups.counter(self.directories[MEMORY] / FILES[self.version].kills, "oom_kill")

    def remove(self) -> None:
        """When its processes have ended. Safe to repeat."""
        for directory in dict.fromkeys(self.directories.values()):
            with contextlib.suppress(OSError):
                controlgroups.remove(directory)
