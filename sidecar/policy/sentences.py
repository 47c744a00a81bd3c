"""How a defection is punished: the mildest level for which a short punishment deters, and the proof that it does.

Deeper rather than longer: the level is the highest of the depths below for which the folk theorem's length is at most
`longest`. Nobody is ever pushed below its floor (individual rationality; the floor is a commitment, not a theorem),
and where even the floor deters too little the sentence says that its certificate does not hold.
"""

from dataclasses import dataclass
from typing import Final

from sidecar.game import folk, repeated

DEPTHS: Final[tuple[float, ...]] = (0.5, 0.25, 0.1, 0.05, 0.0)
"""Of the caller's due; the last is its floor."""
NEVER: Final = 1 << 60
"""Ticks."""
MOST_STATES: Final = 100
"""Of a certificate, where only a slow forgiveness makes it longer: the caller is deterred already."""


@dataclass(frozen=True, slots=True)
class Offence:
    """What a caller did in a tick, in requests/s."""

    offered: float
    due: float
    """What it may have: its fair share, less the retries of a storm."""
    floor: float
    """What it keeps whatever it does; at most its due."""
    waited_for: bool
    """The app is congested: what the caller does not get, others do."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """Throttle to `level` requests/s for `length` ticks after the last defection."""

    level: float
    length: int
    certificate: repeated.Certificate
    """Of the punishment as served."""


def pronounce(offence: Offence, discount: float, longest: int, forgiven_after: int = 0) -> Sentence:
    """The mildest sentence that deters within `longest` ticks, else `longest` at the floor.

    `forgiven_after`: ticks for which the score would keep the caller punished anyway; the certificate covers them.
    """
    gain = offence.offered - offence.due
    for depth in DEPTHS:
        level = max(offence.floor, depth * offence.due)
        length = enforceable(gain, offence.due - level, discount)
        if length <= longest:
            served = max(length, min(forgiven_after, MOST_STATES))
            proof = repeated.certify(_stage(offence, level), served, discount)
            return Sentence(level, length, proof)
    proof = repeated.certify(_stage(offence, offence.floor), longest, discount)
    return Sentence(offence.floor, longest, proof)


def enforceable(gain: float, loss: float, discount: float) -> int:
    """The theorem's length in ticks; `NEVER` if none suffices."""
    try:
        return folk.punishment_length(gain, loss, discount)
    except folk.Unenforceable:
        return NEVER


def _stage(offence: Offence, level: float) -> repeated.Stage:
    """In parts of the due.

    The enforcer's payoff is the useful work done: a flood displaces others request by request, a storm's retries are
    no work. What is withheld from the caller is lost unless somebody waits for it.
    """
    due = offence.due
    gain = (offence.offered - due) / due
    return repeated.Stage(
        share=1.0,
        gain=gain,
        level=level / due,
        peace=1.0,
        punish=1.0 if offence.waited_for else level / due,
        spare=1.0 - gain,
    )
