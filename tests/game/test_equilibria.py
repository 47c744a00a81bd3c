"""Where everybody learns, play together tends to an equilibrium: coarse correlated, or correlated.

The certificate is arithmetic on the average of what was played (a distribution over action profiles) and knows no
learner. CCE gap: the most a player would save by one fixed action instead of its part. CE gap: by another action
wherever its part says j. For the average of T steps these *are* the regrets divided by T, hence the rates.
"""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import pytest

from sidecar.game.mix import draw
from sidecar.game.regret import Learner, make
from tests.game.play import Vector, predicting

Profile = tuple[int, ...]
Joint = dict[Profile, float]
Table = list[list[float]]


@dataclass(frozen=True)
class Game:
    """Losses in [0, 1] of each player, by profile of actions."""

    actions: tuple[int, ...]
    loss: Callable[[int, Profile], float]

    def profiles(self) -> list[Profile]:
        return list(product(*map(range, self.actions)))


def bimatrix(row: Table, column: Table) -> Game:
    """Two players; the tables are losses, by row action and column action."""
    return Game((len(row), len(row[0])), lambda player, a: (row, column)[player][a[0]][a[1]])


def congestion(players: int) -> Game:
    """Two links; the second has a head start of one player's worth and is half as steep."""
    costs = [lambda n: n / players, lambda n: 0.2 + 0.5 * n / players]
    return Game((2,) * players, lambda player, a: costs[a[player]](a.count(a[player])))


GAMES = {
    "Shapley's game": bimatrix(
        [[0, 1, 1], [1, 0, 1], [1, 1, 0]],
        [[1, 0, 1], [1, 1, 0], [0, 1, 1]],
    ),
    "Chicken": bimatrix([[1.0, 0.0], [5 / 7, 1 / 7]], [[1.0, 5 / 7], [0.0, 1 / 7]]),
    "Battle of the sexes": bimatrix([[0.0, 1.0], [1.0, 0.5]], [[0.5, 1.0], [1.0, 0.0]]),
    "matching pennies": bimatrix([[0, 1], [1, 0]], [[1, 0], [0, 1]]),
    "two links": congestion(4),
}
PURSUIT_TABLE = [[0.5, 1.0, 0.0], [0.0, 0.625, 0.875], [0.875, 0.0, 0.5]]
PURSUIT = bimatrix(PURSUIT_TABLE, [list(column) for column in zip(*PURSUIT_TABLE, strict=True)])
"""Symmetric, and cyclic: found by search for external play that stays away from every correlated equilibrium."""
START = [0.5, 0.3, 0.2, 0.4]
"""Weights that no two players start from alike: a symmetric start can stay on an unstable equilibrium."""


# -- the certificate


def deviation(game: Game, joint: Joint, player: int, j: int, k: int) -> float:
    """What the player would save by k wherever its part is j."""
    saved = 0.0
    for profile, chance in joint.items():
        if profile[player] == j:
            other = (*profile[:player], k, *profile[player + 1 :])
            saved += chance * (game.loss(player, profile) - game.loss(player, other))
    return saved


def gaps(game: Game, joint: Joint) -> tuple[float, float]:
    """(CCE gap, CE gap) of a joint distribution; not positive at such an equilibrium."""
    coarse, fine = [], []
    for player, count in enumerate(game.actions):
        saved = [[deviation(game, joint, player, j, k) for k in range(count)] for j in range(count)]
        coarse += [sum(column) for column in zip(*saved, strict=True)]
        fine += [max(row) for row in saved]
    return max(coarse), max(fine)


# -- play


def modelled(game: Game, mixes: list[Vector]) -> list[Vector]:
    """What each action would have cost each player, over what the others play."""
    costs = [[0.0] * count for count in game.actions]
    for player in range(len(mixes)):
        for profile in game.profiles():
            others = math.prod(
                m[a] for i, (m, a) in enumerate(zip(mixes, profile, strict=True)) if i != player
            )
            costs[player][profile[player]] += others * game.loss(player, profile)
    return costs


def learners(game: Game, name: str) -> list[Learner]:
    """One each, started off the symmetric point."""
    made = [make(name, count) for count in game.actions]
    for player, learner in enumerate(made):
        weights = [START[(player + k) % len(START)] for k in range(len(learner.mix))]
        learner.mix = [weight / sum(weights) for weight in weights]
    return made


def self_play(game: Game, name: str, length: int, retain: float | None = None) -> Joint:
    """The average over time of what was played; every step the mixes are independent."""
    players, joint = learners(game, name), dict.fromkeys(game.profiles(), 0.0)
    last: list[Vector] | None = None
    for t in range(1, length + 1):
        mixes = [list(learner.mix) for learner in players]
        if name == "predictive" and last is not None:
            mixes = [predicting(learner, x, 1.0 / t) for learner, x in zip(players, last, strict=True)]
        for profile in joint:
            joint[profile] += math.prod(m[a] for m, a in zip(mixes, profile, strict=True)) / length
        last = modelled(game, mixes)
        for learner, losses, mix in zip(players, last, mixes, strict=True):
            learner.observe(losses, 1.0 - 1.0 / t if retain is None else retain, played=mix)
    return joint


def drawn_play(game: Game, name: str, length: int, seed: int) -> Joint:
    """One draw each a step, and everybody sees what the others have done: the empirical distribution."""
    rng, players, joint = random.Random(seed), learners(game, name), dict.fromkeys(game.profiles(), 0.0)
    for t in range(1, length + 1):
        profile = tuple(draw(learner.mix, sum(learner.mix), rng.random()) for learner in players)
        joint[profile] += 1.0 / length
        for player, learner in enumerate(players):
            others = [(*profile[:player], k, *profile[player + 1 :]) for k in range(game.actions[player])]
            learner.observe([game.loss(player, other) for other in others], 1.0 - 1.0 / t)
    return joint


named = pytest.mark.parametrize("game", GAMES.values(), ids=GAMES)
