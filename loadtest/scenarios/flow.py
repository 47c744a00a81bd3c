"""Who sends what and when: the traffic of a scenario as values. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from loadtest import openloop
from loadtest.scenarios import application
from loadtest.scenarios.pod import Caller

PATIENCE_S = 1.0
"""When clients give up: an answer that comes later is of no use to them."""
CONNECTIONS = 1024


@dataclass(frozen=True, slots=True)
class Flow:
    """`rate` requests per second from `from_s` to `to_s` of play. Flows of one name are told together."""

    name: str
    rate: float
    from_s: float
    to_s: float
    sources: tuple[str, ...]
    path: str = "/"
    headers: tuple[str, ...] = ()

    def plan(self, target: str, start_s: float) -> openloop.Plan:
        """For the generator, when play begins at `start_s` of the clock."""
        return openloop.Plan(
            target,
            application.HOST,
            self.path,
            self.rate,
            self.to_s - self.from_s,
            timeout_s=PATIENCE_S,
            connections=CONNECTIONS,
            headers=self.headers,
            sources=self.sources,
            start_s=start_s + self.from_s,
        )


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of play with a name. `trouble`: shaded in the figures."""

    name: str
    from_s: float
    to_s: float
    trouble: bool = False

    @property
    def seconds(self) -> float:
        """How long."""
        return self.to_s - self.from_s


@dataclass(frozen=True, slots=True)
class Script:
    """What both arms play."""

    name: str
    callers: Sequence[Caller]
    flows: Sequence[Flow]
    phases: Sequence[Phase]

    @property
    def seconds(self) -> float:
        """Until the last phase is over."""
        return max(phase.to_s for phase in self.phases)

    def phase(self, name: str) -> Phase:
        """KeyError when there is none of that name."""
        for phase in self.phases:
            if phase.name == name:
                return phase
        raise KeyError(name)

    def names(self) -> list[str]:
        """Of the flows, each once, in order."""
        return list(dict.fromkeys(flow.name for flow in self.flows))


def phases(*lengths: tuple[str, float], trouble: Sequence[str] = ()) -> list[Phase]:
    """One after the other, from 0."""
    found, at_s = [], 0.0
    for name, seconds in lengths:
        found.append(Phase(name, at_s, at_s + seconds, trouble=name in trouble))
        at_s += seconds
    return found
