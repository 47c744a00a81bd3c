"""What one trial's samples say: before, during and after the fault, and slice by slice. Pure.

The fault came at `fault_s` and was healed at `healed_s`, on the samples' clock; a request belongs to the
instant it was due. Latencies are of every request, however it ended: the client waited that long.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from loadtest import figures
from loadtest.bench import results
from loadtest.load import Sample

SLICE_S = 0.5
BEFORE_S = 2.0
"""How much of the time before the fault the slices show."""
BACK_SHARE = 0.15


@dataclass(frozen=True, slots=True)
class Span:
    """One trial's instants: when it broke, what counts, when it was healed, when watching ended.

    What heals itself, a restart, is healed before the counted time ends.
    """

    fault_s: float
    counted_s: float
    counted_to_s: float
    healed_s: float
    end_s: float


def within(samples: Sequence[Sample], from_s: float, to_s: float) -> list[Sample]:
    """Due from `from_s` and before `to_s`."""
    return [sample for sample in samples if from_s <= sample.due_s < to_s]


def failed_share(samples: Sequence[Sample]) -> float:
    """Not answered 200; 0 of none."""
    return sum(not sample.ok for sample in samples) / len(samples) if samples else 0.0


def share(samples: Sequence[Sample], pods: Collection[str]) -> float:
    """Of the requests, those one of these pods answered; 0 of none."""
    return sum(sample.pod in pods for sample in samples) / len(samples) if samples else 0.0


def percentile(samples: Sequence[Sample], percent: float) -> float:
    """Milliseconds, of all of them."""
    return figures.percentile(sorted(sample.latency_ms for sample in samples), percent)


def slices(samples: Sequence[Sample], from_s: float, to_s: float) -> list[list[Sample]]:
    """Whole slices of SLICE_S, the first beginning at `from_s`."""
    count = int((to_s - from_s) / SLICE_S + 1e-9)
    found: list[list[Sample]] = [[] for _ in range(count)]
    for sample in samples:
        place = (sample.due_s - from_s) / SLICE_S
        if 0 <= place < count:
            found[int(place)].append(sample)
    return found


def back_s(samples: Sequence[Sample], span: Span, pods: Collection[str]) -> float | None:
    """Until the end of the first slice after healing in which each of these answered BACK_SHARE or more."""
    for number, each in enumerate(slices(samples, span.healed_s, span.end_s), start=1):
        if each and all(share(each, (pod,)) >= BACK_SHARE for pod in pods):
            return number * SLICE_S
    return None


def moments(samples: Sequence[Sample], span: Span, pods: Collection[str]) -> list[results.Moment]:
    """The trial slice by slice, from a little before the fault."""
    from_s = span.fault_s - BEFORE_S
    return [
        results.Moment(
            at_s=number * SLICE_S - BEFORE_S,
            p99_ms=percentile(each, 99) if each else None,
            failed_share=failed_share(each),
            bad_share=share(each, pods),
        )
        for number, each in enumerate(slices(samples, from_s, span.end_s))
    ]


def received_share(before: dict[str, int], after: dict[str, int], bad: Collection[str]) -> float:
    """Of what the pods received in between. A pod that was started anew has counted from 0 again."""
    gained = {pod: after[pod] - (before[pod] if after[pod] >= before[pod] else 0) for pod in after}
    return sum(part for pod, part in figures.shares(gained).items() if pod in bad)
