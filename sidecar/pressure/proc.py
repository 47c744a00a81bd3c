"""Processes: how much memory and how many files they hold, and which of them are the application's.

The rule by which a process counts as the application's, since a wrong guess would police a pod for what runs on the
host: **process 1 is the pod's pause process and not the sidecar.** Only a pod with `shareProcessNamespace: true`
looks like that. In a container of its own the sidecar is process 1 and sees itself alone; on a laptop or a node
process 1 is an init system (or a shell, in a container that is shared with others): then nobody's processes count.
Of what is visible in such a pod, the pause process, the sidecar, and whatever else runs in the sidecar's own control
group (a shell somebody opened in it) are left out.
"""

import os
from pathlib import Path
from typing import Final

from sidecar.pressure import files

PAUSE: Final = "pause"
MOST: Final = 1024
"""More processes than this in a pod are not looked at."""
_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")


class Processes:
    """What `/proc` shows. `own_pid`: the sidecar's; read only, and what is forbidden is None."""

    def __init__(self, root: Path = Path("/"), own_pid: int | None = None) -> None:
        self._proc = root / "proc"
        self._own = own_pid if own_pid is not None else os.getpid()

    def __repr__(self) -> str:
        return f"Processes(shared={self.shared})"

    @property
    def shared(self) -> bool:
        """Whether this is a pod's shared process namespace."""
        return self._own != 1 and (files.read(self._proc / "1" / "comm") or "").strip() == PAUSE

    def application(self) -> list[int]:
        """Process ids of the application, smallest first; none without a shared namespace."""
        if not self.shared:
            return []
        ours = self.group(self._own)
        pids = sorted(pid for pid in self._visible() if pid not in (1, self._own))[:MOST]
        groups = [(pid, self.group(pid)) for pid in pids]
        return [pid for pid, group in groups if group is not None and group != ours]

    def group(self, pid: int) -> str | None:
        """Its control groups, as text to compare: containers of a pod differ in it."""
        return files.read(self._proc / str(pid) / "cgroup")

    def root(self, pid: int) -> Path:
        """Its file system, for those who may look (same user)."""
        return self._proc / str(pid) / "root"

    def resident_bytes(self, pid: int) -> int | None:
        """Resident memory (RSS); None when the process is gone."""
        pages = self._pages(pid)
        return pages[0] * _PAGE_BYTES if pages else None

    def together_bytes(self, pids: list[int]) -> int | None:
        """Resident memory of all of them: file and shared pages counted once, private ones each. None of none.

        What a pre-forking server shares by copy-on-write is still counted per process: an upper bound.
        """
        pages = [found for found in map(self._pages, pids) if found]
        if not pages:
            return None
        private = sum(resident - shared for resident, shared in pages)
        return (private + max(shared for _, shared in pages)) * _PAGE_BYTES

    def descriptors(self, pid: int) -> int | None:
        """Open file descriptors; None when it is gone or another user's."""
        try:
            return sum(1 for _ in (self._proc / str(pid) / "fd").iterdir())
        except OSError:
            return None

    def _visible(self) -> list[int]:
        try:
            return [int(entry.name) for entry in self._proc.iterdir() if entry.name.isdecimal()]
        except OSError:
            return []

    def _pages(self, pid: int) -> tuple[int, int] | None:
        """Resident pages, and how many of them are files' or shared memory's (proc(5), statm)."""
        fields = (files.read(self._proc / str(pid) / "statm") or "").split()
        if len(fields) < 3:
            return None
        resident, shared = files.whole(fields[1]), files.whole(fields[2])
        return (resident, min(resident, shared)) if resident is not None and shared is not None else None
