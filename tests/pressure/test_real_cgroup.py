"""The control groups of this machine: what we read is what the kernel does, limits, kills and all."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sidecar.pressure import mounts
from sidecar.pressure.cgroup import Cgroup, machine_bytes
from sidecar.pressure.psi import Psi
from tests.pressure.trees import MIB

HOLD = "import sys; held = b'x' * int(sys.argv[1]); print('ready', flush=True); sys.stdin.read()"
POD = """
sh -c 'echo $$ > "$0/cgroup.procs"; exec "$@"' "$2" "$1" -c 'held = b"x" * (30 << 20); import time; time.sleep(60)' &
"$1" -c '
import json, time
from sidecar.pressure.processes import AppProcesses
reading = None
for _ in range(200):
    reading = AppProcesses().read(0.0)
    if reading is not None and reading.usage_bytes >= 30 << 20:
        break
    time.sleep(0.05)
print(json.dumps(reading and [reading.usage_bytes, reading.limit_bytes, reading.source]), flush=True)
' &
exec "$3" 60
"""
LIMIT_FILES = {1: "memory.limit_in_bytes", 2: "memory.max"}


@pytest.fixture
def group() -> Iterator[tuple[int, Path]]:
    """An empty group of our own below ours, with a limit of 64 MiB; removed afterwards."""
    place = mounts.find("memory", Path("/"), "self")
    if os.geteuid() != 0 or place is None:
        pytest.skip("needs root and a memory controller to make a control group")
    folder = place.folders[-1] / f"equilibrium-test-{os.getpid()}"
    try:
        folder.mkdir()
    except OSError as error:
        pytest.skip(f"cannot make a control group: {error}")
    try:
        try:
            (folder / LIMIT_FILES[place.version]).write_text(str(64 * MIB))
        except OSError as error:
            pytest.skip(f"the new group has no memory controller: {error}")
        yield place.version, folder
    finally:
        folder.rmdir()


def start(folder: Path, size_bytes: int) -> subprocess.Popen[bytes]:
    """A process in the group that allocates so much, then waits for us; it moves itself there first."""
    command = ["sh", "-c", 'echo $$ > "$0/cgroup.procs" && exec "$@"', str(folder)]
    command += [sys.executable, "-c", HOLD, str(size_bytes)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def test_usage_and_limit_of_a_real_group_are_what_its_process_does(group: tuple[int, Path]) -> None:
    _, folder = group
    with start(folder, 30 * MIB) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        memory = Cgroup(pid=process.pid).memory()
        process.communicate()
    assert memory is not None
    assert memory.limit_bytes == 64 * MIB
    assert 30 * MIB <= memory.usage_bytes <= 64 * MIB, "30 MiB are held"
    assert memory.pressure == memory.usage_bytes / memory.limit_bytes
    assert memory.oom_kills == 0


def test_a_real_kill_is_counted(group: tuple[int, Path]) -> None:
    _, folder = group
    with start(folder, 1) as keeper:  # keeps the group known by a process that lives on
        assert keeper.stdout is not None
        assert keeper.stdout.readline() == b"ready\n"
        cgroup = Cgroup(pid=keeper.pid)
        with start(folder, 512 * MIB) as greedy:
            greedy.communicate()
        memory = cgroup.memory()
        keeper.communicate()
    assert memory is not None
    if greedy.returncode == 0:
        pytest.skip("the machine has swap: nothing was killed")
    assert memory.oom_kills == 1, "a process was killed and not counted"


def test_our_own_group_is_within_the_machine() -> None:
    memory = Cgroup().memory()
    if memory is None:
        pytest.skip("this process is in no memory control group")
    machine = machine_bytes()
    assert machine is not None
    assert memory.limit_bytes is not None
    assert 0 < memory.usage_bytes <= machine
    assert 0 < memory.limit_bytes <= machine


def test_stalls_of_this_machine_are_shares() -> None:
    psi = Psi(Cgroup().unified)
    shares = [psi.memory(), psi.cpu()]
    if shares == [None, None]:
        pytest.skip("this kernel has no pressure stall information")
    assert all(share is None or 0.0 <= share <= 1.0 for share in shares)


def test_in_a_real_shared_process_namespace_the_application_is_found(
    group: tuple[int, Path], tmp_path: Path
) -> None:
    """Process 1 is called pause, the application is in a control group of its own: a pod, as far as we can tell."""
    _, folder = group
    unshare, sleep = shutil.which("unshare"), shutil.which("sleep")
    if unshare is None or sleep is None:
        pytest.skip("needs unshare and sleep")
    pause = shutil.copy(sleep, tmp_path / "pause")
    command = [unshare, "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", POD, "sh"]
    command += [sys.executable, str(folder), str(pause)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        process.kill()
    _emptied(folder)
    if not line:
        pytest.skip("no process namespace can be made here")
    reading = json.loads(line)
    assert reading is not None, "the application's processes were not seen"
    usage, limit, source = reading
    assert 30 * MIB <= usage <= 64 * MIB
    assert (limit, source) == (64 * MIB, "processes")


def _emptied(folder: Path) -> None:
    """Wait until nobody lives in the group: only then can it be removed."""
    for _ in range(200):
        if not (folder / "cgroup.procs").read_text():
            return
        time.sleep(0.05)
    raise AssertionError("processes of the namespace outlived it")
