"""The measurement of the coordinator at its largest, in small."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_it_measures_a_coordinator_that_resizes_and_keeps_every_node_within_its_capacity():
    command = [sys.executable, "-m", "loadtest.coordinated", "--pods", "20", "--nodes", "2", "--cycles", "2"]
    ended = subprocess.run(
        [*command, "--cycle", "300ms"], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode == 0, ended.stderr
    figures = dict(re.findall(r"^(\S.*?\S) {2,}([\d.]+)", ended.stdout, re.MULTILINE))
    assert figures["pods in the market"] == "20"
    assert int(figures["resizes"]) > 0
    assert 10 < float(figures["the highest seen, MB"]) < 150
    # 16 CPUs, 5 % in reserve, 10 sidecars of 50m and 10 other pods of 150m
    assert int(figures["largest Σ limits of a node"]) <= 16_000 * 0.95 - 10 * 50 - 10 * 150
