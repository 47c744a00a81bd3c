"""Memory groups of our own: a limit, what is used of it, how often the kernel killed for it (cgroups(7)).

A group is made below the one this process is in; version 2 gives memory only to groups whose parent hands it on, so
there it is below the nearest one above us that does.
"""

import contextlib
import itertools
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from loadtest import processes
from loadtest.scenarios.cgroup_place import V1, V2, Place, find
from sidecar import clock

PREFIX = "equilibrium-"
PROC = Path("/proc/self")
GOODBYE_S = 3.0
TRIAL_BYTES = 64 * 1024 * 1024
_NUMBERS = itertools.count(1)


class Missing(Exception):
    """There is no memory group to be had here; the message says why."""


@dataclass(frozen=True, slots=True)
class Group:
    """One memory group, there."""

    place: Place
    limit_bytes: int

    def wrap(self, argv: Sequence[str]) -> list[str]:
        """The command that moves itself into the group and then becomes `argv`, under the same pid."""
        return ["/bin/sh", "-c", 'echo $$ > "$0/cgroup.procs" && exec "$@"', str(self.place.directory), *argv]

    def used_bytes(self) -> int:
        """What the limit is held against, without cached files that can go: Kubernetes' working set."""
        return used_bytes(self.place)

    def kills(self) -> int:
        """Processes the kernel has killed because this group was full."""
        return _counter(self.place.directory / self.place.files.kills, "oom_kill")


def used_bytes(place: Place) -> int:
    """As `Group.used_bytes`, for a process that only knows where its group is. OSError when it is gone."""
    usage = int((place.directory / place.files.usage).read_text())
    return max(0, usage - _counter(place.directory / "memory.stat", place.files.file_cache))


def at(directory: Path) -> Place:
    """An existing group, its version told by its files."""
    return Place(directory, V2 if (directory / V2.usage).exists() else V1)


def missing() -> str | None:
    """Why no group can be made here; None when one can. Makes one to find out."""
    try:
        with group("trial", TRIAL_BYTES):
            return None
    except Missing as why:
        return str(why)


@contextlib.contextmanager
def group(name: str, limit_bytes: int) -> Iterator[Group]:
    """A group with this limit and no swap; removed on leaving, when its processes must have ended. Raises Missing."""
    parent = _parent()
    _sweep(parent.directory)
    directory = parent.directory / f"{PREFIX}{name}-{os.getpid()}-{next(_NUMBERS)}"
    try:
        directory.mkdir()
    except OSError as error:
        raise Missing(f"cannot make a memory group: {error} (it takes root)") from error
    made = Group(Place(directory, parent.files), limit_bytes)
    try:
        _limit(made)
        yield made
    finally:
        _remove(directory)


def _limit(made: Group) -> None:
    directory, files = made.place.directory, made.place.files
    swap = directory / files.swap
    try:
        (directory / files.limit).write_text(str(made.limit_bytes))
        if swap.exists():  # absent where the kernel keeps no account of swap
            swap.write_text("0" if files is V2 else str(made.limit_bytes))
    except OSError as error:
        raise Missing(f"cannot limit a memory group: {error}") from error


def _remove(directory: Path) -> None:
    """An ended process leaves its group a moment after it has been waited for."""
    give_up_s = clock.now() + GOODBYE_S
    while directory.exists() and clock.now() < give_up_s:
        with contextlib.suppress(OSError):
            directory.rmdir()
            return
        time.sleep(processes.POLL_S)


def _sweep(parent: Path) -> None:
    """Groups that a run killed with SIGKILL left behind; the kernel refuses to remove those in use."""
    for left in parent.glob(f"{PREFIX}*-*-*"):
        with contextlib.suppress(OSError):
            if not _alive(left):
                left.rmdir()


def _alive(left: Path) -> bool:
    """Whether the run that made it still goes: its group may only be waiting for a process."""
    return (PROC.parent / left.name.split("-")[-2]).exists()


def _parent() -> Place:
    try:
        found = find((PROC / "mountinfo").read_text(), (PROC / "cgroup").read_text())
    except OSError as error:
        raise Missing(f"no /proc to find memory groups with: {error}") from error
    if found is None:
        raise Missing("no memory controller is mounted (cgroup v1 or v2)")
    own, top = found
    return own if own.files is V1 else Place(_handing_on(own.directory, top), V2)


def _handing_on(own: Path, top: Path) -> Path:
    """Version 2: the nearest group from ours upwards that hands memory on to its children ("Top-down Constraint")."""
    for here in (own, *own.parents):
        if not here.is_relative_to(top):
            break
        with contextlib.suppress(OSError):
            if "memory" in (here / "cgroup.subtree_control").read_text().split():
                return here
    try:
        (top / "cgroup.subtree_control").write_text("+memory")
    except OSError as error:
        raise Missing(f"no group above this process hands memory on, and {top} will not: {error}") from error
    return top


def _counter(file: Path, name: str) -> int:
    for line in file.read_text().splitlines():
        word, _, value = line.partition(" ")
        if word == name:
            return int(value)
    return 0
