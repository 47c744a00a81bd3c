"""What the demo plays: arms, faults, chapters and their lengths. Pure.

Every fault hits one pod of three, each on a service and a route of its own or long after the last one was
healed, so that one chapter's figures say nothing about another's fault.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Kind = Literal["warm-up", "steady", "fault", "recovery"]

WARM_UP_S = 3.0
STEADY_S = 12.0
FAULT_S = 12.0
RECOVERY_S = 17.0
BASELINE_S = 8.0


@dataclass(frozen=True, slots=True)
class Route:
    """A loaded route and the service that answers it."""

    service: str
    what: str
    """Method and path as a reader knows them."""
    short: str


ROUTES = (
    Route("bus-service", "GET /api/buses/number/{n}", "bus"),
    Route("trajet-service", "GET /api/lines/{ref}", "trajet"),
    Route("user-service", "GET /api/users/me", "user"),
)


@dataclass(frozen=True, slots=True)
class Fault:
    """One way for one pod to go bad; `fields` is what its control port is told."""

    key: str
    title: str
    service: str
    pod: str
    fields: Mapping[str, object]


FAULTS = (
    Fault("slow", "+500 ms on one bus pod", "bus-service", "bus-service-1", {"latency_ms": 500}),
    Fault(
        "random",
        "500 ms on 10 % of one trajet pod's requests",
        "trajet-service",
        "trajet-service-1",
        {"latency_ms": 500, "fraction": 0.1},
    ),
    Fault(
        "failing",
        "one trajet pod fails fast",
        "trajet-service",
        "trajet-service-2",
        {"error_status": 503, "error_rate": 1.0},
    ),
    Fault("hanging", "one user pod hangs", "user-service", "user-service-1", {"hang": True}),
)


@dataclass(frozen=True, slots=True)
class Arm:
    """One way to route: what the same faults are played against."""

    name: str
    title: str
    strategy: str | None
    """The sidecars' strategy; None for no sidecars at all."""

    @property
    def judged(self) -> bool:
        """Whether the claims are about this arm; the others are there to compare with."""
        return self.strategy == "balanced"


ARMS = (
    Arm("no-sidecars", "no sidecars", None),
    Arm("none", "round robin", "none"),
    Arm("equilibrium", "Equilibrium", "balanced"),
)


@dataclass(frozen=True, slots=True)
class Chapter:
    """A stretch of one arm's time."""

    kind: Kind
    seconds: float
    fault: Fault | None = None

    @property
    def title(self) -> str:
        """What a reader calls it."""
        if self.fault is None:
            return self.kind
        return self.fault.title if self.kind == "fault" else f"healed: {self.fault.title}"


@dataclass(frozen=True, slots=True)
class Script:
    """What one run plays; `scale` is 1 at full length."""

    arms: Sequence[Arm]
    faults: Sequence[Fault]
    scale: float = 1.0

    def chapters(self, arm: Arm) -> list[Chapter]:
        """In order. A baseline needs no recoveries: a pod that is never avoided has nothing to come back from."""
        calm_s, fault_s = (STEADY_S, FAULT_S) if arm.judged else (BASELINE_S, BASELINE_S)
        played = [Chapter("warm-up", WARM_UP_S * self.scale), Chapter("steady", calm_s * self.scale)]
        for fault in self.faults:
            played.append(Chapter("fault", fault_s * self.scale, fault))
            if arm.judged:
                played.append(Chapter("recovery", RECOVERY_S * self.scale, fault))
        return played

    def seconds(self, arm: Arm) -> float:
        """How long the arm plays, starting processes not included."""
        return sum(chapter.seconds for chapter in self.chapters(arm))

    def before_s(self, arm: Arm) -> float:
        """How long the arms before it play."""
        return sum(self.seconds(each) for each in self.arms[: self.arms.index(arm)])

    @property
    def whole_s(self) -> float:
        """How long all arms play, starting processes not included."""
        return sum(self.seconds(arm) for arm in self.arms)


def script(*, quick: bool = False, seconds: float | None = None) -> Script:
    """The full demo or the quick one, made as long as `seconds` of playing altogether if given."""
    full = Script(ARMS[1:], (FAULTS[0], FAULTS[2])) if quick else Script(ARMS, FAULTS)
    if seconds is None:
        return full
    return Script(full.arms, full.faults, seconds / full.whole_s)
