"""What one arm made of one trial of the scenario memory, as figures. Pure; instants count from the end of the calm."""

import math

from loadtest.load import Sample
from loadtest.scenarios import measures, tenant
from loadtest.scenarios.memory_script import LIMIT_BYTES
from loadtest.scenarios.trial import Run

FULL = 0.999
"""A scale that is 1 but for rounding."""


def first_kill_s(run: Run) -> float | None:
    """When the application ended first; None when it did not."""
    return run.deaths[0].at_s - _rush(run)[0] if run.deaths else None


def served_per_s(run: Run) -> float:
    """Answers of use, in the rush."""
    from_s, to_s = _rush(run)
    return measures.served_per_s(in_rush(run), to_s - from_s)


def lost(run: Run) -> float:
    """The fraction of the rush's requests that was refused or lost."""
    return measures.failed(in_rush(run))


def dark_s(run: Run) -> int:
    """Whole seconds of the rush in which requests came and none of them was served."""
    from_s, to_s = _rush(run)
    asked = [0] * int(to_s - from_s)
    answered = asked.copy()
    for each in in_rush(run):
        place = int(each.due_s - from_s)
        if place < len(asked):
            asked[place] += 1
            answered[place] += each.ok
    return sum(count > 0 and not ok for count, ok in zip(asked, answered, strict=True))


def lowest_scale(run: Run) -> float | None:
    """The least the governor let in, of the usual; None where nobody obeys a governor."""
    return min((scale for _, scale in _scales(run)), default=None)


def scales(run: Run) -> list[float]:
    """The governor's scale from value to value."""
    found: list[float] = []
    for _, scale in _scales(run):
        if not found or scale != found[-1]:
            found.append(scale)
    return found


def recovery_s(run: Run) -> float | None:
    """From the end of the rush until the scale is 1 for good.

    Infinite when it was not 1 yet at the end; None when the scale never moved, or nobody waited to see.
    """
    said = _scales(run)
    low = [at_s for at_s, scale in said if scale < FULL]
    if not low:
        return None
    to_s = _rush(run)[1]
    return math.inf if low[-1] == said[-1][0] else max(0.0, low[-1] - to_s)


def in_rush(run: Run) -> list[Sample]:
    """Everybody's requests of the rush."""
    from_s, to_s = _rush(run)
    return measures.of(run.recording, run.recording.script.names(), from_s, to_s)


def facts(run: Run) -> dict[str, object]:
    """For scenarios.json."""
    back_s = recovery_s(run)
    return {
        "arm": run.arm.name,
        "survived": run.survived,
        "kills": run.kills,
        "deaths": [{"at_s": each.at_s, "exit_status": each.status} for each in run.deaths],
        "first_kill_s": first_kill_s(run),
        "peak_bytes": run.peak_bytes,
        "limit_bytes": LIMIT_BYTES,
        "served_per_s": served_per_s(run),
        "lost": lost(run),
        "dark_s": dark_s(run),
        "scales": scales(run),
        "recovery_s": back_s if back_s is not None and math.isfinite(back_s) else None,
    }


def _rush(run: Run) -> tuple[float, float]:
    phase = run.recording.script.phase("rush")
    return phase.from_s, phase.to_s


def _scales(run: Run) -> list[tuple[float, float]]:
    """Without policing there is a governor too, but nobody obeys it."""
    if run.arm.env.get("EQUILIBRIUM_STRATEGY") == "none":
        return []
    said = [(each.at_s, each.get(tenant.SCALE)) for each in run.recording.readings]
    return [(at_s, scale) for at_s, scale in said if scale is not None]
