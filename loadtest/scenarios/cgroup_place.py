"""What the files of memory groups are called, and which are ours: version 1, 2 and hybrid mounts (cgroups(7)). Pure."""

from dataclasses import dataclass
from pathlib import Path

from loadtest import controlgroups


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

FILES = {1: V1, 2: V2}


@dataclass(frozen=True, slots=True)
class Place:
    """A group's directory and the version it belongs to."""

    directory: Path
    files: Files


def find(mountinfo: str, membership: str) -> tuple[Place, Path] | None:
    """Our own memory group and the top of its tree, as `controlgroups.locate` finds them."""
    spot = controlgroups.locate(mountinfo, membership, "memory")
    return None if spot is None else (Place(spot.directory, FILES[spot.version]), spot.top)
