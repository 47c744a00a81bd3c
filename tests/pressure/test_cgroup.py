"""Memory and throttling from control groups of either version, wherever they are mounted."""

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.pressure import mounts
from sidecar.pressure.cgroup import Cgroup, Memory, Throttling, machine_bytes
from tests.pressure.trees import GIB, MIB, NONE_V1, Tree, mount_v1, mount_v2, stat


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


def look(tree: Tree) -> Memory:
    memory = Cgroup(tree.root).memory()
    assert memory is not None, "the control group was not found"
    return memory


def on_v2(tree: Tree, group: str = "/", root: str = "/", **values: str | int) -> None:
    """Us in a group of version 2 with 100 MiB, 30 of them droppable cache."""
    tree.process("self", [f"0::{group}"], [mount_v2(root)])
    folder = group.removeprefix(root.rstrip("/")) if group != "/" else ""
    usual: dict[str, str | int] = {
        "memory_current": 100 * MIB,
        "memory_stat": stat(anon=1, inactive_file=30 * MIB),
    }
    tree.v2(folder, **{"memory_max": "max\n", **usual, **values})


def on_v1(tree: Tree, group: str = "/", **values: str | int) -> None:
    tree.process("self", [f"4:memory:{group}", "0::/"], [mount_v1("memory")])
    usual: dict[str, str | int] = {
        "memory_usage_in_bytes": 100 * MIB,
        "memory_limit_in_bytes": NONE_V1,
        "memory_stat": stat(inactive_file=MIB, total_inactive_file=30 * MIB),
    }
    tree.v1("memory", "" if group == "/" else group, **{**usual, **values})


# -- usage


def test_usage_on_version_2_leaves_out_the_inactive_file_cache(tree: Tree) -> None:
    on_v2(tree, memory_max=200 * MIB)
    assert (look(tree).usage_bytes, look(tree).pressure) == (70 * MIB, 0.35)


def test_usage_on_version_1_leaves_out_the_caches_of_the_groups_below_too(tree: Tree) -> None:
    on_v1(tree, memory_limit_in_bytes=200 * MIB)
    assert (look(tree).usage_bytes, look(tree).pressure) == (70 * MIB, 0.35)


def test_more_cache_than_usage_is_no_usage(tree: Tree) -> None:
    """The two files are read one after the other."""
    on_v2(tree, memory_current=10 * MIB)
    assert look(tree).usage_bytes == 0


def test_usage_follows_the_files(tree: Tree) -> None:
    on_v2(tree, memory_max=200 * MIB)
    cgroup = Cgroup(tree.root)
    tree.v2("", memory_current=190 * MIB)
    memory = cgroup.memory()
    assert memory is not None
    assert memory.pressure == pytest.approx(0.8)


# -- limits


@pytest.mark.parametrize("limit", ["max\n", 64 * GIB], ids=["max", "more than there is"])
def test_without_a_limit_of_its_own_the_machine_is_the_limit_on_version_2(
    tree: Tree, limit: str | int
) -> None:
    on_v2(tree, memory_max=limit)
    assert look(tree).limit_bytes == 16 * GIB


@pytest.mark.parametrize("limit", [9223372036854771712, 9223372036854710272], ids=["4 KiB", "64 KiB pages"])
def test_without_a_limit_of_its_own_the_machine_is_the_limit_on_version_1(tree: Tree, limit: int) -> None:
    on_v1(tree, memory_limit_in_bytes=limit)
    assert look(tree).limit_bytes == 16 * GIB


@pytest.mark.parametrize(
    ("own", "pod", "node"), [(1, 2, 4), (4, 1, 2), (4, 2, 1), (None, 1, 2), (2, None, 1)]
)
def test_of_nested_limits_the_smallest_counts(
    tree: Tree, own: int | None, pod: int | None, node: int | None
) -> None:
    on_v2(tree, group="/kubepods/pod7/app")
    for folder, limit in (("/kubepods/pod7/app", own), ("/kubepods/pod7", pod), ("/kubepods", node)):
        tree.v2(folder, memory_max=limit * GIB if limit else "max\n")
    assert look(tree).limit_bytes == GIB


def test_version_1_also_counts_limits_above_what_is_mounted(tree: Tree) -> None:
    on_v1(tree, memory_stat=stat(hierarchical_memory_limit=GIB, total_inactive_file=0))
    assert look(tree).limit_bytes == GIB


def test_a_configured_limit_overrides_what_the_kernel_says(tree: Tree) -> None:
    on_v2(tree, memory_max=200 * MIB)
    memory = Cgroup(tree.root, limit_bytes=140 * MIB).memory()
    assert memory is not None
    assert (memory.limit_bytes, memory.pressure) == (140 * MIB, 0.5)


def test_a_limit_that_is_raised_in_place_counts_at_the_next_look(tree: Tree) -> None:
    on_v2(tree, memory_max=100 * MIB)
    cgroup = Cgroup(tree.root)
    tree.v2("", memory_max=200 * MIB)
    memory = cgroup.memory()
    assert memory is not None
    assert memory.limit_bytes == 200 * MIB, "a resized pod kept its old limit"


def test_a_limit_of_nothing_is_no_limit(tree: Tree) -> None:
    on_v2(tree, memory_max=0)
    assert look(tree).limit_bytes == 16 * GIB


def test_the_largest_number_of_version_1_is_no_limit_even_where_the_machines_is_unknown(tree: Tree) -> None:
    on_v1(tree, memory_limit_in_bytes=NONE_V1)
    (tree.root / "proc/meminfo").unlink()
    assert look(tree).limit_bytes is None


def test_where_nobody_knows_a_limit_there_is_no_pressure(tree: Tree) -> None:
    on_v2(tree)
    (tree.root / "proc/meminfo").unlink()
    memory = look(tree)
    assert (memory.limit_bytes, memory.pressure, machine_bytes(tree.root)) == (None, None, None)


# -- counters


def test_kills_are_counted_on_either_version(tree: Tree) -> None:
    on_v2(tree, memory_events=stat(low=0, max=9, oom=4, oom_kill=3))
    assert look(tree).oom_kills == 3
    on_v1(tree, memory_oom_control=stat(oom_kill_disable=0, under_oom=0, oom_kill=5))
    assert look(tree).oom_kills == 5


def test_a_kernel_that_does_not_count_kills_is_no_error(tree: Tree) -> None:
    on_v2(tree)
    assert look(tree).oom_kills is None


@pytest.mark.parametrize("controllers", ["cpu", "cpu,cpuacct"])
def test_throttling_is_read_on_version_1(tree: Tree, controllers: str) -> None:
    tree.process("self", [f"3:{controllers}:/"], [mount_v1(controllers)])
    tree.v1(controllers, "", cpu_stat=stat(nr_periods=40, nr_throttled=10, throttled_time=12345))
    assert Cgroup(tree.root).throttling() == Throttling(40, 10)


def test_throttling_is_read_on_version_2(tree: Tree) -> None:
    on_v2(tree, cpu_stat=stat(usage_usec=1, nr_periods=40, nr_throttled=10, throttled_usec=5))
    assert Cgroup(tree.root).throttling() == Throttling(40, 10)


def test_a_group_without_cpu_quota_has_no_throttling(tree: Tree) -> None:
    on_v2(tree, cpu_stat=stat(usage_usec=1))
    assert Cgroup(tree.root).throttling() is None


@pytest.mark.parametrize(
    ("after", "share"),
    [
        (Throttling(60, 15), 0.25),
        (Throttling(40, 10), None),
        (Throttling(3, 1), None),
        (Throttling(41, 99), 1.0),
    ],
    ids=["a quarter", "no time passed", "counters began anew", "more than all"],
)
def test_the_throttled_share_is_of_the_periods_since(after: Throttling, share: float | None) -> None:
    assert after.share_since(Throttling(40, 10)) == share


# -- where the files are


def test_in_a_container_with_its_own_view_the_mount_is_the_group(tree: Tree) -> None:
    """Version 1 without a namespace: the path is the host's, the mount shows that very group."""
    tree.process("self", ["4:memory:/kubepods/pod7/app"], [mount_v1("memory", root="/kubepods/pod7/app")])
    tree.v1("memory", "", memory_usage_in_bytes=5 * MIB, memory_limit_in_bytes=10 * MIB)
    assert look(tree).pressure == 0.5


def test_below_a_mount_that_shows_part_of_the_hierarchy_the_rest_of_the_path_leads_on(tree: Tree) -> None:
    on_v2(tree, group="/user/app", root="/user", memory_max=200 * MIB)
    assert look(tree).limit_bytes == 200 * MIB


@pytest.mark.parametrize("group", ["/elsewhere", "/../other-container", "/userland/app"])
def test_a_group_the_mount_does_not_show_is_read_at_the_mount(tree: Tree, group: str) -> None:
    tree.process("self", [f"0::{group}"], [mount_v2(root="/user")])
    tree.v2("", memory_current=7 * MIB)
    for somebody_elses in ("/../other-container", "/land/app"):
        tree.v2(somebody_elses, memory_current=999 * MIB)
    assert look(tree).usage_bytes == 7 * MIB


def test_a_group_outside_our_namespace_is_read_at_the_mount(tree: Tree) -> None:
    tree.process("self", ["0::/../other-container"], [mount_v2()])
    tree.v2("", memory_current=7 * MIB)
    tree.v2("/../other-container", memory_current=999 * MIB)
    assert look(tree).usage_bytes == 7 * MIB


def test_of_several_mounts_the_one_that_shows_our_group_is_read(tree: Tree) -> None:
    tree.process("self", ["0::/user/app"], [mount_v2("/x", "/other"), mount_v2("/user/app")])
    tree.put("other/memory.current", 999 * MIB)
    tree.v2("", memory_current=7 * MIB)
    assert look(tree).usage_bytes == 7 * MIB


def test_a_group_that_has_gone_is_read_at_what_is_left_above_it(tree: Tree) -> None:
    tree.process("self", ["0::/slice/gone.scope"], [mount_v2()])
    tree.v2("/slice", memory_current=7 * MIB)
    assert look(tree).usage_bytes == 7 * MIB


def test_on_a_hybrid_machine_memory_is_version_1_and_pressure_files_are_version_2(tree: Tree) -> None:
    lines = [mount_v1("memory"), mount_v2(point="/sys/fs/cgroup/unified")]
    tree.process("self", ["4:memory:/app", "1:name=systemd:/", "0::/app.slice"], lines)
    tree.v1("memory", "/app", memory_usage_in_bytes=5 * MIB)
    tree.put("sys/fs/cgroup/unified/app.slice/cgroup.procs", "1\n")
    cgroup = Cgroup(tree.root)
    memory = cgroup.memory()
    assert memory is not None
    assert memory.usage_bytes == 5 * MIB
    assert cgroup.unified == tree.root / "sys/fs/cgroup/unified/app.slice"


def test_a_mount_point_with_a_space_is_found(tree: Tree) -> None:
    tree.process("self", ["0::/"], [mount_v2(point=r"/mnt/my\040groups")])
    tree.put("mnt/my groups/memory.current", 7 * MIB)
    assert look(tree).usage_bytes == 7 * MIB


def test_another_process_has_its_own_group(tree: Tree) -> None:
    on_v2(tree)
    tree.process("42", ["0::/other"], [mount_v2()])
    tree.v2("/other", memory_current=3 * MIB)
    memory = Cgroup(tree.root, pid=42).memory()
    assert memory is not None
    assert memory.usage_bytes == 3 * MIB


# -- nothing there


def test_an_empty_machine_has_neither_memory_nor_throttling(tmp_path: Path) -> None:
    cgroup = Cgroup(tmp_path)
    assert (cgroup.memory(), cgroup.throttling(), cgroup.unified) == (None, None, None)


def test_the_root_of_version_2_has_no_memory_files_and_that_is_no_error(tree: Tree) -> None:
    tree.process("self", ["0::/"], [mount_v2()])
    tree.v2("", cgroup_controllers="cpu memory\n")
    assert Cgroup(tree.root).memory() is None


def test_a_group_removed_while_we_look_is_no_error(tree: Tree) -> None:
    on_v2(tree)
    cgroup = Cgroup(tree.root)
    (tree.root / "sys/fs/cgroup/memory.current").unlink()
    assert cgroup.memory() is None


@given(st.text(max_size=300), st.text(max_size=300))
@settings(max_examples=200, deadline=None)
def test_nonsense_in_proc_is_no_error(group: str, mountinfo: str) -> None:
    assert all(isinstance(path, str) for path in mounts.memberships(group).values())
    assert all(mount.controllers for mount in mounts.mounts(mountinfo))


def test_a_pipe_in_a_files_place_holds_nobody_up(tree: Tree) -> None:
    on_v2(tree)
    usage = tree.root / "sys/fs/cgroup/memory.current"
    usage.unlink()
    os.mkfifo(usage)
    assert Cgroup(tree.root).memory() is None


@pytest.mark.parametrize("text", ["", "max\n", "-5\n", "1e9\n", "9" * 500, "\x00\xff", "٣\n"])
def test_nonsense_in_a_usage_file_is_unknown(tree: Tree, text: str) -> None:
    on_v2(tree, memory_current=text)
    assert Cgroup(tree.root).memory() is None
