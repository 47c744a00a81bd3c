"""Arithmetic of samples over stretches of time: shares, tails, errors, how fast shares move. Pure.

A request belongs to the instant it was due. A lost one counts with the time it was waited for: leaving it
out would reward whoever drops the slow ones. Fractions are of all requests, shares of those a pod answered.
"""

import bisect
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from loadtest import figures
from loadtest.demo import recording
from loadtest.load import Sample

NOTICE_S = 2.0
"""From a change until the figures count: what noticing may take."""


def settled(played: recording.Played) -> tuple[float, float]:
    """The stretch of a chapter that counts: without its first 2 s (a quarter of a shortened chapter)."""
    return played.start_s + min(NOTICE_S, (played.end_s - played.start_s) / 4), played.end_s


def between(samples: Sequence[Sample], from_s: float, to_s: float) -> Sequence[Sample]:
    """Those due in [from_s, to_s); `samples` ascend by the instant due."""
    first = bisect.bisect_left(samples, from_s, key=lambda sample: sample.due_s)
    last = bisect.bisect_left(samples, to_s, key=lambda sample: sample.due_s)
    return samples[first:last]


def shares(samples: Sequence[Sample], pods: Sequence[str]) -> dict[str, float]:
    """The pods' fractions of what pods answered, whatever they answered; all 0 when none did."""
    counts = dict.fromkeys(pods, 0)
    for sample in samples:
        if sample.pod in counts:
            counts[sample.pod] += 1
    return figures.shares(counts)


def percentile(percent: float, samples: Sequence[Sample]) -> float:
    """A percentile of the latency in ms, lost requests with the time they were waited for; NaN without any.

    Failures that came back at once are left out: they would make the tail look better than it is.
    """
    return figures.percentile(
        sorted(each.latency_ms for each in samples if each.ok or each.outcome == "timeout"), percent
    )


def slower_than(limit_ms: float, samples: Sequence[Sample]) -> float:
    """The fraction that took longer, however it ended; NaN without any, or without a limit."""
    if math.isnan(limit_ms):
        return math.nan
    return _fraction(sum(each.latency_ms > limit_ms for each in samples), samples)


def failed(samples: Sequence[Sample]) -> float:
    """The fraction that was not answered 200; NaN without any."""
    return _fraction(sum(not each.ok for each in samples), samples)


def slow_or_lost(limit_ms: float, samples: Sequence[Sample]) -> float:
    """The fraction that took longer or was not answered 200; NaN without any."""
    return _fraction(sum(each.latency_ms > limit_ms or not each.ok for each in samples), samples)


def _fraction(count: int, samples: Sequence[Sample]) -> float:
    return count / len(samples) if samples else math.nan


def variation(one: Mapping[str, float], other: Mapping[str, float]) -> float:
    """Total variation between two distributions, in [0, 1]."""
    return sum(abs(one.get(pod, 0.0) - other.get(pod, 0.0)) for pod in {*one, *other}) / 2


def sliding(from_s: float, to_s: float, width_s: float, step_s: float) -> Iterator[tuple[float, float]]:
    """Every whole window of that width in the stretch, `step_s` apart; none if the stretch is shorter."""
    steps = round((to_s - from_s - width_s) / step_s, 6)
    for number in range(int(steps) + 1 if steps >= 0 else 0):
        start_s = from_s + number * step_s
        yield start_s, start_s + width_s


@dataclass(frozen=True, slots=True)
class Second:
    """One second of one service, for the charts."""

    at_s: float
    p50_ms: float
    p99_ms: float
    failed: float
    shares: dict[str, float]


def seconds(
    samples: Sequence[Sample], pods: Sequence[str], from_s: float, to_s: float, width_s: float = 1.0
) -> list[Second]:
    """One entry per whole window that had requests; `at_s` is its middle."""
    found = []
    for start_s, end_s in sliding(from_s, to_s, width_s, width_s):
        part = between(samples, start_s, end_s)
        if part:
            middle_s = (start_s + end_s) / 2
            found.append(
                Second(middle_s, percentile(50, part), percentile(99, part), failed(part), shares(part, pods))
            )
    return found
