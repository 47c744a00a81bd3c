"""Profiles worth mixing: where groups end, and what they pass through, when they play in different ways.

* everybody the same number of action, which the proposals make one idea (`coordinator.game.shares`);
* local optima of the total cost, and of costs between one's own and everybody's;
* pure Nash equilibria: where best responses end, from all of those and from starts that are drawn;
* regret matching's play, and the paths to all of these, least total first.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from coordinator.game import play
from coordinator.game.congestion import CongestionGame, Profiles

STARTS: Final = 12
MOST: Final = 400
"""Profiles in the pool."""
FAR: Final = 4.0
"""What costs more than so many times the least is nothing to mix; except the best Nash."""
FEW_STARTS: Final = 2
MOST_ALIKE: Final = 8
WORK: Final = 6_000_000
"""Latencies evaluated for the pool's deviations at once, where curves are not affine; but of ..."""
LEAST: Final = 100
"""... so many profiles in any case."""
_CARES: Final = (1.0, 0.75, 0.5, 0.25)
_FEW_CARES: Final = (1.0, 0.5)
_LEARNERS: Final = 3
_LESSONS: Final = 60


@dataclass(frozen=True, slots=True, eq=False)
class Pool:
    """What the program may mix."""

    profiles: Profiles
    """(P, n)."""
    nash: Profiles | None
    """The best of the pure equilibria."""


def gather(game: CongestionGame, rng: np.random.Generator) -> Pool:
    """The groups play; what they went through is the pool. Curves that are not affine cost more to evaluate: fewer
    starts, fewer profiles."""
    affine = game.latencies.line is not None
    counts, cares = np.array(game.counts), _CARES if affine else _FEW_CARES
    alike = np.arange(max(game.counts))[:, None] % counts
    drawn = rng.integers(0, counts, (STARTS if affine else FEW_STARTS, len(counts)))
    starts = np.concatenate([alike if affine else alike[:MOST_ALIKE], drawn])
    order = rng.permutation(len(counts)).tolist()
    social = [play.respond(game, starts, care, order) for care in cares]
    ended = _unique(np.concatenate([each.profiles for each in social]))
    selfish = play.respond(game, _unique(np.concatenate([starts, ended])), 0.0, order)
    learnt = play.learn(game, starts[:_LEARNERS], rng, _LESSONS)
    nash = _best_nash(game, selfish.profiles[selfish.settled])
    first = [alike, selfish.profiles, ended]
    rest = np.concatenate([learnt[len(learnt) // 2 :], selfish.path, *(each.path for each in social)])
    rest = rest[np.argsort(game.all_totals(rest), kind="stable")]
    best = rest[:1] if nash is None else nash[None]
    profiles = _unique(np.concatenate([best, *first, rest]))
    totals = game.all_totals(profiles)
    profiles = profiles[(totals <= FAR * totals.min()) | (np.arange(len(profiles)) == 0)]
    most = MOST if affine else min(MOST, max(LEAST, WORK // game.shares.size))
    return Pool(profiles[:most], nash)


def _best_nash(game: CongestionGame, profiles: Profiles) -> Profiles | None:
    if not len(profiles):
        return None
    costs = game.all_costs(profiles)
    least = game.all_deviations(profiles).min(axis=2)
    stable = np.all(costs - least <= play.INDIFFERENT * 2 * costs, axis=1)
    if not stable.any():
        return None
    found = profiles[stable]
    best: Profiles = found[game.all_totals(found).argmin()]
    return best


def _unique(profiles: Profiles) -> Profiles:
    """Each once, in the order of first appearance."""
    _, first = np.unique(profiles, axis=0, return_index=True)
    return profiles[np.sort(first)]
