"""Where a process's control group files are: version 1, version 2, or both (hybrid).

`/proc/PID/cgroup` says in which group the process is, per controller; `mountinfo` says where, and from which group
down, each hierarchy can be seen (proc(5), cgroups(7)). In a container the group's path usually lies outside what is
mounted: then the mount's own root is that group.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sidecar.pressure import files

UNIFIED: Final = ""
"""The name under which version 2's one hierarchy is found."""
_ESCAPED: Final = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True, slots=True)
class Place:
    """One controller's files."""

    version: int
    folders: tuple[Path, ...]
    """The process's own group first, then those above it as far as they can be seen."""


@dataclass(frozen=True, slots=True)
class Mount:
    """One line of `mountinfo` that is a control group hierarchy."""

    root: str
    """The group that the mount point shows."""
    point: str
    controllers: frozenset[str]


def find(controller: str, root: Path, pid: str) -> Place | None:
    """Version 1 where the controller has a hierarchy of its own (a controller is in one only), else version 2."""
    member = memberships(files.read(root / "proc" / pid / "cgroup") or "")
    mounted = mounts(files.read(root / "proc" / pid / "mountinfo") or "")
    for version, name in ((1, controller), (2, UNIFIED)):
        if version == 1 and name == UNIFIED:
            continue
        folders = _folders(name, member, mounted, root)
        if folders:
            return Place(version, folders)
    return None


def memberships(text: str) -> dict[str, str]:
    """`/proc/PID/cgroup`: controller → path of the group; the unified hierarchy's under its empty name."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        parts = line.split(":", 2)
        if len(parts) == 3:
            for controller in parts[1].split(","):
                found[controller] = parts[2]
    return found


def mounts(text: str) -> list[Mount]:
    """`mountinfo`: the hierarchies in it."""
    found = []
    for line in text.splitlines():
        left, _, right = line.partition(" - ")
        fields, tail = left.split(" "), right.split(" ")
        if len(fields) < 6 or len(tail) < 3 or tail[0] not in ("cgroup", "cgroup2"):
            continue
        controllers = frozenset((UNIFIED,) if tail[0] == "cgroup2" else tail[2].split(","))
        found.append(Mount(_plain(fields[3]), _plain(fields[4]), controllers))
    return found


def _folders(name: str, member: dict[str, str], mounted: list[Mount], root: Path) -> tuple[Path, ...]:
    path = member.get(name)
    shown = [mount for mount in mounted if name in mount.controllers]
    if path is None or not shown:
        return ()
    # A hierarchy may be mounted more than once: the mount that shows most of the way to the group wins.
    mount = min(shown, key=lambda one: (_below(one, path) is None, len(one.root)))
    point = root / mount.point.lstrip("/")
    folder = point / (_below(mount, path) or "")
    while folder != point and not folder.is_dir():
        folder = folder.parent
    if not folder.is_dir():
        return ()
    above = folder.parents if folder != point else ()
    return (folder, *(one for one in above if one.is_relative_to(point)))


def _below(mount: Mount, path: str) -> str | None:
    """Where the group is under the mount point; None when the mount does not show it."""
    top = mount.root.rstrip("/")
    if path != top and not path.startswith(f"{top}/"):
        return None
    rest = path[len(top) :].strip("/")
    return None if ".." in rest.split("/") else rest  # outside our namespace


def _plain(field: str) -> str:
    """Spaces and the like are written as octal numbers."""
    return _ESCAPED.sub(lambda match: chr(int(match[1], 8)), field)
