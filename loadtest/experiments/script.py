"""What an experiment plays: services, who sends what when, which stretches count. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from loadtest.experiments.town import Service
from loadtest.loadplan import Plan
from loadtest.scenarios.flow import Phase

PATIENCE_S = 3.0
"""A client gives up then; what it did not get counts as so late."""
STREAMS = 3
"""Generators a flow: the sum of streams out of step is less regular than one."""


@dataclass(frozen=True, slots=True)
class Flow:
    """Requests to a service: so many a second, from and to, seconds from the beginning of play."""

    service: str
    rate: float
    from_s: float
    to_s: float

    def plans(self, entry: str, start_s: float) -> list[Plan]:
        """One per generator, each out of step with the others."""
        rate = self.rate / STREAMS
        lags = [n / STREAMS / rate * (0.5 + 0.5 * n / STREAMS) for n in range(STREAMS)]
        return [
            Plan(
                entry,
                self.service,
                "/",
                rate * (1 + 0.01 * n),  # drifting against each other: they bunch and part
                self.to_s - self.from_s,
                timeout_s=PATIENCE_S,
                start_s=start_s + self.from_s + lag,
            )
            for n, lag in enumerate(lags)
        ]


@dataclass(frozen=True, slots=True)
class Script:
    """What every arm of an experiment plays."""

    name: str
    capacity_m: int
    cycle_s: float
    services: Sequence[Service]
    flows: Sequence[Flow]
    phases: Sequence[Phase]
    replicas: Mapping[str, int] = field(default_factory=dict)
    """Pods of a service to begin with, where it is not one."""
    env: Mapping[str, str] = field(default_factory=dict)
    """More for the coordinator."""

    @property
    def seconds(self) -> float:
        """Until the last phase is over."""
        return max(phase.to_s for phase in self.phases)

    def phase(self, name: str) -> Phase:
        """KeyError when there is none."""
        return next(each for each in self.phases if each.name == name)
