"""Groups playing a congestion game, several games side by side: where profiles worth mixing come from.

* `respond`: everybody in turn takes a best response until nobody moves. With affine curves a potential falls at
  every move, so it ends: at care 0 in a pure Nash equilibrium, at care 1 in a local least of the total cost,
  between in between (each minds that part of what it costs the others).
* `learn`: simultaneous regret matching⁺ (Hart & Mas-Colell 2000; Tammelin 2014). Its play approaches the coarse
  correlated equilibria, whatever the curves.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from coordinator.game.congestion import CongestionGame, Profiles
from coordinator.game.latency import Vector

ROUNDS: Final = 200
INDIFFERENT: Final = 1e-12
"""A gain of this part of the cost is rounding, and moves nobody."""


@dataclass(frozen=True, slots=True, eq=False)
class Ended:
    """Of S games side by side."""

    profiles: Profiles
    """(S, n): where each ended."""
    settled: NDArray[np.bool_]
    """(S,): nobody there wanted to move any more."""
    path: Profiles
    """(…, n): all starts, and every game after each round in which somebody moved."""


def respond(
    game: CongestionGame, starts: Profiles, care: float, order: Sequence[int], rounds: int = ROUNDS
) -> Ended:
    """From each of `starts` (S, n), groups in `order`."""
    profiles = starts.copy()
    path = [starts]
    live = np.arange(len(starts))
    for _ in range(rounds):
        part = profiles[live]
        moved = _round(game, part, care, order)
        live, part = live[moved], part[moved]
        if not len(live):
            break
        profiles[live] = part
        path.append(part)
    return Ended(profiles, np.isin(np.arange(len(starts)), live, invert=True), np.concatenate(path))


def _round(game: CongestionGame, profiles: Profiles, care: float, order: Sequence[int]) -> NDArray[np.bool_]:
    """Everybody once, in place; in which games anybody moved."""
    loads, games = game.loads(profiles), np.arange(len(profiles))
    moved = np.zeros(len(profiles), dtype=bool)
    for who in order:
        at = profiles[:, who]
        flows = game.flows[who]
        others = loads - flows[at]
        costs = game.alternatives(who, others, care)
        now, best = costs[games, at], costs.argmin(axis=1)
        moves = costs[games, best] < now - INDIFFERENT * np.abs(now)
        if moves.any():
            moved |= moves
            profiles[:, who] = np.where(moves, best, at)
            loads = others + flows[profiles[:, who]]
    return moved


def learn(game: CongestionGame, starts: Profiles, rng: np.random.Generator, rounds: int) -> Profiles:
    """What is played, (rounds · S, n), oldest first, from `starts` (S, n)."""
    profiles = starts.copy()
    runs, groups = profiles.shape
    regrets = np.zeros((runs, *game.real.shape))
    seats = np.arange(runs)[:, None], np.arange(groups)[None, :]
    played = []
    for _ in range(rounds):
        costs = game.all_deviations(profiles)
        now = costs[(*seats, profiles)]
        with np.errstate(invalid="ignore"):
            regrets = np.clip(regrets + now[..., None] - costs, 0.0, None)
        profiles = _drawn(regrets, profiles, rng)
        played.append(profiles)
    return np.concatenate(played)


def _drawn(regrets: Vector, profiles: Profiles, rng: np.random.Generator) -> Profiles:
    """In proportion to regret; who has none stays."""
    sums = np.cumsum(regrets, axis=-1)
    totals = sums[..., -1]
    dice = rng.random(totals.shape) * totals
    drawn = np.sum(sums <= dice[..., None], axis=-1)
    return np.where(totals > 0.0, np.minimum(drawn, regrets.shape[-1] - 1), profiles)
