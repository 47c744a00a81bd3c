"""The control group around all containers of a node: together they never use more CPU than the node has."""

import contextlib
import itertools
import re
from collections.abc import Iterator
from pathlib import Path

from loadtest import controlgroups
from loadtest.controlgroups import Missing
from loadtest.mesh.node import quota
from loadtest.mesh.node.enclosure import ACCOUNT, CPU, MEMORY, Enclosure

NAME = "node"
TRIAL_M = 100
_UNFIT = re.compile(r"[^a-z0-9.]+")


class Room:
    """What a node of `cpu_m` millicores has to give. `enclosure` makes a container's groups inside."""

    def __init__(self, directories: dict[str, Path], version: int, cpu_m: int, step_m: int) -> None:
        self.cpu_m = cpu_m
        self._directories = directories
        self._version = version
        self._step_m = step_m
        self._numbers = itertools.count()

    def enclosure(self, name: str) -> Enclosure:
        """Groups for one container, without a limit yet. Raises Missing."""
        below = f"{_UNFIT.sub('.', name.lower())}.{next(self._numbers)}"
        found = {controller: place / below for controller, place in self._directories.items()}
        try:
            for directory in dict.fromkeys(found.values()):
                directory.mkdir()
        except OSError as error:
            raise Missing(f"cannot make a control group for {name}: {error}") from error
        return Enclosure(self._version, found, self.cpu_m, self._step_m)

    def around(self) -> Enclosure:
        """The node's own groups: what all containers used, and how often the node itself was the bottleneck."""
        return Enclosure(self._version, self._directories, self.cpu_m, self._step_m)


def missing() -> str | None:
    """Why there can be no such node here; None when there can. Makes one to find out."""
    try:
        with room(TRIAL_M):
            return None
    except Missing as why:
        return str(why)


@contextlib.contextmanager
def room(cpu_m: int, *, step_m: int = quota.SYSTEMD_STEP_M) -> Iterator[Room]:
    """Made for the block; inside it all processes must have ended when it is left. Raises Missing."""
    directories: dict[str, Path] = {}
    try:
        version = _make(directories)
        made = Room(directories, version, cpu_m, step_m)
        try:
            made.around().set_cpu(cpu_m, cpu_m)
        except OSError as error:
            raise Missing(f"cannot limit a CPU group: {error}") from error
        yield made
    finally:
        for directory in dict.fromkeys(directories.values()):
            for below in [each for each in directory.glob("*") if each.is_dir()]:
                controlgroups.remove(below)
            controlgroups.remove(directory)


def _make(made: dict[str, Path]) -> int:
    """The node's groups into `made`, controller by controller; their version. A node without memory limits will do."""
    name = controlgroups.fresh_name(NAME)
    spot = controlgroups.parent(CPU)
    if spot.version == 2:
        _hand_on(spot.directory, MEMORY)  # CPU it hands on already
        _add(made, CPU, spot.directory / name)
        _hand_on(made[CPU], CPU, needed=True)
        if _hand_on(made[CPU], MEMORY):
            made[MEMORY] = made[CPU]
        return 2
    _add(made, CPU, spot.directory / name)
    _add(made, ACCOUNT, controlgroups.parent(ACCOUNT).directory / name)
    with contextlib.suppress(Missing):
        memory = controlgroups.parent(MEMORY)
        if memory.version == 1:
            _add(made, MEMORY, memory.directory / name)
    return 1


def _add(made: dict[str, Path], controller: str, directory: Path) -> None:
    if not any(directory.samefile(each) for each in made.values() if directory.exists()):
        controlgroups.make(directory, controller)
    made[controller] = directory


def _hand_on(directory: Path, controller: str, *, needed: bool = False) -> bool:
    try:
        (directory / "cgroup.subtree_control").write_text(f"+{controller}")
    except OSError as error:
        if needed:
            raise Missing(f"{directory} cannot hand {controller} on: {error}") from error
        return False
    return True
