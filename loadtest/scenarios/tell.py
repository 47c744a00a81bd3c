"""Recordings as blocks of the report: a table, the figures of every arm, what the machine did meanwhile. Pure."""

import math
from collections.abc import Sequence

from loadtest.bench import document
from loadtest.demo import verdict as demo_verdict
from loadtest.scenarios import measures, plots
from loadtest.scenarios.play import Recording

LATE_MS = 10.0
HEAD = ("phase: caller", "arm", "offered/s", "served/s", "refused", "lost", "p50 ms", "p99 ms")


def blocks(recordings: Sequence[Recording], extra: Sequence[plots.Lines] = ()) -> list[document.Block]:
    """Table, figures, notes; `extra` are lines of the sidecar's own metrics, drawn for the arm that has them."""
    found: list[document.Block] = [table(measures.rows(recordings))]
    found += [plots.arm(recording, extra) for recording in recordings]
    if noted := [note for recording in recordings for note in notes(recording)]:
        found.append(document.Bullets(noted))
    return found


def table(rows: Sequence[measures.Row]) -> document.Table:
    """One row per phase, flow and arm; served ones' latency."""
    return document.Table(HEAD, [_cells(row) for row in rows])


def _cells(row: measures.Row) -> list[str]:
    shares = [demo_verdict.percent(value, 1) for value in (row.refused, row.lost)]
    latencies = [demo_verdict.milliseconds(value) for value in (row.p50_ms, row.p99_ms)]
    rates = [f"{value:,.0f}" for value in (row.offered_per_s, row.served_per_s)]
    return [f"{row.phase}: {row.flow}", row.arm, *rates, *shares, *latencies]


def notes(recording: Recording) -> list[str]:
    """What of the figures may not be the pod's doing."""
    cores, arm = recording.cores, recording.arm.title
    found = [f"{arm}: {cores.own:.2f} of {cores.all} cores busy with this, {cores.others:.2f} with others."]
    if recording.late_p99_ms > LATE_MS:
        found.append(f"{arm}: a generator sent up to {recording.late_p99_ms:.0f} ms late (p99).")
    if recording.missed:
        found.append(f"{arm}: {recording.missed} scrapes of /metrics were not answered.")
    return found


def facts(recordings: Sequence[Recording]) -> dict[str, object]:
    """For scenarios.json; what nobody measured is null."""
    return {
        "rows": [
            {name: _plain(getattr(row, name)) for name in row.__slots__} for row in measures.rows(recordings)
        ],
        "generators_late_p99_ms": {each.arm.name: each.late_p99_ms for each in recordings},
    }


def _plain(value: object) -> object:
    return None if isinstance(value, float) and not math.isfinite(value) else value
