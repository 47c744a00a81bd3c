import re
from html.parser import HTMLParser
from typing import Any

import plotly.graph_objects as go
import pytest

from loadtest.demo import chapters, charts, claims, report
from tests.support import demo

ARMS = chapters.ARMS


def _page(scale: float = 1.0) -> str:
    script = chapters.Script(ARMS, chapters.FAULTS, scale)
    recordings = [demo.recording(arm) for arm in ARMS]
    return report.page(script, recordings, claims.rule(claims.table(chapters.FAULTS), recordings[-1]))


class _Links(HTMLParser):
    """What a browser would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for name, value in attrs if name in ("src", "href")]


def test_the_report_is_one_file_that_fetches_nothing() -> None:
    links = _Links()
    links.feed(re.sub(r"<script>.*?</script>", "", page := _page(), flags=re.DOTALL))
    assert links.found == []
    assert "<script src" not in page
    assert "plotly.js v" in page, "plotly.js must be inside"


def test_the_verdict_stands_above_the_charts() -> None:
    page = _page()
    order = [
        page.index(mark)
        for mark in ("14 of 14 claims hold", "What each fault did", "What Equilibrium claims", "draw('arm0'")
    ]
    assert order == sorted(order)


def test_a_shortened_run_says_so() -> None:
    assert "shortened to 25%" in _page(0.25)
    assert "shortened" not in _page()


def test_a_quiet_machine_needs_no_excuse() -> None:
    assert "busy with other work" not in _page()


@pytest.mark.parametrize("arm", ARMS, ids=[arm.name for arm in ARMS])
def test_charts_are_figures_plotly_accepts(arm: chapters.Arm) -> None:
    figure = charts.arm(demo.recording(arm))
    go.Figure(figure)  # raises on any property it does not know


def test_chaos_is_marked_where_it_was() -> None:
    figure = charts.arm(demo.recording())
    latency = [shape for shape in figure["layout"]["shapes"] if shape["xref"] == "x"]
    assert [(shape["x0"], shape["x1"]) for shape in latency] == [(15, 27), (44, 56), (73, 85), (102, 114)]
    labels = [
        _plain(note["text"]) for note in figure["layout"]["annotations"] if note["text"].startswith("<b>")
    ]
    assert labels == [fault.title for fault in chapters.FAULTS]


def test_a_service_is_shaded_only_while_its_own_pod_is_bad() -> None:
    figure = charts.arm(demo.recording())
    bus = next(
        place for place, text in enumerate(_titles(figure)) if text == "bus-service: who answered, per 2 s"
    )
    number = f"x{bus + 1}"
    assert [(s["x0"], s["x1"]) for s in figure["layout"]["shapes"] if s["xref"] == number] == [(15, 27)]


def test_equilibrium_shows_what_its_sidecar_thinks_and_the_others_do_not() -> None:
    ours, theirs = (_titles(charts.arm(demo.recording(arm))) for arm in (ARMS[2], ARMS[1]))
    assert [title for title in ours if "regrets" in title] == [
        f"{r.service}: regrets" for r in chapters.ROUTES
    ]
    assert any(title.startswith("V of") for title in ours)
    assert any(title.startswith("Nash gap") for title in ours)
    assert not any("regrets" in title for title in theirs)


def test_labels_are_broken_into_short_lines() -> None:
    assert charts.wrapped("500 ms on 10 % of one trajet pod", 16) == "500 ms on 10 %<br>of one trajet<br>pod"


def test_a_running_mean_knows_only_the_past() -> None:
    assert charts.averaged([0.0, 1.0, 1.0, 0.0], 2) == [0.0, 0.5, 1.0, 0.5]


def _titles(figure: dict[str, Any]) -> list[str]:
    return [n["text"] for n in figure["layout"]["annotations"] if n.get("xref") == "paper"]


def _plain(text: str) -> str:
    return text.replace("<br>", " ").replace("<b>", "").replace("</b>", "")
