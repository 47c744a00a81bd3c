"""The run as one HTML file that works offline: verdict on top, charts of every arm below, words explained. Pure."""

from collections.abc import Sequence
from html import escape
from importlib import resources

import orjson

from loadtest.bench import document
from loadtest.demo import chapters, charts, claims, style, targets, verdict
from loadtest.demo.recording import Recording


def page(script: chapters.Script, recordings: Sequence[Recording], rulings: Sequence[claims.Ruling]) -> str:
    """The whole file, plotly.js included."""
    rows = verdict.rows(script.faults, recordings)
    held = all(ruling.verdict == "holds" for ruling in rulings)
    parts = [
        "<h1>One pod goes bad and nobody notices</h1>",
        f'<p class="verdict {"good" if held else "bad"}">{escape(verdict.conclusion(rulings))}</p>',
        _introduction(script),
        _shortened(script),
        _busy(recordings),
        "<h2>What each fault did</h2>",
        _table(verdict.fault_table(rows), wordy=2),
        _list(verdict.tell(rows, [])[:-1]),
        "<h2>What Equilibrium claims</h2>",
        _claims(rulings),
        *(_arm(recording, number) for number, recording in enumerate(recordings)),
        "<h2>Before the faults</h2>",
        "<p>The steady chapter of each arm: what “healthy” means above.</p>",
        _table(verdict.steady_table(recordings), wordy=2),
        "<h2>The riders, and the run itself</h2>",
        _list(verdict.asides(recordings)),
        _journeys(recordings),
        style.WORDS,
    ]
    plotly = resources.files("plotly").joinpath("package_data/plotly.min.js").read_text()
    return document.PAGE.format(title=style.TITLE, css=style.CSS, plotly=plotly, body="\n".join(parts))


def _introduction(script: chapters.Script) -> str:
    arms = ", ".join(f"<b>{escape(arm.title)}</b>" for arm in script.arms)
    return f"<p>{style.INTRODUCTION.format(rate=targets.RATE, arms=arms)}</p>"


def _shortened(script: chapters.Script) -> str:
    if script.scale >= 1:
        return ""
    return (
        f'<p class="note">This run was shortened to {script.scale:.0%} of the full length: figures rest on fewer'
        " requests, and what takes its time (noticing, forgiving) had less of it.</p>"
    )


def _busy(recordings: Sequence[Recording]) -> str:
    if not (arms := verdict.busy(recordings)):
        return ""
    return (
        f'<p class="note">The machine was busy with other work during {escape(", ".join(arms))}: compare shares'
        " rather than latencies, and repeat the run on a quiet machine before believing a failed claim.</p>"
    )


def _claims(rulings: Sequence[claims.Ruling]) -> str:
    rows = []
    for ruling, cells in zip(rulings, verdict.claims_table(rulings)[1], strict=True):
        mark, what, *figures = map(escape, cells)
        kind = {"holds": "good", "fails": "bad", "too few": "unknown"}[ruling.verdict]
        how = f'{what}<div class="how">{escape(ruling.claim.how)}</div>'
        numbers = "".join(f"<td>{each}</td>" for each in figures)
        rows.append(
            f'<tr class="{kind}"><td class="mark">{mark}</td><td class="words">{how}</td>{numbers}</tr>'
        )
    head = "".join(f"<th>{title}</th>" for title in verdict.claims_table([])[0])
    return f"<table class='claims'><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _table(table: verdict.Table, wordy: int) -> str:
    head, rows = table
    titles = "".join(f"<th>{escape(title)}</th>" for title in head)
    lines = []
    for row in rows:
        cells = "".join(
            f'<td class="words">{escape(cell)}</td>' if place < wordy else f"<td>{escape(cell)}</td>"
            for place, cell in enumerate(row)
        )
        kind = " ".join(name for name, yes in (("group", row[0]), ("ours", row[1] == "Equilibrium")) if yes)
        lines.append(f'<tr class="{kind}">{cells}</tr>')
    return f"<table><thead><tr>{titles}</tr></thead><tbody>{''.join(lines)}</tbody></table>"


def _list(sentences: Sequence[str]) -> str:
    return "<ul>" + "".join(f"<li>{escape(each)}</li>" for each in sentences) + "</ul>"


def _arm(recording: Recording, number: int) -> str:
    figure = orjson.dumps(charts.arm(recording)).decode().replace("</", "<\\/")
    events = "".join(
        f"<tr><td>{event.at_s - recording.start_s:.1f} s</td><td class='words'>{escape(event.text)}</td></tr>"
        for event in recording.events
    )
    return (
        f"<h2>{escape(recording.arm.title[0].upper() + recording.arm.title[1:])}</h2>{style.LEGEND}"
        f'<div id="arm{number}" class="chart"></div>'
        f"<script>draw('arm{number}', {figure})</script>"
        f"<details><summary>{len(recording.events)} events</summary><table>{events}</table></details>"
    )


def _journeys(recordings: Sequence[Recording]) -> str:
    head = ["step of the journey", "arm", "requests", "failed", "p50 ms", "p99 ms"]
    steps = dict.fromkeys(step.name for each in recordings if each.journey for step in each.journey.steps)
    rows = []
    for name in steps:
        for recording in recordings:
            found = [
                step for step in (recording.journey.steps if recording.journey else ()) if step.name == name
            ]
            rows += [
                [
                    name if recording is recordings[0] else "",
                    recording.arm.title,
                    f"{step.requests:,}",
                    f"{step.failures:,}",
                    verdict.milliseconds(step.p50_ms),
                    verdict.milliseconds(step.p99_ms),
                ]
                for step in found
            ]
    return _table((head, rows), wordy=2)
