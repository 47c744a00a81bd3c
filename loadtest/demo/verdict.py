"""The verdict: one row per fault and arm, the claims, and sentences for someone who did not watch. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from loadtest.demo import chapters, claims, measures, windows
from loadtest.demo.recording import Cores, Recording

BUSY, FULL = 0.15, 0.9
"""Fractions of the machine: used by others, used at all, above which figures are those of a busy machine."""
Table = tuple[list[str], list[list[str]]]
"""Head and rows."""


@dataclass(frozen=True, slots=True)
class Row:
    """What one arm made of one fault; fractions, milliseconds, NaN where unknown."""

    fault: chapters.Fault
    arm: chapters.Arm
    requests: int
    bad_share: float
    p50_ms: float
    p99_ms: float
    slower: float
    """Slower than twice the arm's own healthy p99."""
    failed: float


def rows(faults: Sequence[chapters.Fault], recordings: Sequence[Recording]) -> list[Row]:
    """Fault by fault, the arms below each other; recordings without the fault are left out."""
    return [
        _row(fault, recording)
        for fault in faults
        for recording in recordings
        if measures.affected(recording, fault)
    ]


def _row(fault: chapters.Fault, recording: Recording) -> Row:
    samples = measures.affected(recording, fault)
    return Row(
        fault,
        recording.arm,
        len(samples),
        windows.shares(samples, recording.pods[fault.service])[fault.pod],
        windows.percentile(50, samples),
        windows.percentile(99, samples),
        windows.slower_than(measures.slow_limit_ms(recording, fault.service), samples),
        windows.failed(samples),
    )


def fault_table(found: Sequence[Row]) -> Table:
    """One row per fault and arm; the fault is named once."""
    head = ["fault", "arm", "requests", "bad pod's share", "p50 ms", "p99 ms", "> 2× healthy p99", "errors"]
    shown: list[list[str]] = []
    last = ""
    for row in found:
        title = row.fault.title
        shown.append(
            [
                title if title != last else "",
                row.arm.title,
                f"{row.requests:,}",
                percent(row.bad_share, 1),
                milliseconds(row.p50_ms),
                milliseconds(row.p99_ms),
                percent(row.slower, 1),
                percent(row.failed, 2),
            ]
        )
        last = title
    return head, shown


def steady_table(recordings: Sequence[Recording]) -> Table:
    """The steady chapter: what the faults are compared with."""
    head = ["steady", "arm", "requests", "p50 ms", "p99 ms", "errors"]
    shown = []
    for route in chapters.ROUTES:
        for number, recording in enumerate(recordings):
            samples = measures.healthy(recording, route.service)
            shown.append(
                [
                    "" if number else route.what,
                    recording.arm.title,
                    f"{len(samples):,}",
                    milliseconds(windows.percentile(50, samples)),
                    milliseconds(windows.percentile(99, samples)),
                    percent(windows.failed(samples), 2),
                ]
            )
    return head, shown


MARKS = {"holds": "✓", "fails": "✗", "too few": "?"}


def claims_table(rulings: Sequence[claims.Ruling]) -> Table:
    """One row per claim."""
    head = ["", "claim", "measured", "bar", "samples"]
    return head, [
        [
            MARKS[each.verdict],
            each.claim.what,
            _measured(each),
            each.bar_text,
            f"{each.measured.samples:,}",
        ]
        for each in rulings
    ]


def _measured(ruling: claims.Ruling) -> str:
    if ruling.measured.value is None:
        return "no figure"
    return ruling.value_text if ruling.verdict != "too few" else f"{ruling.value_text} (too few)"


def tell(found: Sequence[Row], rulings: Sequence[claims.Ruling]) -> list[str]:
    """Sentences: what each fault did to each arm, and whether the claims hold."""
    told = []
    for title in dict.fromkeys(row.fault.title for row in found):
        mine = [row for row in found if row.fault.title == title]
        told.append(f"{title[0].upper()}{title[1:]}: {'; '.join(_effect(row) for row in mine)}.")
    return [*told, conclusion(rulings)]


def _effect(row: Row) -> str:
    lost = f", {percent(row.failed, 2)} failed" if row.failed else ""
    return (
        f"with {row.arm.title} it answered {percent(row.bad_share, 1)} of the requests, p99 was"
        f" {milliseconds(row.p99_ms)} ms{lost}"
    )


def conclusion(rulings: Sequence[claims.Ruling]) -> str:
    """One sentence about all claims."""
    if not rulings:
        return "No claims were put to the test."
    counts = {verdict: sum(each.verdict == verdict for each in rulings) for verdict in MARKS}
    parts = [f"{counts['holds']} of {len(rulings)} claims hold"]
    if counts["fails"]:
        failed = ", ".join(each.claim.key for each in rulings if each.verdict == "fails")
        parts.append(f"{counts['fails']} fail{'s' if counts['fails'] == 1 else ''} ({failed})")
    if counts["too few"]:
        parts.append(f"{counts['too few']} cannot be told from this run")
    return ", ".join(parts) + "."


def percent(value: float, digits: int) -> str:
    """A fraction for a table."""
    return "–" if math.isnan(value) else f"{value * 100:.{digits}f} %"


def milliseconds(value: float) -> str:
    """A latency for a table."""
    return "–" if math.isnan(value) else f"{value:,.1f}" if value < 100 else f"{value:,.0f}"


def asides(recordings: Sequence[Recording]) -> list[str]:
    """What the riders saw, and what went wrong with the run itself."""
    told = []
    for recording in recordings:
        if (journey := recording.journey) is not None:
            told.append(
                f"Journeys, {recording.arm.title}: {journey.requests:,} requests by locust users,"
                f" {journey.failures:,} failed."
            )
        if (cores := recording.cores) is not None:
            told.append(_busy(recording.arm, cores))
        told += [f"Note, {recording.arm.title}: {note}." for note in recording.notes]
    return told


def busy(recordings: Sequence[Recording]) -> list[str]:
    """The arms that had too little of the machine for their latencies to mean much."""
    return [each.arm.title for each in recordings if each.cores is not None and _crowded(each.cores)]


def _crowded(cores: Cores) -> bool:
    return cores.others > BUSY * cores.all or cores.own + cores.others > FULL * cores.all


def _busy(arm: chapters.Arm, cores: Cores) -> str:
    told = f"Machine, {arm.title}: {cores.own:.1f} of {cores.all} cores busy with this, {cores.others:.1f} with others"
    return f"{told}: too busy for latencies to mean much." if _crowded(cores) else f"{told}."
