"""CPU time and memory of processes as Linux counts them, read from /proc (proc(5)).

A proxy is its whole process tree: nginx works in a child of the process that was started.
"""

import os
from pathlib import Path

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
PROC = Path("/proc")


def tree(pid: int) -> list[int]:
    """The process and its descendants; what ended meanwhile is left out."""
    try:
        children = Path(PROC, str(pid), "task", str(pid), "children").read_text()
    except OSError:
        return []
    return [pid, *(below for child in children.split() for below in tree(int(child)))]


def cpu_s(pid: int) -> float:
    """User plus system seconds of the tree, in steps of 10 ms."""
    return sum(_cpu_ticks(member) for member in tree(pid)) / TICKS_PER_S


def _cpu_ticks(pid: int) -> int:
    try:
        return parse_cpu_ticks(Path(PROC, str(pid), "stat").read_text())
    except OSError:
        return 0


def parse_cpu_ticks(stat: str) -> int:
    """utime + stime. The command name may hold spaces and parentheses: count from the last one."""
    fields = stat.rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def rss_bytes(pid: int) -> int:
    """Resident bytes of the tree; pages two members share count twice, as `ps` would."""
    return sum(_status_bytes(member, "VmRSS") for member in tree(pid))


def _status_bytes(pid: int, field: str) -> int:
    try:
        return parse_status_bytes(Path(PROC, str(pid), "status").read_text(), field)
    except OSError:
        return 0


def parse_status_bytes(status: str, field: str) -> int:
    """A `VmRSS:  12345 kB` line in bytes; 0 when there is none (a zombie has none)."""
    for line in status.splitlines():
        name, _, value = line.partition(":")
        if name == field:
            return int(value.split()[0]) * 1024
    return 0


def core_busy_s(core: int) -> float:
    """Seconds the core worked for anybody since boot: everything but idle and waiting for disks."""
    return parse_core_busy_ticks(Path(PROC, "stat").read_text(), core) / TICKS_PER_S


def parse_core_busy_ticks(stat: str, core: int) -> int:
    """Ticks of one `cpuN` line without idle and iowait (guest time is already in user time)."""
    for line in stat.splitlines():
        name, *values = line.split()
        if name == f"cpu{core}":
            ticks = [int(value) for value in values[:8]]
            return sum(ticks) - ticks[3] - ticks[4]
    raise ValueError(f"/proc/stat has no line for cpu{core}")
