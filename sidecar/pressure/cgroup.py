"""Memory and CPU of a control group, version 1 or 2: what is used, what is allowed, what was taken away.

Usage is what the kernel could not simply drop: the group's memory less its inactive file cache (the "working set" by
which the kubelet evicts). The limit is the smallest one on the way up; a group without any has the machine's memory.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sidecar.pressure import files, mounts

_NO_LIMIT: Final = 1 << 62
"""Version 1 has no word for it: the largest number of whole pages, 9223372036854771712 with pages of 4 KiB."""


@dataclass(frozen=True, slots=True)
class Names:
    """Where a version keeps it."""

    usage: str
    limit: str
    inactive: str
    kills: str


_NAMES: Final = {
    1: Names("memory.usage_in_bytes", "memory.limit_in_bytes", "total_inactive_file", "memory.oom_control"),
    2: Names("memory.current", "memory.max", "inactive_file", "memory.events"),
}


@dataclass(frozen=True, slots=True)
class Memory:
    """One look."""

    usage_bytes: int
    limit_bytes: int | None
    oom_kills: int | None
    """Processes of the group killed so far for want of memory; None where the kernel does not count them."""

    @property
    def pressure(self) -> float | None:
        """Use ÷ limit: 1 is the end."""
        return self.usage_bytes / self.limit_bytes if self.limit_bytes else None


@dataclass(frozen=True, slots=True)
class Throttling:
    """How often the CPU quota ran out, since the group was made."""

    periods: int
    throttled: int

    def share_since(self, before: "Throttling") -> float | None:
        """Share of the periods since then in which it did, in [0, 1]; None when there were none."""
        periods = self.periods - before.periods
        if periods <= 0:
            return None
        return min(1.0, max(0.0, (self.throttled - before.throttled) / periods))


class Cgroup:
    """The control group of a process, ours by default.

    `root`: where `/proc` and the mount points are looked for. `limit_bytes`: overrides what the kernel says
    (`EQUILIBRIUM_MEMORY_LIMIT`). Where the files are is found once, here; they are read anew at each look.
    """

    def __init__(
        self, root: Path = Path("/"), pid: int | None = None, limit_bytes: int | None = None
    ) -> None:
        self._limit_bytes = limit_bytes
        self._machine_bytes = machine_bytes(root)
        process = "self" if pid is None else str(pid)
        self._memory = mounts.find("memory", root, process)
        self._cpu = mounts.find("cpu", root, process)
        unified = mounts.find(mounts.UNIFIED, root, process)
        self.unified: Path | None = unified.folders[0] if unified else None
        """The group's folder of version 2, where pressure stall information is."""

    def __repr__(self) -> str:
        return f"Cgroup(memory={self._memory}, cpu={self._cpu})"

    def memory(self) -> Memory | None:
        """Blocking, some 50 µs. None where there is no memory controller (none mounted, the root of version 2)."""
        if self._memory is None:
            return None
        folder, names = self._memory.folders[0], _NAMES[self._memory.version]
        usage = files.number(folder / names.usage)
        if usage is None:
            return None
        stat = files.table(folder / "memory.stat")
        kills = files.table(folder / names.kills).get("oom_kill")
        return Memory(max(0, usage - stat.get(names.inactive, 0)), self._limit(names.limit, stat), kills)

    def throttling(self) -> Throttling | None:
        """Blocking. None where the CPU has no controller; no periods where it has no quota."""
        if self._cpu is None:
            return None
        stat = files.table(self._cpu.folders[0] / "cpu.stat")
        if "nr_periods" not in stat:
            return None
        return Throttling(stat["nr_periods"], stat.get("nr_throttled", 0))

    def _limit(self, name: str, stat: dict[str, int]) -> int | None:
        if self._limit_bytes is not None:
            return self._limit_bytes
        folders = self._memory.folders if self._memory else ()
        # The last one, of version 1, also counts groups above what is mounted.
        found = [files.number(folder / name) for folder in folders] + [stat.get("hierarchical_memory_limit")]
        limits = [limit for limit in found if limit is not None and 0 < limit < _NO_LIMIT]
        return min([*limits, self._machine_bytes] if self._machine_bytes else limits, default=None)


def machine_bytes(root: Path = Path("/")) -> int | None:
    """All the memory of the machine."""
    for line in (files.read(root / "proc" / "meminfo") or "").splitlines():
        if line.startswith("MemTotal:"):
            kib = files.whole(line.removeprefix("MemTotal:").removesuffix("kB"))
            return kib * 1024 if kib else None
    return None
