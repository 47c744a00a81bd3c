"""What an arm made of its play, as figures. Pure.

A request belongs to the instant it was due. One that was refused or lost counts as late as its client's patience: an
arm that answers fewer shall not look faster.
"""

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence

from loadtest import figures
from loadtest.demo import windows
from loadtest.experiments import watch
from loadtest.experiments.play import Recording
from loadtest.experiments.script import PATIENCE_S
from loadtest.load import Sample
from loadtest.scenarios.flow import Phase

SETTLED = 0.9
"""Of the need: what counts as having got it."""


def percentile_ms(percent: float, samples: Iterable[Sample]) -> float:
    """Of all requests, those that failed as late as patience lasts."""
    lateness = [each.latency_ms if each.ok else max(each.latency_ms, 1000 * PATIENCE_S) for each in samples]
    return figures.percentile(sorted(lateness), percent)


def within(recording: Recording, service: str, phase: Phase, after_s: float = 0.0) -> Sequence[Sample]:
    """Requests of a service due in a phase, without its first seconds."""
    return windows.between(recording.samples[service], phase.from_s + after_s, phase.to_s)


def cost_s(recording: Recording, service: str) -> float:
    """CPU seconds one answered request took, all of the pod's CPU counted; NaN without answers."""
    looks = [each for each in recording.looks if each.service == service]
    answered = sum(each.ok for each in recording.samples[service])
    return _used_s(looks) / answered if answered else math.nan


def _used_s(looks: Sequence[watch.Look]) -> float:
    """Between the first and the last look at each pod."""
    return sum(span[-1].cpu_s - span[0].cpu_s for span in _by_pod(looks).values())


def used_m(recording: Recording, service: str, phase: Phase) -> float:
    """Mean millicores the service used in a phase."""
    looks = watch.of(recording.looks, service, phase.from_s, phase.to_s)
    return 1000 * _used_s(looks) / phase.seconds


def throttled(recording: Recording, service: str, phase: Phase) -> tuple[float, float]:
    """Share of the scheduling periods in which its pods' quota ran out, and for how long, seconds a second."""
    looks = watch.of(recording.looks, service, phase.from_s, phase.to_s)
    spans = [span[-1].throttling.since(span[0].throttling) for span in _by_pod(looks).values()]
    periods = sum(each.periods for each in spans)
    share = sum(each.throttled for each in spans) / periods if periods else 0.0
    return share, sum(each.throttled_s for each in spans) / phase.seconds


def _by_pod(looks: Sequence[watch.Look]) -> Mapping[str, list[watch.Look]]:
    found: dict[str, list[watch.Look]] = {}
    for each in looks:
        found.setdefault(each.pod, []).append(each)
    return found


def limit_at(recording: Recording, service: str, from_s: float, to_s: float) -> list[tuple[float, float]]:
    """Millicores the service may use, look by look."""
    return watch.limits(watch.of(recording.looks, service, from_s, to_s))


def reached_s(points: Sequence[tuple[float, float]], need_m: float, from_s: float) -> float:
    """From an instant until the limit was 90 % of the need; infinite when it never was."""
    for at_s, limit_m in points:
        if at_s >= from_s and limit_m >= SETTLED * need_m:
            return at_s - from_s
    return math.inf


def overshoot(points: Sequence[tuple[float, float]], need_m: float) -> float:
    """The largest limit over the need."""
    return max((limit_m for _, limit_m in points), default=math.nan) / need_m


def shows_s(looks: Sequence[watch.Look], phase: Phase) -> float:
    """When demand shows: the first look of a phase at which it is past halfway from its calm mean to its peak."""
    calm = [each.demand for each in looks if each.at_s < phase.from_s and each.demand is not None]
    here = [each for each in looks if phase.from_s <= each.at_s < phase.to_s and each.demand is not None]
    if not calm or not here:
        return math.nan
    low, high = sum(calm) / len(calm), max(each.demand or 0.0 for each in here)
    return next(each.at_s for each in here if (each.demand or 0.0) >= (low + high) / 2)


def steps(recording: Recording, service: str, from_s: float, to_s: float) -> list[float]:
    """The service's limit at the end of every cycle, millicores."""
    points = limit_at(recording, service, from_s, to_s)
    cycle_s = recording.script.cycle_s
    found = []
    for number in range(int((to_s - from_s) / cycle_s)):
        before = [limit for at_s, limit in points if at_s < from_s + (number + 1) * cycle_s]
        if before:
            found.append(before[-1])
    return found


def mean_absolute_delta(levels: Sequence[float]) -> float:
    """Mean change from cycle to cycle, as a share of the mean level; NaN with fewer than two."""
    if len(levels) < 2:
        return math.nan
    changes = [abs(b - a) for a, b in itertools.pairwise(levels)]
    return (sum(changes) / len(changes)) / (sum(levels) / len(levels))


def fairness(
    allocated: Mapping[str, float], budgets: Mapping[str, float], floors: Mapping[str, float]
) -> float:
    """Least over largest surplus per budget: 1 is proportional to budgets; NaN when nobody has any."""
    ratios = [(allocated[name] - floors[name]) / budgets[name] for name in allocated]
    return min(ratios) / max(ratios) if ratios and max(ratios) > 0 else math.nan
