import json
import subprocess
import sys
from pathlib import Path

import pytest

from loadtest.load import Sample
from loadtest.scenarios import arms, bids
from loadtest.scenarios.flow import Flow
from tests.support import scenarios

CAPACITY = 400.0
SCRIPT = bids.written(CAPACITY, "127.70.1", quick=True)
FAIR = {bids.RICH: 300.0, bids.POOR: 100.0, bids.HIGH: 250.0, bids.LOW: 150.0}


def sharing(shares: dict[str, float]) -> scenarios.Rule:
    """Everybody is served at a rate of its own."""

    def rule(flow: Flow, at_s: float, number: int) -> Sample:
        before, now = (int(each * shares[flow.name] / flow.rate) for each in (number, number + 1))
        return scenarios.served(at_s) if now > before else scenarios.refused(at_s)

    return rule


def verdicts(shares: dict[str, float]) -> list[bool]:
    return [each.held for each in bids.verdicts(scenarios.recording(SCRIPT, sharing(shares)))]


def test_three_to_one_keeps_both_promises() -> None:
    assert verdicts(FAIR) == [True, True]


@pytest.mark.parametrize("rich", [200.0, 360.0])
def test_other_shares_break_the_ratio(rich: float) -> None:
    assert verdicts({**FAIR, bids.RICH: rich}) == [False, True]


def test_starving_the_poor_breaks_both_promises() -> None:
    assert verdicts({**FAIR, bids.POOR: 0.0}) == [False, False]


def test_budgets_are_in_discovery_and_only_one_bids() -> None:
    assert [caller.budget for caller in SCRIPT.callers] == [3.0, 1.0, 1.0, 1.0]
    assert [flow.name for flow in SCRIPT.flows if flow.headers] == [bids.HIGH]
    assert all(flow.rate == 2 * CAPACITY for flow in SCRIPT.flows)


def test_who_bids_higher_is_shown_not_judged() -> None:
    shut_out = {**FAIR, bids.HIGH: 0.0}
    result = bids.judged(scenarios.both(SCRIPT, scenarios.recording(SCRIPT, sharing(shut_out))))
    assert result.held


@pytest.mark.slow
def test_the_whole_program_plays_judges_and_reports(tmp_path: Path) -> None:
    out = tmp_path / "new"
    argv = [sys.executable, "-m", "loadtest.scenarios", "--only", "bids", "--quick", "--out", str(out)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode in (0, 1), done.stderr
    told = json.loads((out / "scenarios.json").read_text())
    assert told["held"] == (done.returncode == 0)
    (scenario,) = told["scenarios"]
    assert (scenario["name"], scenario["broke"], len(scenario["promises"])) == ("bids", None, 2)
    assert {row["arm"] for row in scenario["rows"]} == {arm.title for arm in arms.ARMS}
    ours = [row["served_per_s"] for row in scenario["rows"] if row["arm"] == arms.ON.title]
    assert min(ours) > 0, "with Equilibrium everybody is served something"
    assert (out / "scenarios.md").read_text() in done.stdout + "\n"
    page = (out / "scenarios.html").read_text()
    assert page.startswith("<!doctype html>")
    assert page.count("Plotly.newPlot") >= 1
    assert "bids, Equilibrium: budgets is over" in done.stderr, "progress is told"
