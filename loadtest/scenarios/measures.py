"""Arithmetic of one arm's samples: what callers were served, refused, and how long each took. Pure.

A request belongs to the instant it was due. Served: answered 200 while its client still waited. Refused: 429 or 503
(all of them the sidecar's own: the application only answers 200). Lost: everything else.
"""

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from loadtest import figures
from loadtest.demo import windows
from loadtest.load import Sample
from loadtest.scenarios.flow import Phase
from loadtest.scenarios.play import Recording

REFUSALS = ("429", "503")
SETTLED_S = windows.NOTICE_S


def of(recording: Recording, names: Iterable[str], from_s: float, to_s: float) -> list[Sample]:
    """The samples of these flows that were due in [from_s, to_s)."""
    parts = [windows.between(recording.samples.get(name, ()), from_s, to_s) for name in names]
    return sorted(itertools.chain.from_iterable(parts))


def served_per_s(samples: Sequence[Sample], seconds: float) -> float:
    """Answers of use per second."""
    return sum(each.ok for each in samples) / seconds if seconds > 0 else math.nan


def refused(samples: Sequence[Sample]) -> float:
    """The fraction that was refused; NaN without any samples."""
    return _fraction(sum(each.outcome in REFUSALS for each in samples), samples)


def failed(samples: Sequence[Sample]) -> float:
    """The fraction that was refused or lost; NaN without any samples."""
    return windows.failed(samples)


def p99_ms(samples: Sequence[Sample]) -> float:
    """Of what was served or waited for in vain; refusals, which come at once, would make it look better."""
    return windows.percentile(99, samples)


def admitted_p99_ms(samples: Sequence[Sample]) -> float:
    """Of what was served."""
    return figures.percentile(sorted(each.latency_ms for each in samples if each.ok), 99)


def refusal_p99_ms(samples: Sequence[Sample]) -> float:
    """How long refused callers were left in doubt."""
    return figures.percentile(sorted(each.latency_ms for each in samples if each.outcome in REFUSALS), 99)


def last_refusal_s(samples: Sequence[Sample]) -> float:
    """The instant at which the last request was due that was not served; -inf when all were."""
    return max((each.due_s for each in samples if not each.ok), default=-math.inf)


def least_served(samples: Sequence[Sample], from_s: float, to_s: float) -> int:
    """Requests served in the worst whole second."""
    counts = [0] * int(to_s - from_s)
    for each in samples:
        place = int(each.due_s - from_s)
        if each.ok and 0 <= place < len(counts):
            counts[place] += 1
    return min(counts, default=0)


def _fraction(count: int, samples: Sequence[Sample]) -> float:
    return count / len(samples) if samples else math.nan


@dataclass(frozen=True, slots=True)
class Row:
    """One flow in one phase of one arm: per second, fractions, milliseconds."""

    arm: str
    phase: str
    flow: str
    offered_per_s: float
    served_per_s: float
    refused: float
    lost: float
    p50_ms: float
    p99_ms: float


def row(recording: Recording, phase: Phase, name: str) -> Row:
    """What became of a flow in a phase."""
    samples = of(recording, [name], phase.from_s, phase.to_s)
    served = [each for each in samples if each.ok]
    ordered = sorted(each.latency_ms for each in served)
    refused_share = refused(samples)
    return Row(
        recording.arm.title,
        phase.name,
        name,
        len(samples) / phase.seconds,
        len(served) / phase.seconds,
        refused_share,
        failed(samples) - refused_share,
        figures.percentile(ordered, 50),
        figures.percentile(ordered, 99),
    )


def rows(recordings: Iterable[Recording]) -> list[Row]:
    """Every flow that sent anything, phase by phase, the arms below each other."""
    played = list(recordings)
    script = played[0].script
    found = [row(each, phase, name) for phase in script.phases for name in script.names() for each in played]
    return [each for each in found if each.offered_per_s]
