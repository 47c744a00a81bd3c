"""The measurement of the feed, in small."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_it_measures_how_long_everybody_takes_to_be_told():
    command = [sys.executable, "-m", "loadtest.fed", "--clients", "10", "--services", "4", "--changes", "2"]
    ended = subprocess.run(
        [*command, "--every", "0.3", "--settle", "0.5"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    figures = dict(re.findall(r"^(\S.*?\S) {2,}([\d.]+)", ended.stdout, re.MULTILINE))
    assert ended.returncode in (0, 1), ended.stderr  # 1: this machine is busy
    assert figures["changes told"] == "20"
    assert "0 missing" in ended.stdout
    assert "with 10 tokens reviewed" in ended.stdout
    assert 0 < float(figures["p50, ms"]) <= float(figures["p99, ms"]) <= float(figures["max, ms"])
    assert 10 < float(figures["the highest seen, MB"]) < 200
