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
from tests.game.play import NAMES, Vector, predicting

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
everywhere = pytest.mark.parametrize("game", [*GAMES.values(), PURSUIT], ids=[*GAMES, "pursuit"])
LENGTH = 1000


def rate(game: Game, length: int, factor: float = 1.0) -> float:
    """√(K/T)."""
    return factor * math.sqrt(max(game.actions) / length)


# -- coarse correlated


@everywhere
@pytest.mark.parametrize(("name", "factor"), [("external", 1.0), ("predictive", 2.0)])
def test_play_tends_to_coarse_correlated_equilibria_at_its_rate(game: Game, name: str, factor: float) -> None:
    for length in (10, 100, LENGTH):
        coarse, _ = gaps(game, self_play(game, name, length))
        assert coarse <= rate(game, length, factor) + 1e-9
    assert coarse <= 0.01, "and faster than an adversary would allow"


# -- correlated


@everywhere
def test_conditional_play_tends_to_correlated_equilibria_at_its_rate(game: Game) -> None:
    for length in (10, 100, LENGTH):
        _, fine = gaps(game, self_play(game, "conditional", length))
        assert fine <= rate(game, length) + 1e-6
    assert fine <= 0.02


@named
@pytest.mark.parametrize("name", ["external", "conditional"])
def test_drawn_play_tends_there_too(game: Game, name: str) -> None:
    """With one draw each a step it holds almost surely: the draws add a deviation of the same order."""
    coarse, fine = gaps(game, drawn_play(game, name, LENGTH, seed=1))
    assert (fine if name == "conditional" else coarse) <= rate(game, LENGTH, 2.0)


def test_what_external_play_tends_to_need_not_be_a_correlated_equilibrium() -> None:
    """Pursuit: nobody gains by any one fixed action, yet who is told some action gains by another, and goes on to.

    The gap does not close with time; conditional learners close it. So external and predictive play promise coarse
    correlated equilibria, and no more.
    """
    for name in ("external", "predictive"):
        for length in (400, 1600):
            coarse, fine = gaps(PURSUIT, self_play(PURSUIT, name, length))
            assert fine >= 0.05
        assert coarse <= 0.002
    assert gaps(PURSUIT, self_play(PURSUIT, "conditional", 1600))[1] <= 0.01


# -- special games


@pytest.mark.parametrize("name", NAMES)
def test_in_a_zero_sum_game_average_play_tends_to_the_minimax_mix(name: str) -> None:
    """Matching pennies: even odds, for each, at a value of a half."""
    joint = self_play(GAMES["matching pennies"], name, LENGTH)
    assert sum(chance for (row, _), chance in joint.items() if row == 0) == pytest.approx(0.5, abs=0.05)
    assert sum(chance for (_, column), chance in joint.items() if column == 0) == pytest.approx(0.5, abs=0.05)
    assert joint[0, 1] + joint[1, 0] == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("title", ["Chicken", "Battle of the sexes", "two links"])
def test_where_there_is_a_pure_equilibrium_to_agree_on_play_settles_on_one(title: str, name: str) -> None:
    """Seen from these starts; regret bounds alone do not promise it."""
    game = GAMES[title]
    joint = self_play(game, name, LENGTH)
    favourite = max(joint, key=lambda profile: joint[profile])
    assert joint[favourite] >= 0.95
    assert gaps(game, {favourite: 1.0})[0] <= 1e-9, "a pure Nash equilibrium"


@named
@pytest.mark.parametrize("retain", [0.9, 0.98])
def test_with_a_constant_discount_play_comes_as_near_as_the_discount_lets_it(
    game: Game, retain: float
) -> None:
    """A neighbourhood: the average of T steps is ≤ √((1 − ρ)(K − 1)/(1 + ρ))·(1 + 1/(T(1 − ρ)))."""
    length = 400
    coarse, _ = gaps(game, self_play(game, "external", length, retain))
    radius = math.sqrt((1.0 - retain) * (max(game.actions) - 1) / (1.0 + retain))
    assert coarse <= radius * (1.0 + 1.0 / (length * (1.0 - retain)))


# -- the certificate itself


def test_the_certificate_knows_the_textbook_equilibria() -> None:
    """Aumann's correlated equilibrium of Chicken is one; its disastrous profile, and Shapley's diagonal, are not."""
    third: Joint = {(0, 1): 1 / 3, (1, 0): 1 / 3, (1, 1): 1 / 3}
    assert gaps(GAMES["Chicken"], third)[1] <= 0.0
    assert gaps(GAMES["Chicken"], {(0, 0): 1.0})[0] > 0.0
    six: Joint = {(i, j): 1 / 6 for i, j in product(range(3), repeat=2) if (j - i) % 3 != 2}
    assert gaps(GAMES["Shapley's game"], six)[1] <= 1e-12
    assert gaps(GAMES["Shapley's game"], {(2, 0): 1.0})[0] > 0.0
