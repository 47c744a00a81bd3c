"""Memory groups of our own: a limit, what is used of it, how often the kernel killed for it (cgroups(7))."""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from loadtest import controlgroups
from loadtest.controlgroups import Missing
from loadtest.scenarios.cgroup_place import FILES, V1, V2, Place

TRIAL_BYTES = 64 * 1024 * 1024


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
        return controlgroups.counter(self.place.directory / self.place.files.kills, "oom_kill")


def used_bytes(place: Place) -> int:
    """As `Group.used_bytes`, for a process that only knows where its group is. OSError when it is gone."""
    usage = int((place.directory / place.files.usage).read_text())
    return max(0, usage - controlgroups.counter(place.directory / "memory.stat", place.files.file_cache))


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
    spot = controlgroups.parent("memory")
    directory = spot.directory / controlgroups.fresh_name(name)
    controlgroups.make(directory, "memory")
    made = Group(Place(directory, FILES[spot.version]), limit_bytes)
    try:
        _limit(made)
        yield made
    finally:
        controlgroups.remove(directory)


def _limit(made: Group) -> None:
    directory, files = made.place.directory, made.place.files
    swap = directory / files.swap
    try:
        (directory / files.limit).write_text(str(made.limit_bytes))
        if swap.exists():  # absent where the kernel keeps no account of swap
            swap.write_text("0" if files is V2 else str(made.limit_bytes))
    except OSError as error:
        raise Missing(f"cannot limit a memory group: {error}") from error
