"""What the controller remembers of a pod between cycles; a pod is its uid."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

_FORGET_PLANS: Final = 4
"""A pod missing for longer has left; one list that lacks it may be a glitch."""


@dataclass(frozen=True, slots=True)
class Veto:
    """A pod's no, about CPU or about memory."""

    until: float
    minimum: int | None
    """Millicores or bytes; None: whatever is proposed."""
    words: str

    def stands(self, now: float) -> bool:
        """Not over yet."""
        return now < self.until


@dataclass(frozen=True, slots=True)
class Written:
    """Our last change, for taking it back."""

    generation: int | None
    """Of the pod since then; None: nobody said."""
    before_cpu_m: int
    cpu_m: int | None
    before_memory_bytes: int | None
    memory_bytes: int | None


@dataclass(slots=True)
class Record:
    """`now` of all ages is the controller's."""

    seen: int = 0
    """The number of the plan that last saw it."""
    demand: float | None = None
    """Average; None before the first observation."""
    changed_at: float = -math.inf
    direction: int = 0
    """1: it last got more CPU, −1: less."""
    caution: float = 1.0
    """What part of `Config.gain` it moves by: halved by each change of direction, back to 1 with time."""
    written: Written | None = None
    cpu_veto: Veto | None = None
    memory_veto: Veto | None = None
    setbacks: int = 0
    """Resizes in a row that could not be."""
    not_before: float = -math.inf
    setback: str = ""
    deferred: int = 0
    """Plans in a row in which the kubelet had no room for what is asked for."""
    first_memory_bytes: int | None = None
    idle_memory: int = 0
    """Cycles in a row."""

    def shift(self, by_s: float) -> None:
        """Time that was not lived through does not count: everything happened, and ends, so much later."""
        self.changed_at += by_s
        self.not_before += by_s
        if self.cpu_veto is not None:
            self.cpu_veto = replace(self.cpu_veto, until=self.cpu_veto.until + by_s)
        if self.memory_veto is not None:
            self.memory_veto = replace(self.memory_veto, until=self.memory_veto.until + by_s)


class Records:
    """By uid. Forgets pods that left."""

    def __init__(self) -> None:
        self._of: dict[str, Record] = {}

    def __len__(self) -> int:
        return len(self._of)

    def of(self, uid: str) -> Record:
        """Its record, a new one when there is none."""
        return self._of.setdefault(uid, Record())

    def see(self, uids: Iterable[str], plan: int) -> None:
        """These are there in plan number `plan`; others, after some plans, no more."""
        for uid in uids:
            self.of(uid).seen = plan
        for uid in [uid for uid, record in self._of.items() if plan - record.seen >= _FORGET_PLANS]:
            del self._of[uid]

    def shift(self, by_s: float) -> None:
        """See `Record.shift`."""
        for record in self._of.values():
            record.shift(by_s)
