"""Where memory groups are and what their files are called: version 1, 2 and hybrid mounts (cgroups(7)). Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Files:
    """What one version of the controller calls its files, and the counters inside them."""

    limit: str
    usage: str
    swap: str
    kills: str
    file_cache: str
    """Counter in `memory.stat`: cached files the kernel drops before it kills anybody."""


V1 = Files(
    "memory.limit_in_bytes",
    "memory.usage_in_bytes",
    "memory.memsw.limit_in_bytes",  # memory and swap together
    "memory.oom_control",
    "total_inactive_file",
)
V2 = Files("memory.max", "memory.current", "memory.swap.max", "memory.events", "inactive_file")


@dataclass(frozen=True, slots=True)
class Place:
    """A group's directory and the version it belongs to."""

    directory: Path
    files: Files


def find(mountinfo: str, membership: str) -> tuple[Place, Path] | None:
    """Our own group and the top of its tree, from the texts of `/proc/self/mountinfo` and `/proc/self/cgroup`.

    Version 1 where the memory controller is mounted as that, else version 2; None where there is neither.
    """
    groups = dict(_memberships(membership))
    mounts = list(_mounts(mountinfo))
    for root, mount, kind, options in mounts:
        if kind == "cgroup" and "memory" in options and "memory" in groups:
            return Place(_below(mount, root, groups["memory"]), V1), Path(mount)
    for root, mount, kind, _ in mounts:
        if kind == "cgroup2" and "" in groups:
            return Place(_below(mount, root, groups[""]), V2), Path(mount)
    return None


def _memberships(text: str) -> Iterator[tuple[str, str]]:
    """(controller, path) pairs; the controller of version 2 is the empty word."""
    for line in text.splitlines():
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            yield controller, path


def _mounts(text: str) -> Iterator[tuple[str, str, str, list[str]]]:
    """(root, mount point, type, options of the file system) of each mount: proc_pid_mountinfo(5)."""
    for line in text.splitlines():
        before, _, after = line.partition(" - ")
        fields, more = before.split(), after.split()
        yield fields[3], fields[4], more[0], more[-1].split(",")


def _below(mount: str, root: str, path: str) -> Path:
    """Where a group's path is visible: a container sees a part of the tree, mounted from `root`."""
    if root != "/" and (path == root or path.startswith(f"{root}/")):
        path = path[len(root) :]
    return Path(mount) if ".." in path.split("/") else Path(mount, path.strip("/"))
