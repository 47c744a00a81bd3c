import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from loadtest import lineup, load, openloop, processes

PATIENCE_S = 60.0
ENOUGH = 10


def _plan(
    pod: lineup.Pod, *, rate: float = 200, seconds: float = 1.0, timeout_s: float = 5.0
) -> openloop.Plan:
    return openloop.Plan(pod.address, lineup.SERVICE, "/", rate, seconds, timeout_s=timeout_s)


def _pod(children: processes.Children) -> lineup.Pod:
    return lineup.Pod.start(children, "pod-1", f"{processes.loopback_net()}.1:8080", delay_ms=0)


def _under_way(running: load.Load) -> Iterator[list[load.Sample]]:
    """Its reports, once it has some answers."""
    reports = running.batches()
    while len(running.samples) < ENOUGH:
        next(reports)
    return reports


def _to_the_end(running: load.Load, reports: Iterator[list[load.Sample]]) -> list[load.Sample]:
    for _ in reports:
        pass
    return running.samples


def test_every_request_is_sent_once_and_accounted_for(tmp_path: Path) -> None:
    with processes.Children(tmp_path) as children:
        samples = load.start(children, _plan(_pod(children))).finish()
    assert len(samples) == 200
    assert {(sample.outcome, sample.pod) for sample in samples} == {("200", "pod-1")}


def test_finishing_twice_says_the_same(tmp_path: Path) -> None:
    with processes.Children(tmp_path) as children:
        running = load.start(children, _plan(_pod(children), seconds=0.2))
        assert running.finish() == running.finish(now=True)


def test_due_times_are_evenly_spaced(tmp_path: Path) -> None:
    with processes.Children(tmp_path) as children:
        samples = load.start(children, _plan(_pod(children))).finish()
    due_s = sorted(sample.due_s for sample in samples)
    gaps = [later - earlier for earlier, later in itertools.pairwise(due_s)]
    assert min(gaps) == pytest.approx(0.005)
    assert max(gaps) == pytest.approx(0.005)


def test_a_stall_is_charged_to_every_request_it_delayed(tmp_path: Path) -> None:
    # Closed-loop tools would report one slow request here: coordinated omission.
    with processes.Children(tmp_path) as children:
        pod = _pod(children)
        running = load.start(children, _plan(pod, seconds=2.5), every_s=0.1)
        reports = _under_way(running)
        os.kill(pod.child.pid, signal.SIGSTOP)
        time.sleep(0.4)
        os.kill(pod.child.pid, signal.SIGCONT)
        samples = _to_the_end(running, reports)
    delayed = [sample for sample in samples if sample.latency_ms > 100]
    assert not load.failures(samples)
    assert len(delayed) >= 50  # about 200/s × (0.4 − 0.1) s
    assert max(sample.latency_ms for sample in samples) > 350


def test_a_hung_server_becomes_timeouts_not_a_hung_generator(tmp_path: Path) -> None:
    with processes.Children(tmp_path) as children:
        pod = _pod(children)
        os.kill(pod.child.pid, signal.SIGSTOP)
        samples = load.start(children, _plan(pod, rate=20, seconds=0.5, timeout_s=0.5)).finish()
        os.kill(pod.child.pid, signal.SIGCONT)
    assert load.failures(samples) == {"timeout": 10}


def test_nobody_listening_becomes_connect_failures(tmp_path: Path) -> None:
    with processes.Children(tmp_path) as children:
        pod = _pod(children)
        pod.kill()
        samples = load.start(children, _plan(pod, rate=20, seconds=0.5)).finish()
    assert load.failures(samples) == {"connect": 10}


def test_a_draining_pod_says_so_and_loses_nothing(tmp_path: Path) -> None:
    with processes.Children(tmp_path) as children:
        pod = _pod(children)
        running = load.start(children, _plan(pod, rate=100, seconds=1.5), every_s=0.1)
        reports = _under_way(running)
        pod.drain()
        samples = _to_the_end(running, reports)
        assert pod.child.process.returncode == 0
    # What was accepted was answered; afterwards nobody listens.
    assert set(load.failures(samples)) <= {"connect"}
    assert sum(sample.ok for sample in samples) >= ENOUGH


def test_children_end_with_an_exception(tmp_path: Path) -> None:
    children = processes.Children(tmp_path)
    child = children.start("sleeper", ["sleep", "60"])
    with pytest.raises(RuntimeError, match="boom"):
        _fail_inside(children)
    assert not child.running


def _fail_inside(children: processes.Children) -> None:
    with children:
        raise RuntimeError("boom")


def test_children_end_with_a_killed_parent(tmp_path: Path) -> None:
    script = (
        "import pathlib, sys, time\n"
        "from loadtest import processes\n"
        "children = processes.Children(pathlib.Path(sys.argv[1]))\n"
        "print(children.start('sleeper', ['sleep', '60']).pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        _until(lambda: _name(pid) == "sleep", "setpriv has run")
        parent.kill()
    _until(lambda: not _alive(pid), "it ends with its parent")


def _until(holds: Callable[[], bool], promise: str) -> None:
    deadline = time.perf_counter() + PATIENCE_S
    while not holds():
        assert time.perf_counter() < deadline, f"broken promise: {promise}"
        time.sleep(0.02)  # another process: there is no event to wait for


def _name(pid: int) -> str:
    return Path(f"/proc/{pid}/comm").read_text().strip()


def _alive(pid: int) -> bool:
    """A zombie nobody has reaped yet is not alive."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_process_that_exits_at_once_is_reported_with_its_last_words(tmp_path: Path) -> None:
    with processes.Children(tmp_path) as children:
        child = children.start("broken", ["sh", "-c", "echo no such option >&2; exit 7"])
        with pytest.raises(processes.StartError, match=r"(?s)exited 7.*no such option"):
            processes.await_http("127.0.0.1:9", child, host="x")
