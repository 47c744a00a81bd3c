"""The scenarios there are, in the order in which they are played, and about how long each takes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from loadtest.scenarios import adversary, bids, consent, flood, journey, memory, overload
from loadtest.scenarios.result import Result
from loadtest.scenarios.stage import Stage


class Scenario(Protocol):
    """A module that plays one."""

    @property
    def NAME(self) -> str:  # noqa: N802 (a module's constant)
        """The word for --only."""

    @property
    def TITLE(self) -> str:  # noqa: N802
        """One line for people."""

    def run(self, stage: Stage) -> Result:
        """Play and judge."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A scenario and the seconds it takes, starts and all, in full and quick."""

    scenario: Scenario
    full_s: float
    quick_s: float

    @property
    def name(self) -> str:
        """The word for --only."""
        return self.scenario.NAME

    def planned_s(self, *, quick: bool) -> float:
        """Seconds."""
        return self.quick_s if quick else self.full_s


ENTRIES: Sequence[Entry] = (
    Entry(flood, 146.0, 92.0),
    Entry(overload, 156.0, 64.0),
    Entry(bids, 76.0, 48.0),
    Entry(adversary, 104.0, 72.0),
    Entry(memory, 252.0, 96.0),
    Entry(consent, 12.0, 12.0),
    Entry(journey, 57.0, 44.0),
)


def named(names: Sequence[str]) -> list[Entry]:
    """Those of these names, in the catalog's order; KeyError for a name nobody has."""
    known = {entry.name for entry in ENTRIES}
    for name in names:
        if name not in known:
            raise KeyError(name)
    return [entry for entry in ENTRIES if entry.name in names]
