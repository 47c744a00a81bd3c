"""How each claim's figure is taken from a recording. Pure.

Every measure returns the figure and what it rests on; no figure when the recording does not hold the stretch.
"""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from loadtest.demo import chapters, targets, windows
from loadtest.demo.recording import Played, Reading, Recording
from loadtest.load import Sample

SHARE_WINDOW_S = 5.0
STEP_S = 0.25
BACK_SHARE = 0.15
BACK_S = 15.0
HUNG_MS = 1000.0
HOLDS_S = 1.0
"""Nash counts as reached when it stays so for this long: a single poll may be luck."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A figure in its claim's unit (inf: never happened, None: not in the recording) and its sample size."""

    value: float | None
    samples: int


Measure = Callable[[Recording], Measured]
NOTHING = Measured(None, 0)


def affected(recording: Recording, fault: chapters.Fault) -> Sequence[Sample]:
    """The requests that count while the fault is on; none if it was not played."""
    return _counted(recording, recording.chapter("fault", fault), fault.service)


def healthy_p99_ms(recording: Recording, service: str) -> float:
    """p99 of the service's route in the arm's own steady chapter; NaN without any."""
    return windows.percentile(99, healthy(recording, service))


def healthy(recording: Recording, service: str) -> Sequence[Sample]:
    """The requests of the steady chapter that count; none if it was not played."""
    return _counted(recording, recording.chapter("steady"), service)


def _counted(recording: Recording, played: Played | None, service: str) -> Sequence[Sample]:
    if played is None:
        return ()
    return windows.between(recording.samples.get(service, []), *windows.settled(played))


def share_of_bad_pod(fault: chapters.Fault) -> Measure:
    """The bad pod's share of the answers while the fault is on."""

    def measure(recording: Recording) -> Measured:
        samples = affected(recording, fault)
        shares = windows.shares(samples, recording.pods[fault.service])
        return Measured(shares[fault.pod], len(samples)) if samples else NOTHING

    return measure


def slow_limit_ms(recording: Recording, service: str) -> float:
    """Twice the healthy p99; NaN when the client gives up before that: then nothing could be slower."""
    limit_ms = 2 * healthy_p99_ms(recording, service)
    return limit_ms if limit_ms < targets.TIMEOUT_S * 1000 else math.nan


def slow_tail(fault: chapters.Fault) -> Measure:
    """The fraction of requests slower than twice the healthy p99."""

    def measure(recording: Recording) -> Measured:
        samples = affected(recording, fault)
        limit_ms = slow_limit_ms(recording, fault.service)
        return _known(windows.slower_than(limit_ms, samples), len(samples), limit_ms)

    return measure


def p99_ratio(fault: chapters.Fault) -> Measure:
    """p99 while the fault is on, in healthy p99s."""

    def measure(recording: Recording) -> Measured:
        samples = affected(recording, fault)
        healthy_ms = slow_limit_ms(recording, fault.service) / 2
        return _known(windows.percentile(99, samples) / healthy_ms, len(samples))

    return measure


def errors(fault: chapters.Fault) -> Measure:
    """The fraction of requests the client did not get a 200 for."""
    return lambda recording: _fraction(windows.failed, affected(recording, fault))


def slow_or_lost(fault: chapters.Fault) -> Measure:
    """The fraction of requests slower than a second, or lost."""

    def fraction(samples: Sequence[Sample]) -> float:
        return windows.slow_or_lost(HUNG_MS, samples)

    return lambda recording: _fraction(fraction, affected(recording, fault))


def _fraction(of: Callable[[Sequence[Sample]], float], samples: Sequence[Sample]) -> Measured:
    return _known(of(samples), len(samples))


def _known(value: float, samples: int, *also: float) -> Measured:
    return NOTHING if any(map(math.isnan, (value, *also))) else Measured(value, samples)


def back_after_s(fault: chapters.Fault) -> Measure:
    """Seconds from healing to the end of the first 5 s in which the pod had a share of 15 % again."""

    def measure(recording: Recording) -> Measured:
        parts = _recovery(recording, fault)
        counted = sum(len(samples) for _, samples in parts[:: round(SHARE_WINDOW_S / STEP_S)])
        for after_s, samples in parts:
            if windows.shares(samples, recording.pods[fault.service])[fault.pod] >= BACK_SHARE:
                return Measured(after_s, counted)
        played = recording.chapter("recovery", fault)
        return Measured(math.inf, counted) if played and _lasted(played, BACK_S) else NOTHING

    return measure


def _lasted(played: Played, seconds: float) -> bool:
    """Whether a chapter was long enough to say that something took longer."""
    return played.end_s - played.start_s >= seconds - STEP_S


def highest_share(faults: Sequence[chapters.Fault]) -> Measure:
    """The largest share a healed pod had in any 5 s of its recovery, over all recoveries."""

    def measure(recording: Recording) -> Measured:
        found = [
            Measured(windows.shares(samples, recording.pods[fault.service])[fault.pod], len(samples))
            for fault in faults
            for _, samples in _recovery(recording, fault)
        ]
        if not found:
            return NOTHING
        worst = max(each.value or 0.0 for each in found)
        return Measured(worst, sum(each.samples for each in found[:: round(SHARE_WINDOW_S / STEP_S)]))

    return measure


def _recovery(recording: Recording, fault: chapters.Fault) -> list[tuple[float, Sequence[Sample]]]:
    """All 5 s windows after healing: seconds from healing to the window's end, and what was due in it."""
    played = recording.chapter("recovery", fault)
    if played is None:
        return []
    samples = recording.samples.get(fault.service, [])
    spans = windows.sliding(played.start_s, played.end_s, SHARE_WINDOW_S, STEP_S)
    return [(end_s - played.start_s, windows.between(samples, start_s, end_s)) for start_s, end_s in spans]


def nash_again_s(faults: Sequence[chapters.Fault]) -> Measure:
    """Seconds from a change (fault or healing) until Nash = 1 again, the worst over all changes."""

    def measure(recording: Recording) -> Measured:
        changes = [
            (played, recording.readings.get(played.chapter.fault.service, []))
            for played in recording.played
            if played.chapter.fault in faults and played.chapter.fault is not None
        ]
        times = [_nash_after(played, readings) for played, readings in changes]
        known = [each for each in times if each is not None]
        return Measured(max(known), len(known)) if known else NOTHING

    return measure


def _nash_after(played: Played, readings: Sequence[Reading]) -> float | None:
    """0 when it never left Nash, inf when it did not come back in a whole chapter, None when nobody can say."""
    during = [each for each in readings if played.start_s <= each.at_s < played.end_s]
    left = next((place for place, each in enumerate(during) if each.nash != 1), None)
    if left is None:
        return 0.0 if during else None
    for place in range(left + 1, len(during)):
        until_s = during[place].at_s + HOLDS_S
        if all(each.nash == 1 for each in during[place:] if each.at_s <= until_s):
            return during[place].at_s - played.start_s
    return math.inf if _lasted(played, chapters.FAULT_S) else None


def steady_variation(recording: Recording) -> Measured:
    """How fast realised shares move in the steady chapter: total variation between successive 5 s, per second."""
    steady = recording.chapter("steady")
    if steady is None:
        return NOTHING
    found = []
    spans = list(windows.sliding(*windows.settled(steady), SHARE_WINDOW_S, SHARE_WINDOW_S))
    for service, pods in recording.pods.items():
        parts = [windows.between(recording.samples.get(service, []), *span) for span in spans]
        mixes = [windows.shares(part, pods) for part in parts]
        moved = [windows.variation(one, other) for one, other in itertools.pairwise(mixes)]
        found += [Measured(each / SHARE_WINDOW_S, sum(map(len, parts))) for each in moved]
    if not found:
        return NOTHING
    return Measured(max(each.value or 0.0 for each in found), min(each.samples for each in found))


def prediction_error(recording: Recording) -> Measured:
    """Median over endpoints and polls of |predicted − observed| cost, relative to the observed one."""
    said = [
        abs(error)
        for readings in recording.readings.values()
        for each in readings
        for error in each.prediction_error.values()
        if error is not None
    ]
    return Measured(median(said), len(said)) if said else NOTHING
