"""Coordinators that lie: what they put in the place of honest columns, none of it malformed: it has to be found out."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Final

from loadtest.lab.advice.worlds import SPEEDS

Columns = Mapping[str, tuple[Mapping[str, float], ...]]
"""By sidecar: shares by address, slot by slot."""
SLOTS: Final = 11
TENTH: Final = 10
"""Lies that hide: one part in so many is one."""
STEP: Final = 5
"""Slots from one epoch of the lab to the next."""
PREY: Final = 2
"""The pod they herd to: one as quick as most."""
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


class Among(Liar):
    """A herd hidden among honest words: everybody's shares are honest but for a tenth, which is one pod's."""

    def columns(self, honest: Columns, pods: int) -> Columns:
        """The same pod for as long as it lies."""
        return {sidecar: tuple(_also(each, PREY) for each in actions) for sidecar, actions in honest.items()}


class Seldom(Liar):
    """A herd in one slot of ten, to another pod each time; the nine others are honest."""

    def __init__(self) -> None:
        self._slot = 0

    def columns(self, honest: Columns, pods: int) -> Columns:
        """Epochs begin `STEP` slots apart and say more than that: whoever says a slot, says the same of it."""
        first = self._slot
        self._slot += STEP
        return {
            sidecar: tuple(
                {str(slot // TENTH % pods): 1.0} if slot % TENTH == TENTH // 2 else each
                for slot, each in enumerate(actions, first)
            )
            for sidecar, actions in honest.items()
        }


class Few(Liar):
    """One sidecar in ten is told to send all to the same pod, the others hear what is honest."""

    def columns(self, honest: Columns, pods: int) -> Columns:
        """The same sidecars every time."""
        return {
            sidecar: tuple({str(PREY): 1.0} for _ in actions) if number % TENTH == 0 else actions
            for number, (sidecar, actions) in enumerate(sorted(honest.items()))
        }


def _also(action: Mapping[str, float], pod: int) -> Mapping[str, float]:
    """A tenth of it to one pod more."""
    kept = {address: share * (1.0 - 1.0 / TENTH) for address, share in action.items()}
    return kept | {str(pod): kept.get(str(pod), 0.0) + 1.0 / TENTH}


def _inverted(action: Mapping[str, float], pods: int) -> Mapping[str, float]:
    most = max(action.values())
    turned = {str(pod): most - action.get(str(pod), 0.0) for pod in range(pods)}
    total = sum(turned.values())
    return {address: share / total for address, share in turned.items() if share > _LEAST * total}
