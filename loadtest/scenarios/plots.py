"""One arm as small multiples over time: latency, what was served, what was not, what the sidecar said. Pure."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from loadtest.bench import document
from loadtest.demo import charts, grid, windows
from loadtest.load import Sample
from loadtest.scenarios import exposition, measures
from loadtest.scenarios.play import Recording

Pick = Callable[[Sequence[Sample]], float]
"""A figure of one second's samples."""

WIDTH_S = 1.0
PANEL_PX = 170
TITLE_PX = 24
SHARE: grid.Plain = {"rangemode": "tozero", "tickformat": ".0%"}
COUNT: grid.Plain = {"rangemode": "tozero"}
LEGEND: grid.Plain = {"orientation": "h", "x": 0.0, "y": -0.03, "yanchor": "top"}


@dataclass(frozen=True, slots=True)
class Series:
    """One metric over time under a name of its own."""

    name: str
    metric: str
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Lines:
    """A panel of metrics the sidecar exports."""

    title: str
    series: Sequence[Series]
    yaxis: Mapping[str, object] = field(default_factory=dict)


def arm(recording: Recording, extra: Sequence[Lines] = ()) -> document.Figure:
    """The arm's figure; a panel none of whose metrics was exported is left out."""
    script = recording.script
    panels = [
        _per_flow(recording, "p99 of what was served or waited for in vain", measures.p99_ms, charts.LOG_MS),
        _per_flow(recording, "served per second", _served, COUNT),
        _per_flow(recording, "refused or lost", measures.failed, {**SHARE, "range": [0, 1]}),
        *(panel for lines in extra if (panel := _panel(recording, lines)).traces),
    ]
    _name_once(panels)
    bands = [grid.Band(each.from_s, each.to_s, each.name, "") for each in script.phases if each.trouble]
    plain = grid.figure([grid.Row([panel], PANEL_PX) for panel in panels], bands, script.seconds)
    return document.Figure(titled(plain, recording.arm.title))


def _name_once(panels: Sequence[grid.Panel]) -> None:
    """The legend says which caller has which colour; a line alone in its panel is named by the panel."""
    named: set[str] = set()
    for panel in panels:
        for trace in panel.traces:
            trace["showlegend"] = len(panel.traces) > 1 and trace["name"] not in named
            named.add(trace["name"])


def titled(plain: grid.Plain, text: str) -> grid.Plain:
    """With the arm's name above everything and the callers' colours below."""
    layout = plain["layout"]
    title = {"text": f"<b>{text}</b>", "font": {"size": 15}, "x": 0.0, "xref": "paper", "yref": "container"}
    layout |= {
        "showlegend": True,
        "legend": LEGEND,
        "title": {**title, "y": 1.0, "yanchor": "top", "pad": {"t": 4}},
    }
    layout["margin"]["t"] += TITLE_PX
    layout["height"] += TITLE_PX
    return plain


def _served(samples: Sequence[Sample]) -> float:
    return measures.served_per_s(samples, WIDTH_S)


def _per_flow(recording: Recording, title: str, pick: Pick, yaxis: grid.Plain) -> grid.Panel:
    traces = []
    for place, name in enumerate(recording.script.names()):
        parts = seconds(recording.samples[name], recording.script.seconds)
        points = [(at_s, pick(part)) for at_s, part in parts]
        traces.append(_line(name, points, place))
    return grid.Panel(title, traces, yaxis)


def seconds(samples: Sequence[Sample], to_s: float) -> list[tuple[float, Sequence[Sample]]]:
    """Whole seconds in which anything was due, by their middles."""
    cut = [
        ((start_s + end_s) / 2, windows.between(samples, start_s, end_s))
        for start_s, end_s in windows.sliding(0.0, to_s, WIDTH_S, WIDTH_S)
    ]
    return [(at_s, part) for at_s, part in cut if part]


def _panel(recording: Recording, lines: Lines) -> grid.Panel:
    readings = exposition.between(recording.readings, 0.0, recording.script.seconds)
    traces: list[grid.Plain] = []
    for series in lines.series:
        said = [(each.at_s, each.get(series.metric, **series.labels)) for each in readings]
        points = [(at_s, value) for at_s, value in said if value is not None]
        if points:
            traces.append(_line(series.name, points, len(traces)))
    return grid.Panel(lines.title, traces, {**COUNT, **lines.yaxis})


def _line(name: str, points: Sequence[tuple[float, float]], place: int) -> grid.Plain:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": [round(at_s, 2) for at_s, _ in points],
        "y": [round(value, 4) if math.isfinite(value) else None for _, value in points],
        "line": {"color": charts.PODS[place % len(charts.PODS)], "width": 1.8},
    }
