import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from loadtest import controlgroups
from loadtest.scenarios import cgroups
from loadtest.scenarios.cgroup_place import V1, V2, Place, find
from loadtest.scenarios.hoarder import MIB

LIMIT_BYTES = 64 * MIB
V1_MOUNT = "36 35 0:30 {root} /sys/fs/cgroup/memory rw,nosuid - cgroup cgroup rw,memory\n"
OTHER_MOUNTS = (
    "35 25 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n21 1 0:3 / /proc rw - proc proc rw\n"
)
V2_MOUNT = "42 25 0:33 {root} /sys/fs/cgroup{below} rw shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"


def test_version_1_is_found_under_the_memory_controller() -> None:
    found = find(OTHER_MOUNTS + V1_MOUNT.format(root="/"), "9:cpu,cpuacct:/a\n4:memory:/b/c\n0::/\n")
    assert found == (Place(Path("/sys/fs/cgroup/memory/b/c"), V1), Path("/sys/fs/cgroup/memory"))


def test_on_a_hybrid_machine_the_memory_controller_decides() -> None:
    text = V2_MOUNT.format(root="/", below="/unified") + V1_MOUNT.format(root="/")
    found = find(text, "4:memory:/\n0::/user\n")
    assert found is not None
    assert found[0].files is V1, "version 2 is mounted, but memory is counted by version 1"


def test_version_2_is_found_by_its_one_line() -> None:
    found = find(OTHER_MOUNTS + V2_MOUNT.format(root="/", below=""), "0::/user.slice/session-3.scope\n")
    assert found == (Place(Path("/sys/fs/cgroup/user.slice/session-3.scope"), V2), Path("/sys/fs/cgroup"))


def test_a_container_sees_its_part_of_the_tree_from_its_own_root() -> None:
    found = find(V1_MOUNT.format(root="/docker/x"), "4:memory:/docker/x/mine\n")
    assert found is not None
    assert found[0].directory == Path("/sys/fs/cgroup/memory/mine")


def test_a_path_above_the_namespace_is_the_top_of_what_is_seen() -> None:
    found = find(V2_MOUNT.format(root="/", below=""), "0::/../outside\n")
    assert found is not None
    assert found[0].directory == Path("/sys/fs/cgroup")


@pytest.mark.parametrize(
    ("mounts", "membership"), [(OTHER_MOUNTS, "9:cpu:/\n"), (OTHER_MOUNTS, "0::/\n"), ("", "")]
)
def test_without_a_controller_there_is_none(mounts: str, membership: str) -> None:
    assert find(mounts, membership) is None


def _tree(top: Path, **handed_on: str) -> Path:
    """Groups below each other, and what each hands on to its children; the last is ours."""
    here = top
    for name, controllers in handed_on.items():
        here = here / name
        here.mkdir()
        (here / "cgroup.subtree_control").write_text(controllers)
    return here


def _pretend(monkeypatch: pytest.MonkeyPatch, top: Path, own: Path) -> None:
    proc = top.parent / "proc"
    proc.mkdir()
    (proc / "mountinfo").write_text(f"42 25 0:33 / {top} rw - cgroup2 cgroup2 rw\n")
    (proc / "cgroup").write_text(f"0::/{own.relative_to(top)}\n")
    monkeypatch.setattr(controlgroups, "PROC", proc)


def test_version_2_makes_groups_below_the_nearest_one_that_hands_memory_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    top = tmp_path / "cgroup"
    top.mkdir()
    own = _tree(top, slice="cpu memory pids\n", session="\n")
    _pretend(monkeypatch, top, own)
    with cgroups.group("app", LIMIT_BYTES) as made:
        directory = made.place.directory
        assert directory.parent == top / "slice", "a group with processes of its own cannot hand memory on"
        assert (directory / "memory.max").read_text() == str(LIMIT_BYTES)
        (directory / "memory.max").unlink()  # the files of a real group go with it
    assert not directory.exists()


def test_why_no_group_can_be_had_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(controlgroups, "PROC", tmp_path / "nothing")
    assert "no /proc" in (cgroups.missing() or "")
    top = tmp_path / "cgroup"
    top.mkdir()
    _pretend(monkeypatch, top, _tree(top, session="\n"))
    (top / "cgroup.subtree_control").mkdir()  # cannot be written
    assert "hands memory on" in (cgroups.missing() or "")


@pytest.fixture
def group() -> Iterator[cgroups.Group]:
    """A real one on this machine."""
    if (why := cgroups.missing()) is not None:
        pytest.skip(f"no memory groups here: {why}")
    with cgroups.group("test", LIMIT_BYTES) as made:
        yield made


def _python(group: cgroups.Group, program: str) -> subprocess.Popen[bytes]:
    argv = group.wrap([sys.executable, "-c", program])
    return subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def test_a_process_moves_into_its_group_and_is_counted_there(group: cgroups.Group) -> None:
    with _python(group, f"held = b'x' * {32 * MIB}; print(flush=True); input()") as process:
        assert process.stdout is not None
        process.stdout.readline()
        used_bytes = group.used_bytes()
        members = (group.place.directory / "cgroup.procs").read_text().split()
        process.communicate(b"\n")
    assert members == [str(process.pid)], "the pid we started is the one in the group"
    assert 32 * MIB <= used_bytes <= LIMIT_BYTES
    assert group.kills() == 0


def test_beyond_its_limit_the_kernel_kills_and_the_group_counts_it(group: cgroups.Group) -> None:
    with _python(group, f"held = b'x' * {4 * LIMIT_BYTES}") as process:
        process.communicate()
    assert (process.returncode, group.kills()) == (-9, 1), "swap must not help"


def test_a_group_that_is_left_is_gone_and_leftovers_of_the_dead_are_swept(group: cgroups.Group) -> None:
    parent, gone = group.place.directory.parent, int(Path("/proc/sys/kernel/pid_max").read_text())
    left = parent / f"{controlgroups.PREFIX}app-{gone}-1"
    left.mkdir()
    with cgroups.group("other", LIMIT_BYTES) as other:
        assert not left.exists(), "its run is dead"
        assert group.place.directory.exists(), "ours lives"
    assert not other.place.directory.exists()
    assert other.place.directory.name.startswith(controlgroups.PREFIX)
