"""Where the live page's figures come from: what the rest of the program has to lend."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from coordinator.policy.advice.epoch import Epoch
from coordinator.policy.advice.report import Report


class Heard(Protocol):
    """The latest report of every sidecar: an `Adviser`."""

    @property
    def reports(self) -> Mapping[str, Report]:
        """By sidecar."""
        ...

    def heard_at(self, sidecar: str) -> float:
        """When it reported last, seconds of `sidecar.clock.now()`. Raises KeyError."""
        ...


class Nobody:
    """No reports: advice is off."""

    @property
    def reports(self) -> Mapping[str, Report]:
        """None."""
        return {}

    def heard_at(self, sidecar: str) -> float:
        """Nobody was."""
        raise KeyError(sidecar)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """`cycle()`: the last one, the same object until there is another; `told(cycle)`: as `/state` has it."""

    name: str
    cycle: Callable[[], object | None]
    told: Callable[[Any], Mapping[str, Any]]
    heard: Heard
    epoch: Callable[[], Epoch | None] = lambda: None
    """The advice in force."""
    leader: Callable[[], str] = lambda: ""
    """Who may write, in words."""
