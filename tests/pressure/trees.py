"""A machine's `/proc` and control groups, as files under a folder."""

from collections.abc import Mapping
from pathlib import Path

GIB = 1 << 30
MIB = 1 << 20
NONE_V1 = 9223372036854771712
V1_MOUNT = "34 31 0:32 {root} {point} rw,relatime - cgroup cgroup rw,{controllers}"
V2_MOUNT = "41 31 0:38 {root} {point} rw,nosuid - cgroup2 cgroup2 rw,nsdelegate"


class Tree:
    """A root folder to give to the code under test."""

    def __init__(self, root: Path, machine_bytes: int = 16 * GIB) -> None:
        self.root = root
        self.put("proc/meminfo", f"MemTotal:       {machine_bytes // 1024} kB\nMemFree:  1 kB\n")

    def put(self, path: str, text: str | int) -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{text}\n" if isinstance(text, int) else text)
        return file

    def process(
        self,
        pid: str,
        groups: list[str],
        mounts: list[str] | None = None,
        comm: str = "app",
        pages: tuple[int, int] | None = None,
    ) -> None:
        """`groups`: lines of /proc/PID/cgroup; `pages`: resident and shared ones."""
        self.put(f"proc/{pid}/cgroup", "".join(f"{line}\n" for line in groups))
        self.put(f"proc/{pid}/mountinfo", "".join(f"{line}\n" for line in mounts or []))
        self.put(f"proc/{pid}/comm", f"{comm}\n")
        if pages:
            self.put(f"proc/{pid}/statm", f"50000 {pages[0]} {pages[1]} 1 0 900 0\n")

    def v2(self, folder: str, **values: str | int) -> None:
        """`memory_current=…`: the file memory.current, and so on."""
        self._group("sys/fs/cgroup" + folder, values)

    def v1(self, controller: str, folder: str, **values: str | int) -> None:
        self._group(f"sys/fs/cgroup/{controller}{folder}", values)

    def _group(self, folder: str, values: Mapping[str, str | int]) -> None:
        for name, value in values.items():
            head, _, tail = name.partition("_")
            self.put(f"{folder}/{head}.{tail}", value)


def stat(**values: int) -> str:
    """Lines of `name number`."""
    return "".join(f"{name} {value}\n" for name, value in values.items())


def mount_v1(controllers: str, root: str = "/") -> str:
    return V1_MOUNT.format(root=root, point=f"/sys/fs/cgroup/{controllers}", controllers=controllers)


def mount_v2(root: str = "/", point: str = "/sys/fs/cgroup") -> str:
    return V2_MOUNT.format(root=root, point=point)
