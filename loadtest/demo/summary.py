"""The run for programs: plain values, numbers nobody measured are null. Pure."""

import dataclasses
import math
from collections.abc import Sequence

from loadtest.demo import chapters, claims, measures, verdict, windows
from loadtest.demo.recording import Journey, Recording

Plain = dict[str, object]


def summary(
    script: chapters.Script, recordings: Sequence[Recording], rulings: Sequence[claims.Ruling], report: str
) -> Plain:
    """Everything the verdict says."""
    return {
        "holds": all(ruling.ok for ruling in rulings),
        "scale": script.scale,
        "claims": [_claim(ruling) for ruling in rulings],
        "faults": [_row(row) for row in verdict.rows(script.faults, recordings)],
        "arms": [_arm(recording) for recording in recordings],
        "sentences": verdict.tell(verdict.rows(script.faults, recordings), rulings),
        "report": report,
    }


def _claim(ruling: claims.Ruling) -> Plain:
    return {
        "key": ruling.claim.key,
        "what": ruling.claim.what,
        "how": ruling.claim.how,
        "measured": _number(ruling.measured.value),
        "relation": ruling.claim.relation,
        "bar": ruling.claim.bar,
        "unit": ruling.claim.unit,
        "samples": ruling.measured.samples,
        "verdict": ruling.verdict,
        "ok": ruling.ok,
    }


def _row(row: verdict.Row) -> Plain:
    return {
        "fault": row.fault.key,
        "arm": row.arm.name,
        "requests": row.requests,
        "bad_share": _number(row.bad_share),
        "p50_ms": _number(row.p50_ms),
        "p99_ms": _number(row.p99_ms),
        "slower_than_2_healthy_p99": _number(row.slower),
        "failed": _number(row.failed),
    }


def _arm(recording: Recording) -> Plain:
    return {
        "name": recording.arm.name,
        "strategy": recording.arm.strategy,
        "chapters": [
            {
                "kind": each.chapter.kind,
                "fault": each.chapter.fault.key if each.chapter.fault else None,
                "from_s": round(each.start_s - recording.start_s, 3),
                "to_s": round(each.end_s - recording.start_s, 3),
            }
            for each in recording.played
        ],
        "steady": {service: _steady(recording, service) for service in recording.pods},
        "journey": None if recording.journey is None else _journey(recording.journey),
        "cores": None if recording.cores is None else dataclasses.asdict(recording.cores),
        "generator_late_p99_ms": recording.late_p99_ms,
        "events": [
            {"at_s": round(event.at_s - recording.start_s, 2), "text": event.text}
            for event in recording.events
        ],
        "notes": recording.notes,
    }


def _steady(recording: Recording, service: str) -> Plain:
    samples = measures.healthy(recording, service)
    return {
        "requests": len(samples),
        "p50_ms": _number(windows.percentile(50, samples)),
        "p99_ms": _number(windows.percentile(99, samples)),
        "failed": _number(windows.failed(samples)),
    }


def _journey(journey: Journey) -> Plain:
    steps = [
        {
            name: _number(value) if isinstance(value, float) else value
            for name, value in dataclasses.asdict(step).items()
        }
        for step in journey.steps
    ]
    return {"requests": journey.requests, "failures": journey.failures, "steps": steps}


def _number(value: float | None) -> float | None:
    """JSON knows neither NaN nor infinity."""
    return None if value is None or not math.isfinite(value) else value
