import os
from pathlib import Path

import pytest

from loadtest import procfs
from sidecar import clock


def test_cpu_ticks_survive_any_command_name() -> None:
    stat = "42 (a) b (c)) S 1 42 42 0 -1 4194304 100 0 0 0 250 50 7 8 20 0 1 0 999 0 0"
    assert procfs.parse_cpu_ticks(stat) == 300


def test_status_bytes_are_kibibytes_times_1024() -> None:
    status = "Name:\tx\nVmHWM:\t  9000 kB\nVmRSS:\t  2048 kB\n"
    assert procfs.parse_status_bytes(status, "VmRSS") == 2 * 1024 * 1024
    assert procfs.parse_status_bytes(status, "VmSwap") == 0


def test_core_busy_leaves_out_idle_iowait_and_guest() -> None:
    stat = "cpu  9 9 9 9 9 9 9 9 9 9\ncpu1 10 20 30 1000 2000 1 2 3 500 600\n"
    assert procfs.parse_core_busy_ticks(stat, 1) == 66
    with pytest.raises(ValueError, match="cpu7"):
        procfs.parse_core_busy_ticks(stat, 7)


def test_own_cpu_seconds_agree_with_the_kernels() -> None:
    before, started = os.times(), procfs.cpu_s(os.getpid())
    until = clock.now() + 0.3
    while clock.now() < until:
        pass
    after, used = os.times(), procfs.cpu_s(os.getpid()) - started
    assert used == pytest.approx(after.user - before.user + after.system - before.system, abs=0.1)


def test_own_memory_is_plausible() -> None:
    assert 5_000_000 < procfs.rss_bytes(os.getpid()) < 2_000_000_000


def test_a_process_that_is_gone_costs_nothing() -> None:
    gone = int(Path("/proc/sys/kernel/pid_max").read_text())
    assert procfs.tree(gone) == []
    assert procfs.cpu_s(gone) == 0
    assert procfs.rss_bytes(gone) == 0
