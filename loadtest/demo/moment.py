"""The last two seconds of the affected service, as the live view shows them. Pure."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean

from loadtest.demo import chapters, windows
from loadtest.demo.recording import Reading
from loadtest.load import Sample
from loadtest.mesh.picture import Measured

RECENT_S = 2.0


@dataclass(frozen=True, slots=True)
class PodNow:
    """One pod; what only a sidecar knows is None without one. Milliseconds, fractions."""

    name: str
    bad: bool
    share: float
    p50_ms: float
    p99_ms: float
    mix: float | None
    regret: float | None
    slowdown: float | None
    health: str | None


@dataclass(frozen=True, slots=True)
class Moment:
    """What there is to show."""

    arm: chapters.Arm
    chapter: chapters.Chapter
    at_s: float
    """Since the demo began to play."""
    chapter_left_s: float
    left_s: float
    """Until the last arm has played, starting processes not included."""
    route: chapters.Route
    pods: Sequence[PodNow]
    requests: int
    p50_ms: float
    p99_ms: float
    failed: float
    said: Reading | None


def route_of(fault: chapters.Fault | None) -> chapters.Route:
    """The route the view follows: the affected one, the first while nothing is wrong."""
    return next(
        (each for each in chapters.ROUTES if fault and each.service == fault.service), chapters.ROUTES[0]
    )


def recent(samples: Sequence[Sample], now_s: float, most: int = 2000) -> list[Sample]:
    """What ended in the last 2 s; `samples` are about in the order in which they ended."""
    since_s = now_s - RECENT_S
    return [each for each in samples[-most:] if each.due_s + each.latency_ms / 1000 >= since_s]


def pods(
    names: Sequence[str], bad: str | None, samples: Sequence[Sample], said: Reading | None
) -> list[PodNow]:
    """One entry per pod, in order."""
    shares = windows.shares(samples, names)
    found = []
    for name in names:
        own = [each for each in samples if each.pod == name]
        found.append(
            PodNow(
                name,
                name == bad,
                shares[name],
                windows.percentile(50, own),
                windows.percentile(99, own),
                said.mix.get(name) if said else None,
                said.regrets.get(name) if said else None,
                said.slowdown.get(name) if said else None,
                said.health.get(name) if said else None,
            )
        )
    return found


def measured(samples: Callable[[str], Sequence[Sample]], now_s: float) -> dict[str, Measured]:
    """For the live page: what the generators saw of each loaded service; `samples(service)` are all there are."""
    found = {}
    for route in chapters.ROUTES:
        last = recent(samples(route.service), now_s)
        by_pod: dict[str, list[float]] = {}
        for each in last:
            by_pod.setdefault(each.pod, []).append(each.latency_ms / 1000)
        p99_ms = windows.percentile(99, last)
        found[route.service] = Measured(
            None if math.isnan(p99_ms) else p99_ms / 1000,
            {pod: fmean(latencies) for pod, latencies in by_pod.items()},
        )
    return found


def line(moment: Moment) -> str:
    """The figures as one line of text."""
    shares = "  ".join(f"{pod.name} {pod.share:4.0%}" for pod in moment.pods)
    said = moment.said
    nash = "" if said is None or said.nash is None else f"  Nash {'yes' if said.nash == 1 else 'no '}"
    gap = "" if said is None or said.gap is None else f"  gap {said.gap:5.1%}"
    failed = "" if not moment.failed > 0 else f"  failed {moment.failed:.1%}"
    return (
        f"{moment.at_s:5.0f} s  {moment.arm.title:12} {moment.chapter.title:44.44}"
        f" p50 {moment.p50_ms:6.1f}  p99 {moment.p99_ms:6.1f} ms  {shares}{gap}{nash}{failed}"
    )
