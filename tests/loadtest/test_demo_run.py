import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from loadtest.demo import options

DEMO = [sys.executable, "-m", "loadtest.demo"]


@pytest.mark.parametrize("wrong", [["--seconds", "3"], ["--seconds", "soon"], ["--strategy", "none"]])
def test_wrong_usage_is_told_and_is_status_2(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        options.parse(wrong)
    assert left.value.code == 2
    assert wrong[0] in capsys.readouterr().err


def test_by_default_everything_is_played_at_full_length() -> None:
    chosen = options.parse([])
    assert (chosen.script.scale, len(chosen.script.arms), len(chosen.script.faults)) == (1.0, 3, 4)
    assert chosen.report == Path("out/demo.html")


@pytest.mark.slow
def test_the_whole_program_plays_judges_and_reports(tmp_path: Path) -> None:
    report = tmp_path / "new" / "demo.html"
    argv = [*DEMO, "--quick", "--seconds", "10", "--json", "--report", str(report)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode in (0, 1), done.stderr
    told = json.loads(done.stdout)
    assert told["holds"] == (done.returncode == 0)
    assert [arm["name"] for arm in told["arms"]] == ["none", "equilibrium"]
    assert all(arm["steady"]["bus-service"]["requests"] for arm in told["arms"]), done.stderr
    assert {(row["fault"], row["arm"]) for row in told["faults"]} >= {
        ("slow", "none"),
        ("slow", "equilibrium"),
    }
    assert {claim["verdict"] for claim in told["claims"]} <= {"holds", "fails", "too few"}
    assert report.read_text().startswith("<!doctype html>")
    assert "\x1b" not in done.stderr, "without a terminal there are plain lines"
    assert "fault: +500 ms on one bus pod" in done.stderr


@pytest.mark.slow
def test_ctrl_c_ends_everything_and_is_status_130() -> None:
    with subprocess.Popen(DEMO, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as playing:
        assert playing.stderr is not None
        assert "starting" in playing.stderr.readline()
        playing.send_signal(signal.SIGINT)
        _, said = playing.communicate(timeout=120)
    assert playing.returncode == 130, said
    assert "interrupted" in said
