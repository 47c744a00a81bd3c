"""Games whose equilibria are known on paper, and games drawn by chance."""

import itertools
from typing import Final

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from coordinator.game.normal_form import Game

EXACT: Final = 1e-9


def pairs(table: list[list[tuple[float, float]]]) -> Game:
    """A game of two, written as in a book: (row player's, column player's) in every cell."""
    return Game(np.moveaxis(np.array(table, dtype=float), -1, 0))


CHICKEN = pairs([[(6, 6), (2, 7)], [(7, 2), (0, 0)]])
"""Aumann, "Subjectivity and correlation in randomized strategies", 1974, §9; swerve first, dare second."""
BATTLE = pairs([[(2, 1), (0, 0)], [(0, 0), (1, 2)]])
"""Luce & Raiffa, "Games and Decisions", 1957."""
PENNIES = pairs([[(1, -1), (-1, 1)], [(-1, 1), (1, -1)]])
DILEMMA = pairs([[(3, 3), (0, 5)], [(5, 0), (1, 1)]])
"""Axelrod's figures; cooperate first, defect second."""
ROCK = pairs([[(0, 0), (-1, 1), (1, -1)], [(1, -1), (0, 0), (-1, 1)], [(-1, 1), (1, -1), (0, 0)]])
SHAPLEY = pairs([[(1, 0), (0, 1), (0, 0)], [(0, 0), (1, 0), (0, 1)], [(0, 1), (0, 0), (1, 0)]])
"""Shapley, "Some topics in two-person games", 1964: fictitious play goes round in it for ever."""


def ties_pay(worth: float) -> Game:
    """Rock, paper, scissors where a tie pays both `worth`: not zero-sum, so that coarse equilibria can pay more."""
    return Game(ROCK.payoffs + worth * np.eye(3))


def pure_nash(game: Game) -> list[tuple[int, ...]]:
    """By trying every deviation."""
    profiles = itertools.product(*(range(count) for count in game.actions))
    return [profile for profile in profiles if _stable(game, profile)]


def _stable(game: Game, profile: tuple[int, ...]) -> bool:
    return all(
        game.payoffs[(who, *profile[:who], other, *profile[who + 1 :])] <= game.payoffs[(who, *profile)]
        for who in range(game.players)
        for other in range(game.actions[who])
    )


def certain(game: Game, profile: tuple[int, ...]) -> NDArray[np.float64]:
    """The distribution that has nothing but `profile`."""
    distribution = np.zeros(game.actions)
    distribution[profile] = 1.0
    return distribution


@st.composite
def games(draw: st.DrawFn, players: tuple[int, int] = (2, 3), most: int = 3) -> Game:
    """Whole payoffs, so that ties and degenerate programs are common."""
    count = draw(st.integers(*players))
    shape = (count, *(draw(st.integers(1, most)) for _ in range(count)))
    size = int(np.prod(shape))
    return Game(
        np.array(draw(st.lists(st.integers(-5, 5), min_size=size, max_size=size)), dtype=float).reshape(shape)
    )
