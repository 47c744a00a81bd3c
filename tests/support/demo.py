"""A recording as a good run leaves it, made of plain rules that a test may bend."""

from collections.abc import Callable, Iterator

from loadtest.demo import chapters
from loadtest.demo.recording import Cores, Event, Journey, Played, Reading, Recording, Step
from loadtest.load import Sample

START_S = 1000.0
RATE = 170.0
NOTICED_S = 1.0
FORGIVEN_S = 4.0
NASH_S = 3.0

Rule = Callable[[str, Played, float, int, Sample], Sample]
"""service, chapter, seconds into it, number of the request, what a good run says → what this run says."""


def good(service: str, played: Played, at_s: float, number: int, said: Sample) -> Sample:
    return said


def recording(
    arm: chapters.Arm = chapters.ARMS[2],
    faults: tuple[chapters.Fault, ...] = chapters.FAULTS,
    *,
    rule: Rule = good,
    scale: float = 1.0,
    nash_s: float = NASH_S,
    prediction_error: float | None = 0.1,
) -> Recording:
    pods = {route.service: [f"{route.service}-{n}" for n in range(3)] for route in chapters.ROUTES}
    made = Recording(arm, pods, START_S)
    made.played = list(_played(chapters.Script([arm], faults, scale).chapters(arm)))
    for service in pods:
        made.samples[service] = [
            rule(service, played, sample.due_s - played.start_s, number, sample)
            for played in made.played
            for number, sample in enumerate(_samples(service, pods[service], played))
        ]
        made.readings[service] = [
            _reading(service, pods[service], played, at_s, nash_s, prediction_error)
            for played in made.played
            for at_s in _instants(played, 4.0)
        ]
    made.events = [
        Event(each.start_s, f"fault: {each.chapter.title}", each.chapter.fault.service)
        for each in made.played
        if each.chapter.kind == "fault" and each.chapter.fault is not None
    ]
    made.journey = Journey([Step("POST /api/auth/login", 40, 1, 20.0, 60.0)])
    made.cores = Cores(1.0, 0.1, 2)
    return made


def _played(script: list[chapters.Chapter]) -> Iterator[Played]:
    at_s = START_S
    for chapter in script:
        yield Played(chapter, at_s, at_s + chapter.seconds)
        at_s += chapter.seconds


def _instants(played: Played, rate: float) -> Iterator[float]:
    for number in range(round((played.end_s - played.start_s) * rate)):
        yield played.start_s + number / rate


def _samples(service: str, pods: list[str], played: Played) -> Iterator[Sample]:
    for number, due_s in enumerate(_instants(played, RATE)):
        latency_ms = 20.0 if number % 50 == 0 else 10.0
        yield Sample(due_s, latency_ms, "200", _pod(service, pods, played, due_s - played.start_s, number))


def _pod(service: str, pods: list[str], played: Played, at_s: float, number: int) -> str:
    fault = played.chapter.fault
    if fault is not None and fault.service == service:
        avoided = at_s >= NOTICED_S if played.chapter.kind == "fault" else at_s < FORGIVEN_S
        if avoided:
            pods = [pod for pod in pods if pod != fault.pod]
    return pods[number % len(pods)]


def _reading(
    service: str, pods: list[str], played: Played, at_s: float, nash_s: float, error: float | None
) -> Reading:
    fault = played.chapter.fault
    changed = fault is not None and fault.service == service
    settled = not changed or not NOTICED_S <= at_s - played.start_s < nash_s
    return Reading(
        at_s,
        mix=dict.fromkeys(pods, 1 / 3),
        shares=dict.fromkeys(pods, 1 / 3),
        regrets=dict.fromkeys(pods, 0.01),
        slowdown=dict.fromkeys(pods, 1.0),
        health=dict.fromkeys(pods, "admitted"),
        prediction_error=dict.fromkeys(pods, error),
        gap=0.05 if settled else 0.8,
        nash=1 if settled else 0,
        lyapunov=0.001,
    )
