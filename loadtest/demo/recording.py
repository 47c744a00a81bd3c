"""What one arm leaves behind: chapters as played, samples, what the gateway's sidecar said, events. Pure.

All instants are on `clock.now`'s scale, which every process of the run shares.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from loadtest.demo import chapters
from loadtest.load import Sample


@dataclass(frozen=True, slots=True)
class Played:
    """A chapter and when it really ran."""

    chapter: chapters.Chapter
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Reading:
    """One service in one answer of `/state`, keyed by pod name; numbers as `/state` documents them."""

    at_s: float
    mix: Mapping[str, float]
    shares: Mapping[str, float]
    regrets: Mapping[str, float]
    slowdown: Mapping[str, float]
    health: Mapping[str, str]
    prediction_error: Mapping[str, float | None]
    gap: float | None
    nash: int | None
    lyapunov: float | None


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened and that a reader wants to see; `service` None concerns all of them."""

    at_s: float
    text: str
    service: str | None = None


@dataclass(frozen=True, slots=True)
class Journey:
    """What the locust users did: counts per step, milliseconds."""

    steps: Sequence["Step"]

    @property
    def requests(self) -> int:
        """Of all steps."""
        return sum(step.requests for step in self.steps)

    @property
    def failures(self) -> int:
        """Of all steps."""
        return sum(step.failures for step in self.steps)


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the journey."""

    name: str
    requests: int
    failures: int
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True)
class Cores:
    """Mean number of cores in use while the arm played: by its own processes, by anybody else's."""

    own: float
    others: float
    all: int


@dataclass(slots=True)
class Recording:
    """Everything one arm left."""

    arm: chapters.Arm
    pods: Mapping[str, Sequence[str]]
    """Pod names of each loaded service, in order."""
    start_s: float
    played: list[Played] = field(default_factory=list)
    samples: dict[str, list[Sample]] = field(default_factory=dict)
    """By service, ascending by the instant due."""
    readings: dict[str, list[Reading]] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    journey: Journey | None = None
    late_p99_ms: dict[str, float] = field(default_factory=dict)
    """How late the generators themselves were: what of the latencies is not the mesh's."""
    cores: "Cores | None" = None
    notes: list[str] = field(default_factory=list)
    """What went wrong with the run itself."""

    def chapter(self, kind: chapters.Kind, fault: chapters.Fault | None = None) -> Played | None:
        """The chapter of that kind (and fault), if it was played."""
        return next(
            (each for each in self.played if each.chapter.kind == kind and each.chapter.fault == fault), None
        )

    @property
    def end_s(self) -> float:
        """The end of the last chapter."""
        return self.played[-1].end_s if self.played else self.start_s


NOTHING_LEARNT: Mapping[str, Any] = {
    **dict.fromkeys(("shares", "regrets", "slowdown", "prediction_error"), MappingProxyType({})),
    "lyapunov": None,
}


def reading(at_s: float, said: Mapping[str, Any]) -> Reading:
    """One service's entry of `/state`, its addresses replaced by pod names; round robin learns nothing to tell."""
    names: Mapping[str, str] = said["endpoints"]
    told = said if said["strategy"] != "none" else {**NOTHING_LEARNT, **said}

    def named(key: str) -> dict[str, Any]:
        return {names.get(address, address): value for address, value in told[key].items()}

    return Reading(
        at_s,
        mix=named("mix"),
        shares=named("shares"),
        regrets=named("regrets"),
        slowdown=named("slowdown"),
        health=named("health"),
        prediction_error=named("prediction_error"),
        gap=told["gap"],
        nash=told["nash"],
        lyapunov=told["lyapunov"],
    )
