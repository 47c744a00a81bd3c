"""Control groups of our own, whatever the controller: where they can be made, made, left, swept (cgroups(7)).

A group is made below the one this process is in; version 2 gives a controller only to groups whose parent hands it on,
so there it is below the nearest one above us that does.
"""

import contextlib
import itertools
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from loadtest import processes
from sidecar import clock

PREFIX = "equilibrium-"
PROC = Path("/proc/self")
GOODBYE_S = 3.0
_NUMBERS = itertools.count(1)


class Missing(Exception):
    """There is no group of this kind to be had here; the message says why."""


@dataclass(frozen=True, slots=True)
class Spot:
    """A group's directory in one hierarchy, and the top of that hierarchy as we see it."""

    directory: Path
    top: Path
    version: int


def locate(mountinfo: str, membership: str, controller: str) -> Spot | None:
    """Our own group of a controller, from the texts of `/proc/self/mountinfo` and `/proc/self/cgroup`.

    Version 1 where the controller is mounted as that, else version 2; None where there is neither.
    """
    groups = dict(_memberships(membership))
    mounts = list(_mounts(mountinfo))
    for root, mount, kind, options in mounts:
        if kind == "cgroup" and controller in options and controller in groups:
            return Spot(_below(mount, root, groups[controller]), Path(mount), 1)
    for root, mount, kind, _ in mounts:
        if kind == "cgroup2" and "" in groups:
            return Spot(_below(mount, root, groups[""]), Path(mount), 2)
    return None


def parent(controller: str) -> Spot:
    """The group below which ours are made. Raises Missing."""
    try:
        found = locate((PROC / "mountinfo").read_text(), (PROC / "cgroup").read_text(), controller)
    except OSError as error:
        raise Missing(f"no /proc to find {controller} groups with: {error}") from error
    if found is None:
        raise Missing(f"no {controller} controller is mounted (cgroup v1 or v2)")
    return found if found.version == 1 else Spot(_handing_on(found, controller), found.top, 2)


def fresh_name(name: str) -> str:
    """`equilibrium-NAME-PID-N`: whose it is can be read from it."""
    return f"{PREFIX}{name}-{os.getpid()}-{next(_NUMBERS)}"


def make(directory: Path, kind: str) -> None:
    """Make one, after sweeping away its dead neighbours. Raises Missing."""
    sweep(directory.parent)
    try:
        directory.mkdir()
    except OSError as error:
        raise Missing(f"cannot make a {kind} group: {error} (it takes root)") from error


def remove(directory: Path) -> None:
    """An ended process leaves its group a moment after it has been waited for."""
    give_up_s = clock.now() + GOODBYE_S
    while directory.exists() and clock.now() < give_up_s:
        with contextlib.suppress(OSError):
            directory.rmdir()
            return
        time.sleep(processes.POLL_S)


def sweep(below: Path) -> None:
    """Groups that a run killed with SIGKILL left behind; the kernel refuses to remove those in use."""
    for left in below.glob(f"{PREFIX}*-*-*"):
        with contextlib.suppress(OSError):
            if not _alive(left):
                for inner in [each for each in left.glob("*") if each.is_dir()]:
                    inner.rmdir()
                left.rmdir()


def counter(file: Path, name: str) -> int:
    """A `name number` line of a file; 0 when there is none. OSError when the file is gone."""
    for line in file.read_text().splitlines():
        word, _, value = line.partition(" ")
        if word == name:
            return int(value)
    return 0


def _alive(left: Path) -> bool:
    """Whether the run that made it still goes: its group may only be waiting for a process."""
    return (PROC.parent / left.name.split("-")[-2]).exists()


def _handing_on(own: Spot, controller: str) -> Path:
    """Version 2: the nearest group from ours upwards that hands it on to its children ("Top-down Constraint")."""
    for here in (own.directory, *own.directory.parents):
        if not here.is_relative_to(own.top):
            break
        with contextlib.suppress(OSError):
            if controller in (here / "cgroup.subtree_control").read_text().split():
                return here
    try:
        (own.top / "cgroup.subtree_control").write_text(f"+{controller}")
    except OSError as error:
        raise Missing(
            f"no group above this process hands {controller} on, and {own.top} will not: {error}"
        ) from error
    return own.top


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
