"""What every experiment tells of its arms: notes on the machine, facts for programs, what must never happen. Pure."""

import math
from collections.abc import Mapping, Sequence
from statistics import fmean
from statistics import median as middle
from typing import Any

from loadtest.bench import document
from loadtest.demo import windows
from loadtest.experiments import measures
from loadtest.experiments.play import Recording
from loadtest.load import Sample
from loadtest.scenarios import verdict
from loadtest.scenarios.flow import Phase
from loadtest.scenarios.verdict import Verdict

LATE_MS = 10.0
FULL = 0.9
"""Of the machine's cores: beyond, the quota was not what was short."""
FULL_WORDS = "the machine was full, so these figures are the machine's as much as the quota's"


def median(values: Sequence[float]) -> float:
    """NaN of nothing."""
    return middle(values) if values else math.nan


def mean(values: Sequence[float]) -> float:
    """NaN of nothing."""
    return fmean(values) if values else math.nan


def failed(samples: Sequence[Sample]) -> float:
    """The fraction refused or lost."""
    return windows.failed(samples)


def percent(share: float) -> str:
    """For people."""
    return "–" if math.isnan(share) else f"{100 * share:.1f} %"


def seconds(value: float) -> str:
    """For people."""
    return f"{value:.1f} s" if math.isfinite(value) else "never"


def unharmed(played: Sequence[Recording]) -> list[Verdict]:
    """Nothing was restarted or killed, in any arm."""
    return [
        verdict.at_most("containers restarted", sum(each.restarts for each in played), 0),
        verdict.at_most("processes killed for want of memory", sum(each.kills for each in played), 0),
    ]


def rest(played: Sequence[Recording]) -> list[document.Block]:
    """What of the figures may not be the arms' doing."""
    lines = []
    for each in played:
        busy = f"{each.cores.own:.2f} of {each.cores.all} cores busy with this, {each.cores.others:.2f} with others"
        late = f", a generator up to {each.late_p99_ms:.0f} ms late" if each.late_p99_ms > LATE_MS else ""
        found_none = f"; {each.pending} replica found no room" if each.pending else ""
        full = f"; {FULL_WORDS}" if each.cores.own + each.cores.others > FULL * each.cores.all else ""
        lines.append(f"{each.arm.title}: {busy}{late}{found_none}{full}.")
    return [document.Bullets(lines)]


PHASES_HEAD = (
    "arm: service, phase",
    "p95 ms",
    "failed",
    "limit, mean",
    "mean absolute delta",
    "throttled",
    "fairness",
)


def phases(played: Sequence[Recording]) -> document.Table:
    """Every arm, service and phase; fairness is the phase's, of all services together."""
    rows = [_cells(each, told) for each in played for told in _fact(each)["phases"]]
    return document.Table(PHASES_HEAD, rows)


def _cells(recording: Recording, told: Mapping[str, Any]) -> list[str]:
    levels = told["limit_m_each_cycle"]
    return [
        f"{recording.arm.title}: {told['service']}, {told['phase']}",
        number(told["p95_ms"]),
        percent(known(told["failed"])),
        f"{number(mean(levels))}m",
        percent(known(told["mean_absolute_delta"])),
        f"{percent(known(told['throttled_share']))}, {known(told['throttled_s_per_s']):.2f} s/s",
        f"{known(told['fairness']):.2f}",
    ]


def known(value: float | None) -> float:
    """NaN for what nobody measured."""
    return math.nan if value is None else value


def number(value: float | None) -> str:
    """For people."""
    return "–" if value is None or not math.isfinite(value) else f"{value:,.0f}"


def facts(played: Sequence[Recording]) -> dict[str, object]:
    """For experiments.json; what nobody measured is null."""
    return {"arms": [_fact(each) for each in played]}


def _fact(recording: Recording) -> dict[str, Any]:
    return {
        "arm": recording.arm.kind,
        "restarts": recording.restarts,
        "kills": recording.kills,
        "cores_own": recording.cores.own,
        "cores_others": recording.cores.others,
        "generators_late_p99_ms": recording.late_p99_ms,
        "node_throttled": recording.node.share,
        "phases": [
            _phase(recording, service.name, phase.name)
            for service in recording.script.services
            for phase in recording.script.phases
        ],
    }


def _phase(recording: Recording, service: str, name: str) -> dict[str, object]:
    phase = recording.script.phase(name)
    samples = measures.within(recording, service, phase)
    share, held = measures.throttled(recording, service, phase)
    levels = measures.steps(recording, service, phase.from_s, phase.to_s)
    return {
        "service": service,
        "phase": name,
        "requests": len(samples),
        "failed": plain(failed(samples)),
        "p50_ms": plain(measures.percentile_ms(50, samples)),
        "p95_ms": plain(measures.percentile_ms(95, samples)),
        "used_m": plain(measures.used_m(recording, service, phase)),
        "limit_m_each_cycle": levels,
        "mean_absolute_delta": plain(measures.mean_absolute_delta(levels)),
        "throttled_share": plain(share),
        "throttled_s_per_s": plain(held),
        "fairness": plain(fairness(recording, phase)),
    }


def fairness(recording: Recording, phase: Phase) -> float:
    """Of the services' mean limits above their floors to their budgets: 1 is proportional."""
    services = recording.script.services
    levels = {each.name: measures.steps(recording, each.name, phase.from_s, phase.to_s) for each in services}
    return measures.fairness(
        {name: max(0.0, mean(found) - _floor(recording, name)) for name, found in levels.items()},
        {each.name: each.budget for each in services},
        dict.fromkeys(levels, 0.0),
    )


def _floor(recording: Recording, name: str) -> float:
    return next(each.min_cpu_m for each in recording.script.services if each.name == name)


def plain(value: float) -> float | None:
    """JSON knows no NaN."""
    return value if math.isfinite(value) else None
