"""Which pods a market may move in this cycle; the others keep what they have, and it is taken out of the capacity."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from coordinator.policy.bids import averaged, unusable
from coordinator.policy.config import Bounds, Config
from coordinator.policy.grant import Grant, Held
from coordinator.policy.observation import Observation
from coordinator.policy.reach import STEP_M, Reach, down, reach
from coordinator.policy.records import Record, Records, Written
from coordinator.policy.subject import Subject

_ANY = Bounds()


@dataclass(frozen=True, slots=True)
class Cycle:
    """What all pods of one cycle have in common."""

    config: Config
    records: Records
    now: float
    observations: Mapping[str, Observation]
    bounds: Mapping[str, Bounds]

    def bounds_of(self, subject: Subject) -> Bounds:
        """Its namespace's."""
        return self.bounds.get(subject.namespace, _ANY)


@dataclass(frozen=True, slots=True)
class Entry:
    """A pod in the market."""

    subject: Subject
    seen: Observation
    record: Record
    reach: Reach

    @property
    def demand(self) -> float:
        """Average."""
        return self.seen.demand if self.record.demand is None else self.record.demand

    @property
    def bid(self) -> float:
        """Budget times average demand."""
        return self.subject.budget * self.demand


@dataclass(slots=True)
class Sorted:
    """One node's pods."""

    entries: list[Entry] = field(default_factory=list)
    held: list[Held] = field(default_factory=list)
    reverts: list[Grant] = field(default_factory=list)
    reserved_m: int = 0
    """What pods outside the market keep."""


def sift(subjects: Sequence[Subject], cycle: Cycle) -> Sorted:
    """In the order of `subjects`."""
    found = Sorted()
    for subject in subjects:
        record = cycle.records.of(subject.uid)
        entry = _judged(subject, record, cycle)
        if isinstance(entry, Entry):
            found.entries.append(entry)
            continue
        found.reserved_m += max(kept_m(subject), _under_way_m(subject, record))
        revert = _revert(subject, record)
        if revert is None:
            found.held.append(entry)
        else:
            found.reverts.append(revert)
    return found


def kept_m(subject: Subject) -> int:
    """What a pod may use while nothing is changed: on the way between two amounts, the larger one."""
    if subject.policy == "requests":
        now_m = max(subject.spec.cpu_request_m or 0, subject.actual.cpu_request_m or 0)
    else:
        now_m = max(subject.spec.cpu_limit_m or 0, subject.actual.cpu_limit_m or 0)
    return now_m or max(subject.floor_m, subject.spec.cpu_request_m or 0)


def _judged(subject: Subject, record: Record, cycle: Cycle) -> Entry | Held:
    seen = cycle.observations.get(subject.uid)
    flaw = unusable(seen, cycle.config, cycle.now)
    if flaw is None and seen is not None:
        record.demand = averaged(record.demand, seen, cycle.config)
        record.caution += cycle.config.recovery * (1.0 - record.caution)
    record.deferred = record.deferred + 1 if subject.deferred else 0
    if subject.deferred or not subject.settled:
        word = "deferred" if subject.deferred else "settling"
        return Held(subject, word, "an earlier resize is under way")
    if _under_way_m(subject, record):
        return Held(subject, "settling", "what is known of it is older than our last resize")
    if record.written is not None and record.written.cpu_m == subject.cpu_m:
        record.setbacks = 0
    if flaw is not None or seen is None:
        return Held(subject, *(flaw or ("unobserved", "")))
    if cycle.now < record.not_before:
        left_s = record.not_before - cycle.now
        return Held(
            subject, "backoff", f"{left_s:.0f} s more after {record.setback}, {record.setbacks} in a row"
        )
    return _priced(subject, seen, record, cycle)


def _priced(subject: Subject, seen: Observation, record: Record, cycle: Cycle) -> Entry | Held:
    if not 0.0 <= subject.budget < math.inf:
        return Held(subject, "invalid", f"budget is {subject.budget!r}; allowed: a finite number, 0 or more")
    allowed = reach(subject, cycle.bounds_of(subject))
    if isinstance(allowed, str):
        return Held(subject, "bounds", allowed)
    return Entry(subject, seen, record, allowed)


def _under_way_m(subject: Subject, record: Record) -> int:
    """What we asked for where the pod as listed does not know of it yet; 0: it does."""
    written = record.written
    if written is None or written.generation is None or subject.generation >= written.generation:
        return 0
    return written.cpu_m or subject.cpu_m or 1


def _revert(subject: Subject, record: Record) -> Grant | None:
    """Only what we wrote ourselves (in an earlier cycle, then) and what is still asked for."""
    if not subject.deferred:
        return None
    written = record.written
    if written is None and record.deferred > 1:
        written = _inherited(subject)
    if written is None:
        return None
    cpu_m = memory = None
    if written.cpu_m == subject.cpu_m and 0 < written.before_cpu_m < subject.cpu_m:
        cpu_m = max(STEP_M, down(written.before_cpu_m))
    limit, before = subject.spec.memory_limit_bytes, written.before_memory_bytes
    if limit is not None and before is not None and written.memory_bytes == limit and before < limit:
        memory = before
    if cpu_m is None and memory is None:
        return None
    words = "the kubelet has had no room for it for a cycle: back to what it had"
    return Grant(subject=subject, cpu_m=cpu_m, memory_bytes=memory, reason=words)


def _inherited(subject: Subject) -> Written:
    """What the coordinator before this one wrote: whoever else resizes a pod has it to himself (`StandDown`)."""
    spec, actual = subject.spec, subject.actual
    had_m = actual.cpu_request_m if subject.policy == "requests" else actual.cpu_limit_m
    return Written(None, had_m or 0, subject.cpu_m, actual.memory_limit_bytes, spec.memory_limit_bytes)
