import math

import orjson
import pytest

from loadtest.bench import document
from loadtest.scenarios import __main__ as program
from loadtest.scenarios import bids, report, verdict
from loadtest.scenarios.result import Result
from loadtest.scenarios.verdict import Verdict
from tests.support import scenarios

KEPT, BROKEN = Verdict("p99", "≤ 3×", "2×", held=True), Verdict("goodput", "≥ 90 %", "12 %", held=False)
GOOD, BAD = Result("bids", "Budgets", [KEPT]), Result("flood", "A flood", [KEPT, BROKEN])
SKIPPED, BROKE = Result("memory", "Memory", skipped="not root"), Result("journey", "A ride", broke="no port")
MACHINE = {"cores": "2"}


@pytest.mark.parametrize(
    ("results", "code"),
    [
        ([GOOD], 0),
        ([GOOD, SKIPPED], 0),
        ([GOOD, BAD], 1),
        ([GOOD, BROKE], 1),
        ([SKIPPED, BROKE], 3),
        ([SKIPPED], 3),
    ],
)
def test_the_exit_status_says_whether_promises_were_kept(results: list[Result], code: int) -> None:
    assert program.status(results) == code


def test_the_conclusion_counts_promises_and_names_what_is_wrong() -> None:
    assert report.conclusion([GOOD, BAD, SKIPPED, BROKE]) == (
        "2 of 3 promises were kept; not all of flood; not played: memory; broke off: journey."
    )


def test_every_promise_is_in_the_overview_kept_or_not() -> None:
    marks = [(row[0].partition(":")[0], row[-1]) for row in report.overview([GOOD, BAD, SKIPPED, BROKE]).rows]
    assert marks == [("bids", "✓"), ("flood", "✓"), ("flood", "✗"), ("memory", ""), ("journey", "")]


def test_markdown_and_page_tell_the_same_and_the_page_needs_nothing_from_elsewhere() -> None:
    script = bids.written(40.0, "127.70.1", quick=True)
    result = bids.judged(scenarios.both(script, scenarios.recording(script)))
    blocks = report.blocks([result, SKIPPED], MACHINE, quick=True)
    text, page = document.markdown(blocks), document.html(report.TITLE, blocks)
    for part in ("Budgets and bids (bids)", "Not played: not root", report.QUICK, "round robin, no policing"):
        assert part in text
        assert part in page
    assert page.count('<script>draw("f') == 2, "a figure for each arm"
    without_plotly = page.partition("</script>")[2]
    assert "http://" not in without_plotly
    assert "https://" not in without_plotly
    assert "<script src" not in page


def test_the_summary_is_plain_and_says_what_was_held() -> None:
    told = orjson.loads(orjson.dumps(report.summary([BAD, BROKE], MACHINE, quick=False)))
    assert told["held"] is False
    assert [each["held"] for each in told["scenarios"]] == [False, False]
    assert told["scenarios"][0]["promises"][1] == {
        "claim": "goodput",
        "bar": "≥ 90 %",
        "measured": "12 %",
        "held": False,
    }


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (0.0129, "%", "1.29 %"),
        (0.95, "%", "95 %"),
        (1.5, "×", "1.5×"),
        (38.44, "ms", "38.4 ms"),
        (1234.5, "/s", "1,234/s"),
        (0.0123, "", "0.012"),
        (0.0, "s", "0 s"),
        (100.0, "ms", "100 ms"),
        (math.nan, "s", "no figure"),
        (math.inf, "s", "never"),
    ],
)
def test_figures_carry_their_unit(value: float, unit: verdict.Unit, shown: str) -> None:
    assert verdict.figure(value, unit) == shown


@pytest.mark.parametrize("judge", [verdict.at_most, verdict.below, verdict.at_least])
def test_what_could_not_be_measured_keeps_no_promise(judge: object) -> None:
    assert callable(judge)
    assert not judge("p99", math.nan, 1.0).held


def test_bars_are_judged_at_their_edges() -> None:
    assert verdict.at_most("x", 1.5, 1.5).held
    assert not verdict.below("x", 1.5, 1.5).held
    assert verdict.at_least("x", 1.5, 1.5).held
    assert verdict.within("x", 3.25, 3.0, 0.1).held
    assert not verdict.within("x", 3.31, 3.0, 0.1).held
    assert not verdict.within("x", math.nan, 3.0, 0.1).held
