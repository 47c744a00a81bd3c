"""The application's processes are counted in a pod that shares its namespace, and nobody's anywhere else."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sidecar.pressure.proc import Processes
from tests.pressure.trees import Tree

PAGE = os.sysconf("SC_PAGE_SIZE")
APP, OURS, OTHER = ["0::/../app"], ["0::/"], ["0::/../other"]


def pod(root: Path, own_pid: int = 7) -> tuple[Tree, Processes]:
    """A shared namespace: the pause process, the sidecar, and two processes of the application."""
    tree = Tree(root)
    tree.process("1", ["0::/../sandbox"], comm="pause", pages=(1, 1))
    tree.process(str(own_pid), OURS, comm="python", pages=(10_000, 2_000))
    tree.process("20", APP, pages=(3_000, 1_000))
    tree.process("21", APP, pages=(2_500, 800))
    return tree, Processes(tree.root, own_pid)


# -- whose processes


def test_in_a_shared_namespace_the_applications_processes_are_seen(tmp_path: Path) -> None:
    _, processes = pod(tmp_path)
    assert (processes.shared, processes.application()) == (True, [20, 21])


def test_the_pause_process_the_sidecar_and_what_runs_beside_it_are_left_out(tmp_path: Path) -> None:
    tree, processes = pod(tmp_path)
    tree.process("30", OURS, comm="sh", pages=(500, 100))
    assert processes.application() == [20, 21], "a shell in the sidecar's container is not the application"


@pytest.mark.parametrize("first", ["systemd", "init", "bash", "tini", "python", "pause2", ""])
def test_on_a_host_nobodys_processes_are_counted(tmp_path: Path, first: str) -> None:
    tree, processes = pod(tmp_path)
    tree.process("1", ["0::/init.scope"], comm=first)
    assert (processes.shared, processes.application()) == (False, [])


def test_a_sidecar_that_is_process_one_is_alone_whatever_it_is_called(tmp_path: Path) -> None:
    tree, processes = pod(tmp_path, own_pid=1)
    tree.process("1", OURS, comm="pause")
    assert (processes.shared, processes.application()) == (False, [])


def test_where_process_one_is_hidden_nobodys_processes_are_counted(tmp_path: Path) -> None:
    tree, processes = pod(tmp_path)
    (tree.root / "proc/1/comm").unlink()
    assert processes.application() == []


def test_this_very_machine_has_no_pod() -> None:
    if Path("/proc/1/comm").read_text().strip() == "pause":
        pytest.skip("these tests run in a pod with a shared process namespace")
    assert Processes().application() == [], "processes of the host were taken for the application's"


def test_a_thousand_processes_are_enough(tmp_path: Path) -> None:
    tree, processes = pod(tmp_path)
    for pid in range(100, 1300):
        tree.process(str(pid), APP)
    assert len(processes.application()) == 1024


# -- what they hold


def test_resident_memory_is_pages_in_bytes(tmp_path: Path) -> None:
    _, processes = pod(tmp_path)
    assert processes.resident_bytes(20) == 3_000 * PAGE


def test_of_several_processes_shared_pages_count_once(tmp_path: Path) -> None:
    _, processes = pod(tmp_path)
    assert processes.together_bytes([20, 21]) == (2_000 + 1_700 + 1_000) * PAGE
    assert processes.together_bytes([20]) == processes.resident_bytes(20)


def test_a_process_that_is_gone_has_nothing_and_hides_nobody(tmp_path: Path) -> None:
    tree, processes = pod(tmp_path)
    (tree.root / "proc/21/statm").unlink()
    assert (processes.resident_bytes(21), processes.descriptors(21)) == (None, None)
    assert processes.together_bytes([20, 21, 99]) == processes.resident_bytes(20)
    assert processes.together_bytes([]) is None


def test_more_shared_than_resident_pages_count_as_resident(tmp_path: Path) -> None:
    """The numbers of statm are not taken at one moment."""
    tree, processes = pod(tmp_path)
    tree.process("20", APP, pages=(100, 200))
    tree.process("21", APP, pages=(300, 300))
    assert processes.together_bytes([20, 21]) == 300 * PAGE


@pytest.mark.parametrize("text", ["", "1", "1 2", "1 x 2", "1 -5 2"])
def test_odd_numbers_in_proc_are_unknown(tmp_path: Path, text: str) -> None:
    tree, processes = pod(tmp_path)
    tree.put("proc/20/statm", text)
    assert processes.resident_bytes(20) is None


def test_a_real_process_holds_what_it_allocated_and_the_files_it_opened() -> None:
    code = (
        "import sys; held = b'x' * (50 << 20); files = [open('/dev/null') for _ in range(20)];"
        "print('ready', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        resident = Processes().resident_bytes(process.pid)
        descriptors = Processes().descriptors(process.pid)
        process.communicate()
    assert resident is not None
    assert 50 << 20 <= resident <= 150 << 20
    assert descriptors is not None
    assert 23 <= descriptors <= 30
    assert Processes().resident_bytes(process.pid) is None, "an ended process holds nothing"


def test_files_of_a_process_we_may_not_look_into_are_unknown(tmp_path: Path) -> None:
    _, processes = pod(tmp_path)
    assert processes.descriptors(20) is None, "no fd folder can be read"
