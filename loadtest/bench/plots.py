"""The run as figures for plotly.js: plain values, one colour per arm everywhere. Pure."""

from collections.abc import Callable, Sequence

from loadtest import figures
from loadtest.bench import document, report, results, scale_report

Pick = Callable[[results.Repetition], float | None]

COLOURS = {
    "direct": "#9aa5b1",
    "equilibrium": "#0072b2",
    "envoy": "#d55e00",
    "envoy-tuned": "#e69f00",
    "haproxy": "#009e73",
    "nginx": "#cc79a7",
    "aiohttp": "#56b4e9",
}
"""Okabe and Ito's: told apart without colour vision too."""
INK, GRID = "#1f2933", "#e4e7eb"


def cost(outcomes: Sequence[results.Outcome]) -> list[document.Figure]:
    """CPU per request and the open loop's p99, a group of bars per section."""
    return [
        _bars("CPU µs per request, saturated", outcomes, lambda r: r.saturated.cpu_us),
        _bars("open loop: p99 ms from the instant due", outcomes, lambda r: r.steady.p99_ms),
    ]


def tail(part: results.Tail) -> list[document.Figure]:
    """p99 per fault, then per fault how the bad pods' share and the p99 went over time."""
    found = [_tail_bars(part)]
    for fault, name in part.faults.items():
        found += [
            _lines(part, fault, f"{name}: p99 ms", lambda m: m.p99_ms, LOG),
            _lines(part, fault, f"{name}: bad pods' share of answers", lambda m: m.bad_share, SHARE),
        ]
    return found


def scale(part: results.Scale) -> list[document.Figure]:
    """CPU per request over every axis."""
    return [_scale(part, axis, name) for axis, name in part.axes.items()]


LOG: document.Plain = {
    "type": "log",
    "tickvals": [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000, 3000, 10000],
}
SHARE: document.Plain = {"range": [0, 1], "tickformat": ".0%"}


def _bars(title: str, outcomes: Sequence[results.Outcome], pick: Pick) -> document.Figure:
    titles = {arm: name for outcome in outcomes for arm, name in outcome.titles.items()}
    traces = []
    for arm, name in titles.items():
        found = [(report.title(each), figures.spread([pick(r) for r in each.of(arm)])) for each in outcomes]
        known = [(where, spread) for where, spread in found if spread]
        traces.append(_bar(arm, name, [where for where, _ in known], [spread for _, spread in known]))
    return _figure(title, traces, LOG)


def _bar(arm: str, name: str, x: list[str], spreads: list[figures.Spread]) -> document.Plain:
    return {
        "type": "bar",
        "name": name,
        "x": x,
        "y": [spread.median for spread in spreads],
        "error_y": {
            "type": "data",
            "symmetric": False,
            "array": [spread.high - spread.median for spread in spreads],
            "arrayminus": [spread.median - spread.low for spread in spreads],
            "thickness": 1,
        },
        "marker": {"color": COLOURS.get(arm, INK)},
    }


def _tail_bars(part: results.Tail) -> document.Figure:
    traces = []
    for arm, name in part.titles.items():
        by_fault = {
            fault: figures.spread([t.p99_ms for t in part.trials if (t.arm, t.fault) == (arm, fault)])
            for fault in part.faults
        }
        known = {part.faults[fault]: spread for fault, spread in by_fault.items() if spread}
        traces.append(_bar(arm, name, list(known), list(known.values())))
    return _figure("p99 ms while a pod is bad", traces, LOG)


def _lines(
    part: results.Tail,
    fault: str,
    title: str,
    pick: Callable[[results.Moment], float | None],
    axis: document.Plain,
) -> document.Figure:
    traces = [
        {
            "type": "scatter",
            "mode": "lines",
            "name": part.titles[trial.arm],
            "x": [moment.at_s for moment in trial.moments],
            "y": [pick(moment) for moment in trial.moments],
            "line": {"shape": "hv", "color": COLOURS.get(trial.arm, INK)},
            "showlegend": trial.number == 0,
        }
        for arm in part.titles
        for trial in part.trials
        if (trial.arm, trial.fault) == (arm, fault)
    ]
    return _figure(title, traces, axis, {"ticksuffix": " s", "title": {"text": "since the fault"}})


def _scale(part: results.Scale, axis: str, name: str) -> document.Figure:
    traces = []
    for arm, title in part.titles.items():
        found = scale_report.series(part, arm, axis)
        colour = {"color": COLOURS.get(arm, INK)}
        x, y = [f"{value:,}" for value in found], list(found.values())
        traces.append(
            {"type": "scatter", "mode": "lines+markers", "name": title, "x": x, "y": y, "line": colour}
        )
    return _figure(f"CPU µs per request by {name}", traces, {"rangemode": "tozero"}, {"type": "category"})


def _figure(
    title: str, traces: Sequence[document.Plain], yaxis: document.Plain, xaxis: document.Plain | None = None
) -> document.Figure:
    layout = {
        "title": {"text": title, "font": {"size": 14}, "x": 0.0, "xref": "paper"},
        "height": 320,
        "margin": {"l": 56, "r": 16, "t": 48, "b": 44},
        "font": {"family": "system-ui, sans-serif", "size": 12, "color": INK},
        "paper_bgcolor": "#fff",
        "plot_bgcolor": "#fff",
        "barmode": "group",
        "showlegend": True,
        "xaxis": {"gridcolor": GRID, "zeroline": False, **(xaxis or {})},
        "yaxis": {"gridcolor": GRID, "zeroline": False, **yaxis},
    }
    return document.Figure({"data": list(traces), "layout": layout})
