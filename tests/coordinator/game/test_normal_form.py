"""Tables of payoffs."""

import numpy as np
import pytest

from coordinator.game.normal_form import MOST_CELLS, Game
from tests.coordinator.game.textbook import CHICKEN, DILEMMA


def test_a_table_says_how_many_play_and_what_they_can_do() -> None:
    game = Game(np.zeros((3, 2, 4, 5)))
    assert (game.players, game.actions, game.payoffs.shape) == (3, (2, 4, 5), (3, 2, 4, 5))


def test_nobody_changes_the_payoffs_of_a_game() -> None:
    table = np.zeros((2, 2, 2))
    game = Game(table)
    table[0, 0, 0] = 9.0
    assert game.payoffs[0, 0, 0] == 0.0
    with pytest.raises(ValueError, match="read-only"):
        game.payoffs[0, 0, 0] = 1.0


def test_expected_payoffs_are_means_over_joint_actions() -> None:
    assert CHICKEN.expected(np.array([[0.5, 0.25], [0.25, 0.0]])).tolist() == [5.25, 5.25]


def test_best_replies_gain_nothing_exactly_at_a_nash() -> None:
    assert DILEMMA.best_replies((1, 1)).tolist() == [0.0, 0.0]
    assert DILEMMA.best_replies((0, 1)).tolist() == [1.0, 0.0]
    assert CHICKEN.best_replies((0, 0)).tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    ("payoffs", "words"),
    [
        (np.zeros(()), "two players or more"),
        (np.zeros((1, 3)), "two players or more"),
        (np.zeros((0, 2, 2)), "two players or more"),
        (np.zeros((2, 3)), "payoffs of 2 players have shape"),
        (np.zeros((3, 2, 2)), "payoffs of 3 players have shape"),
        (np.zeros((2, 0, 2)), "every player needs an action"),
        ([[[1.0, np.nan]], [[0.0, 0.0]]], "finite numbers"),
        ([[[1.0, np.inf]], [[0.0, 0.0]]], "finite numbers"),
        ([[[-1.7e308, 1.7e308]], [[0.0, 0.0]]], "range of the payoffs"),
        ([[["a"]], [["b"]]], "array of finite numbers"),
        ([[[1.0, 2.0]], [[0.0]]], "array of finite numbers"),
        (np.broadcast_to(0.0, (2, 1001, MOST_CELLS // 1000)), "too many for a table"),
    ],
)
def test_what_is_no_game_is_refused_in_words(payoffs: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Game(payoffs)  # type: ignore[arg-type]
