"""What a run of the lab leaves: one table for people, JSON for programs, a page of plots."""

import json
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from loadtest.lab import arms, scenarios
from loadtest.lab.advice import tell, worlds
from loadtest.lab.outcome import Outcome, pooled
from loadtest.lab.run import AGAIN
from loadtest.lab.verdict import Line, Results

FILES = ("lab.md", "lab.json", "lab.html")
Plain = dict[str, Any]
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>The routing lab</title>
<style>body{{font:16px system-ui;max-width:1200px;margin:2rem auto;color:#1f2933}}</style>
<h1>The routing lab</h1><div id="p0"></div><div id="p1"></div>
<script>{script}</script>
<script>{figures}.forEach((f, i) => Plotly.newPlot("p" + i, f.data,
 f.layout, {{responsive: true}}))</script></html>
"""


def titled(rule: str) -> str:
    """A rule as a reader knows it."""
    if rule == arms.RIVAL + AGAIN:
        return "A/A: the rival again"
    return f"A/A: {arms.title(rule.removesuffix(AGAIN))} again" if rule.endswith(AGAIN) else arms.title(rule)


def markdown(results: Results, lines: Sequence[Line], seeds: int, command: str) -> str:
    """The whole of it as Markdown."""
    whole = {key: pooled(outcomes) for key, outcomes in results.items()}
    apart = {world.name for world in worlds.WORLDS}
    plain = [key for key in results if key[0] not in apart]
    names = list(dict.fromkeys(scenario for scenario, _ in plain))
    rules = list(dict.fromkeys(rule for _, rule in plain))
    head = f"`{command}`: {seeds} seeds; fewer for rivals that are far behind. p99 ms (errors %; bad pods' share %)."
    rows = [
        "| scenario | " + " | ".join(titled(rule) for rule in rules) + " |",
        "|---" * (len(rules) + 1) + "|",
    ]
    for name in names:
        cells = [_cell(whole.get((name, rule))) for rule in rules]
        rows.append(f"| {scenarios.by_name()[name].title} | " + " | ".join(cells) + " |")
    told = ["| promise | bar | measured | |", "|---|---|---|---|"]
    told += [
        f"| {line.what} | {line.bar} | {line.measured} | {'✓' if line.holds else '✗'} |" for line in lines
    ]
    shown = [head, "", *rows, ""] if plain else [f"`{command}`", ""]
    return "\n".join([*shown, *tell.tables(results, titled), *(told if lines else []), ""])


def _cell(outcome: Outcome | None) -> str:
    if outcome is None:
        return "–"
    said = outcome.values()
    extra = [f"{said['errors']:.2%}" if said["errors"] >= 5e-5 else ""]
    extra.append(f"{said['bad_share']:.1%}" if scenarios.by_name()[outcome.scenario].bad else "")
    if scenarios.by_name()[outcome.scenario].goodput:
        extra.append(f"goodput {said['goodput']:.1%}")
    told = "; ".join(each for each in extra if each)
    return f"{said['p99_ms']:,.1f}" + (f" ({told})" if told else "")


def document(results: Results, lines: Sequence[Line], command: str) -> dict[str, Any]:
    """For programs: pooled values and every seed's."""
    return {
        "command": command,
        "bar": [
            {"what": each.what, "bar": each.bar, "measured": each.measured, "holds": each.holds}
            for each in lines
        ],
        "results": [
            {
                "scenario": scenario,
                "title": scenarios.by_name()[scenario].title,
                "rule": rule,
                **pooled(outcomes).values(),
                "simulated_per_s": pooled(outcomes).per_s,
                "seeds": [{"seed": each.seed, **each.values()} for each in outcomes],
            }
            for (scenario, rule), outcomes in results.items()
        ],
    }


def page(results: Results) -> str:
    """Two plots: the tail by scenario and rule; the bad pods' share over time."""
    script = resources.files("plotly").joinpath("package_data/plotly.min.js").read_text()
    figures = json.dumps([tails(results), shares(results)])
    return PAGE.format(script=script, figures=figures.replace("</", "<\\/"))


def tails(results: Results) -> Plain:
    """p99 by scenario, a mark per rule, logarithmic."""
    names = list(dict.fromkeys(scenario for scenario, _ in results))
    traces = []
    for rule in dict.fromkeys(rule for _, rule in results):
        known, ours = [name for name in names if (name, rule) in results], rule == arms.OURS
        traces.append(
            {
                "x": [round(pooled(results[name, rule]).percentile_ms(99), 2) for name in known],
                "y": [scenarios.by_name()[name].title for name in known],
                "name": titled(rule),
                "mode": "markers",
                "marker": {"size": 14 if ours else 9, "symbol": "diamond" if ours else "circle-open"},
            }
        )
    layout = {
        "title": {"text": "Tail by scenario: p99, errors count with what they took"},
        "xaxis": {"type": "log", "ticksuffix": " ms", "tickvals": [10, 30, 100, 300, 1000, 3000, 10000]},
        "yaxis": {"autorange": "reversed", "automargin": True},
        "legend": {"orientation": "h", "y": -0.1},
        "height": 400 + 30 * len(names),
    }
    return {"data": traces, "layout": layout}


def shares(results: Results) -> Plain:
    """The bad pods' share of first attempts, second by second, of our router."""
    traces = [
        {"y": pooled(outcomes).shares, "name": scenarios.by_name()[name].title, "mode": "lines"}
        for (name, rule), outcomes in results.items()
        if rule == arms.OURS and scenarios.by_name()[name].bad
    ]
    layout = {
        "title": {"text": "Equilibrium: the bad pods' share, second by second"},
        "xaxis": {"ticksuffix": " s"},
        "yaxis": {"tickformat": ".0%", "rangemode": "tozero"},
        "legend": {"orientation": "h", "y": -0.15, "font": {"size": 11}},
        "height": 900,
    }
    return {"data": traces, "layout": layout}


def write(
    directory: Path, results: Results, lines: Sequence[Line], seeds: int, command: str
) -> Mapping[str, Path]:
    """All three files; returns where they are."""
    directory.mkdir(parents=True, exist_ok=True)
    table, data, plots = (directory / name for name in FILES)
    table.write_text(markdown(results, lines, seeds, command))
    data.write_text(json.dumps(document(results, lines, command), indent=1))
    plots.write_text(page(results))
    return {"table": table, "data": data, "plots": plots}
