"""`python -m loadtest.mesh`, and how a mesh ends: whatever happens, no process is left."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from loadtest import processes
from loadtest.mesh import Mesh, MeshPlan
from sidecar import clock

PATIENCE_S = 60.0
PIDS = re.compile(r"^(?:gateway|\w+-service)-\d .*?((?: \d+)+)$", re.MULTILINE)


def until_gone(pids: list[int], promise: str) -> None:
    """Wait until none of these processes is left."""
    deadline = clock.now() + PATIENCE_S
    while left := [pid for pid in pids if alive(pid)]:
        assert clock.now() < deadline, f"{promise}: still there: {left}"
        time.sleep(0.05)


def alive(pid: int) -> bool:
    """Runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_sidecar_that_does_not_start_is_quoted(tmp_path: Path) -> None:
    plan = MeshPlan(replicas=1, env={"EQUILIBRIUM_CONCURRENCY": "many"})
    with processes.Children(tmp_path) as children, pytest.raises(processes.StartError, match="many"):
        Mesh.start(children, plan)


def test_stopping_leaves_no_process(tmp_path: Path) -> None:
    with processes.Children(tmp_path) as children:
        mesh = Mesh.start(children, MeshPlan(strategy=None, replicas=1))
        pids = [child.pid for pod in mesh.pods() for child in pod.children]
        mesh.fault(mesh.pods("bus-service")[0], hang=True)
        mesh.stop()
        mesh.stop()
        assert not [pid for pid in pids if alive(pid)]


def run(*arguments: str, **variables: str) -> subprocess.Popen[str]:
    """The program."""
    return subprocess.Popen(
        [sys.executable, "-m", "loadtest.mesh", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **variables},
        text=True,
    )


def up(program: subprocess.Popen[str]) -> str:
    """What it prints once everything runs."""
    assert program.stdout is not None
    page = ""
    for line in program.stdout:
        page += line
        if "discovery.json" in line:
            return page
    raise AssertionError(f"it ended with {program.wait()}:\n{program.stderr and program.stderr.read()}")


def pids_of(page: str) -> list[int]:
    """Every process in the table."""
    return [int(pid) for row in PIDS.findall(page) for pid in row.split()]


def test_nothing_outlives_a_parent_that_is_killed() -> None:
    with run("--replicas", "1") as program:
        pids = pids_of(up(program))
        assert len(pids) == 10, "a gateway and four services, two processes each"
        assert all(alive(pid) for pid in pids)
        program.kill()
        program.communicate()
    until_gone(pids, "no process outlives its parent, however that ended")


def test_ctrl_c_ends_it_in_order() -> None:
    with run("--replicas", "1", "--strategy", "none") as program:
        page = up(program)
        program.send_signal(signal.SIGINT)
        _, said = program.communicate(timeout=PATIENCE_S)
    assert "curl http://" in page, "examples to paste"
    assert "Traceback" not in said
    assert program.returncode == 130
    assert not [pid for pid in pids_of(page) if alive(pid)]


def test_it_ends_by_itself_after_the_seconds_given() -> None:
    with run("--replicas", "1", "--no-sidecars", "--seconds", "0") as program:
        page, said = program.communicate(timeout=PATIENCE_S)
    assert program.returncode == 0, said
    assert len(pids_of(page)) == 5
    assert "/state" not in page, "there is no sidecar to ask"


def test_what_cannot_start_ends_with_3() -> None:
    with run("--replicas", "1", EQUILIBRIUM_CONCURRENCY="many") as program:
        _, said = program.communicate(timeout=PATIENCE_S)
    assert program.returncode == 3
    assert "EQUILIBRIUM_CONCURRENCY" in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    "wrong", [["--replicas", "0"], ["--strategy", "best"], ["--seconds", "nan"], ["--x"]]
)
def test_wrong_usage_is_answered_in_words(wrong: list[str]) -> None:
    with run(*wrong) as program:
        _, said = program.communicate(timeout=PATIENCE_S)
    assert program.returncode == 2
    assert "usage: python -m loadtest.mesh" in said


def test_help_teaches() -> None:
    with run("--help") as program:
        page, _ = program.communicate(timeout=PATIENCE_S)
    assert program.returncode == 0
    for word in ("--strategy", "--replicas", "--no-sidecars", "--seconds", "exit status", "Ctrl-C"):
        assert word in page
