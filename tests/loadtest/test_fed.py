"""The measurement of the feed, in small."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def measured(*flags: str) -> tuple[int, str, dict[str, str], str]:
    command = [sys.executable, "-m", "loadtest.fed", "--clients", "10", "--services", "4", "--changes", "2"]
    ended = subprocess.run(
        [*command, "--every", "0.3", "--settle", "0.5", *flags],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    figures = dict(re.findall(r"^(\S.*?\S) {2,}([\d.]+(?: [\d.]+)*)", ended.stdout, re.MULTILINE))
    return (
        ended.returncode,
        ended.stdout,
        figures,
        ended.stderr,
    )


def test_it_measures_how_long_everybody_takes_to_be_told():
    status, shown, figures, said = measured()
    assert status in (0, 1), said  # 1: this machine is busy
    assert figures["changes told"] == "20"
    assert "0 missing" in shown
    assert "with 10 tokens reviewed" in shown
    assert 0 < float(figures["p50, ms"]) <= float(figures["p99, ms"]) <= float(figures["max, ms"])
    assert 10 < float(figures["the highest seen, MB"]) < 200
    assert "the highest of each epoch, MB" not in figures


def test_it_follows_the_memory_of_a_coordinator_that_advises_them_all():
    status, shown, figures, said = measured("--advice", "2", "--epoch", "1")
    assert status in (0, 1), said
    assert "0 missing" in shown
    assert "with 10 tokens reviewed" in shown  # one token, whatever it is shown for
    epochs_mb = [float(each) for each in figures["the highest of each epoch, MB"].split()]
    assert len(epochs_mb) == 2
    assert all(10 < each <= float(figures["the highest seen, MB"]) + 0.5 for each in epochs_mb)
