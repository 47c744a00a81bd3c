"""The repeated game between a caller and the enforcer: the automaton both play, and its certificate.

States: 0 is COOPERATE; k = 1 … L is PUNISH with k ticks to go. A flood in any state leads to PUNISH(L), everything
else one tick nearer to COOPERATE. A tick in which the enforcer spared whom it should have throttled is not served:
it is owed still.

    state       caller keeps        caller floods           enforcer follows    enforcer deviates
    COOPERATE   share        → 0    share + gain      → L   peace       → 0     punish (an innocent)  → 0
    PUNISH(k)   level        → k−1  level + evasion   → L   punish      → k−1   spare                 → k

`certify` solves the values of all states, then tries every one-shot deviation in every state, on the path and off it.
With discounting, a profile that no one-shot deviation improves on is subgame perfect (Blackwell 1965; Abreu,
Econometrica 1988). The length of punishment comes from folk.py; nothing of its formula is used here.
"""

from dataclasses import dataclass
from typing import Final

COOPERATE: Final = 0
CALLER: Final = "caller"
ENFORCER: Final = "enforcer"
ROUNDING: Final = 1e-9
"""A deviation gains nothing when it gains at most this part of the largest value (at least of 1)."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Payoffs per tick, all in one unit (the police takes parts of the caller's due).

    Assumed: the two see each other's moves after every tick; what is above the level is refused while punished, so
    that a flood then gains only `evasion`; and whoever is punished goes on flooding as soon as it is spared, which is
    what `spare` is the payoff of. An enforcer that could spare a caller known to keep quiet, and would have the
    capacity lie idle otherwise, would spare it: then `spare` > `punish` and the certificate says that it does not hold.
    """

    share: float
    """The caller's, when both cooperate."""
    gain: float
    """What flooding adds to it, once."""
    level: float
    """The caller's, while punished."""
    evasion: float = 0.0
    """What flooding adds to that."""
    peace: float = 1.0
    """The enforcer's, when both cooperate."""
    punish: float = 1.0
    """The enforcer's, while it throttles: `peace`, if others are served instead."""
    spare: float = 0.0
    """The enforcer's, when it serves the flood it should have throttled."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """What following is worth and what leaving would gain, by player ("caller", "enforcer") and state (0 … length)."""

    length: int
    """Ticks."""
    values: dict[str, list[float]]
    """Discounted sums of payoffs from each state on."""
    deviations: dict[str, list[float]]
    """Gain of the one-shot deviation in each state; positive: it pays."""
    worst: float
    """The largest of them."""
    holds: bool
    """No deviation pays: the automaton is a subgame-perfect equilibrium."""


def certify(stage: Stage, length: int, discount: float) -> Certificate:
    """Check every state for both players. Raises `ValueError` unless `length` ≥ 1 and `discount` is in (0, 1)."""
    if length < 1 or not 0.0 < discount < 1.0:
        raise ValueError(f"no such punishment: {length} ticks at a discount of {discount}")
    caller = _values(stage.share, stage.level, length, discount)
    enforcer = _values(stage.peace, stage.punish, length, discount)
    leaving = {
        CALLER: _caller_gains(stage, caller, discount),
        ENFORCER: _enforcer_gains(stage, enforcer, discount),
    }
    gains = leaving[CALLER] + leaving[ENFORCER]
    negligible = ROUNDING * max(1.0, *[abs(value) for value in caller + enforcer])
    return Certificate(
        length=length,
        values={CALLER: caller, ENFORCER: enforcer},
        deviations=leaving,
        worst=max(gains),
        holds=all(gain <= negligible for gain in gains),  # not for nan
    )


def _values(peace: float, punished: float, length: int, discount: float) -> list[float]:
    """`V(0) = peace + δ·V(0)`, `V(k) = punished + δ·V(k − 1)`."""
    values = [peace / (1.0 - discount)]
    for _ in range(length):
        values.append(punished + discount * values[-1])
    return values


def _caller_gains(stage: Stage, values: list[float], discount: float) -> list[float]:
    """Of one flood: it (re)starts the whole punishment."""
    after = discount * values[-1]
    punished = stage.level + stage.evasion + after
    return [stage.share + stage.gain + after - values[COOPERATE], *[punished - value for value in values[1:]]]


def _enforcer_gains(stage: Stage, values: list[float], discount: float) -> list[float]:
    """Of throttling an innocent once, and of sparing a flooder once: the state stays as it was."""
    innocent = stage.punish + discount * values[COOPERATE] - values[COOPERATE]
    return [innocent, *[stage.spare + discount * value - value for value in values[1:]]]
