"""Coordinators that lie: what they put in the place of honest columns, none of it malformed: it has to be found out."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Final

from loadtest.lab.advice.worlds import SPEEDS

Columns = Mapping[str, tuple[Mapping[str, float], ...]]
"""By sidecar: shares by address, slot by slot."""
SLOTS: Final = 11
_LEAST: Final = 1e-3


class Liar(ABC):
    """Turns honest columns into others."""

    @abstractmethod
    def columns(self, honest: Columns, pods: int) -> Columns:
        """Called once an epoch; addresses are pod numbers below `pods`."""


class Slowest(Liar):
    """Everybody to the slowest pod there is."""

    def columns(self, honest: Columns, pods: int) -> Columns:
        """The same in all slots."""
        worst = str(SPEEDS.index(min(SPEEDS)))
        return {sidecar: ({worst: 1.0},) * SLOTS for sidecar in honest}


class Herd(Liar):
    """Everybody to one pod, in every slot to another: each is a good one until they arrive."""

    def __init__(self) -> None:
        self._turn = 0

    def columns(self, honest: Columns, pods: int) -> Columns:
        """One after the other, fast and slow."""
        slots = tuple({str((self._turn + slot) % pods): 1.0} for slot in range(SLOTS))
        self._turn += SLOTS
        return dict.fromkeys(honest, slots)


class Inverted(Liar):
    """Shares turned round: what should get most gets least."""

    def columns(self, honest: Columns, pods: int) -> Columns:
        """Of every pod, as far as it is below the largest share."""
        return {
            sidecar: tuple(_inverted(each, pods) for each in actions) for sidecar, actions in honest.items()
        }


class Crowd(Liar):
    """The honest column of one for all: right for one, wrong for everybody."""

    def columns(self, honest: Columns, pods: int) -> Columns:
        """The first that has one."""
        first = next((actions for actions in honest.values() if actions), ())
        return dict.fromkeys(honest, first)


def _inverted(action: Mapping[str, float], pods: int) -> Mapping[str, float]:
    most = max(action.values())
    turned = {str(pod): most - action.get(str(pod), 0.0) for pod in range(pods)}
    total = sum(turned.values())
    return {address: share / total for address, share in turned.items() if share > _LEAST * total}
