"""The defence as a matrix game: what each measure costs against each way of attacking.

Rows: admit, and {delay, throttle, drop} by {caller, path, prefix}. Columns: the adversary keeps its identity and path,
rotates identities, rotates paths, or both. Payoffs are losses, negative, in busy seconds of the application per second:
what bad requests take, plus what the good ones that a measure hits would have taken (while the application is congested
the two are exchanged one for one).

Modelled, not measured: how much rotating costs the adversary (connections per identity; it cannot always ask for what
is dearest), and how many good requests share the caller or the path that the attack uses.
"""

from dataclasses import dataclass
from typing import Final

ADMIT: Final = "admit"
DELAY: Final = "delay"
THROTTLE: Final = "throttle"
DROP: Final = "drop"
_ACTIONS: Final[tuple[str, ...]] = (DELAY, THROTTLE, DROP)

CALLER: Final = 0
PATH: Final = 1
PREFIX: Final = 2
_KEYS: Final[tuple[str, ...]] = ("caller", "path", "prefix")

MEASURES: Final[tuple[str, ...]] = (ADMIT, *[f"{action}-{key}" for action in _ACTIONS for key in _KEYS])
"""Names of the rows, as metrics show them."""
ATTACKS: Final[tuple[str, ...]] = ("fixed", "rotate identities", "rotate paths", "rotate both")
_CAUGHT: Final[tuple[tuple[bool, ...], ...]] = (
    (True, False, True, False),  # by caller
    (True, True, False, False),  # by path
    (True, True, True, True),  # by prefix
)
"""Which attacks a measure by that key catches."""


@dataclass(frozen=True, slots=True)
class Stakes:
    """The traffic under suspicion. Rates per second; costs in busy seconds a request."""

    good_per_s: float
    bad_per_s: float
    good_cost_s: float
    bad_cost_s: float
    key_per_s: float  # what throttling leaves to a caller or a path
    usual_per_s: float  # and to the prefixes: what they sent in peace
    delays_per_s: float  # requests that can be delayed: places over seconds each stays
    identity_effort: float = 0.1  # of the damage, lost to rotating identities
    path_effort: float = 0.1
    shared_caller: float = 0.05  # of the good requests, those that use the attack's identity
    shared_path: float = 0.3
    impatience: float = 0.1  # of the good requests delayed, those lost anyway


def action(measure: int) -> str:
    """What the measure in this row does to a request it hits."""
    return ADMIT if measure == 0 else _ACTIONS[(measure - 1) // len(_KEYS)]


def key(measure: int) -> int:
    """`CALLER`, `PATH` or `PREFIX`; the row is not the first."""
    return (measure - 1) % len(_KEYS)


def payoffs(stakes: Stakes) -> list[list[float]]:
    """The matrix, a row per measure and a column per attack; all ≤ 0."""
    return [[-_loss(stakes, row, column) for column in range(len(ATTACKS))] for row in range(len(MEASURES))]


def _loss(stakes: Stakes, measure: int, attack: int) -> float:
    """Busy seconds a second: taken by bad requests, or lost by good ones."""
    harm = stakes.bad_per_s * stakes.bad_cost_s * _effort(stakes, attack)
    if measure == 0 or not _CAUGHT[key(measure)][attack]:
        return harm
    shared = (stakes.shared_caller, stakes.shared_path, 1.0)[key(measure)]
    hit_good = shared * stakes.good_per_s
    passes = _passes(stakes, measure, stakes.bad_per_s + hit_good)
    served = passes * (1.0 - stakes.impatience) if action(measure) == DELAY else passes
    return harm * passes + hit_good * (1.0 - served) * stakes.good_cost_s


def _effort(stakes: Stakes, attack: int) -> float:
    """What is left of the damage when identities, paths or both are rotated."""
    left = 1.0
    if attack in (1, 3):
        left -= stakes.identity_effort
    if attack in (2, 3):
        left *= 1.0 - stakes.path_effort
    return left


def _passes(stakes: Stakes, measure: int, hit_per_s: float) -> float:
    """Of the requests that a measure hits, the share that reaches the application all the same."""
    does = action(measure)
    if does == DROP or hit_per_s <= 0.0:
        return 0.0
    if does == DELAY:
        return min(1.0, stakes.delays_per_s / hit_per_s)
    allowed = stakes.usual_per_s if key(measure) == PREFIX else stakes.key_per_s
    return min(1.0, allowed / hit_per_s)
