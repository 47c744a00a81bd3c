"""Exact correlated equilibria: published values to 1e-9, and what is refused."""

import numpy as np
import pytest
from numpy.typing import NDArray

from coordinator.game import correlated, gap
from coordinator.game.normal_form import Game
from tests.coordinator.game.textbook import (
    BATTLE,
    CHICKEN,
    DILEMMA,
    EXACT,
    PENNIES,
    ROCK,
    SHAPLEY,
    certain,
    ties_pay,
)


def close(found: NDArray[np.float64], wanted: list[list[float]]) -> bool:
    return bool(np.abs(found - np.array(wanted)).max() <= EXACT)


def test_chicken_pays_five_and_a_quarter_where_the_mixed_nash_pays_four_and_two_thirds() -> None:
    """Aumann 1974: never both dare. The published third-third-third pays 5 each; the best there is 21/4."""
    found = correlated.solve(CHICKEN)
    assert abs(found.value - 10.5) <= EXACT
    assert close(found.distribution, [[0.5, 0.25], [0.25, 0.0]])
    thirds = np.array([[1.0, 1.0], [1.0, 0.0]]) / 3.0
    assert gap.of(CHICKEN, thirds) <= EXACT
    assert CHICKEN.expected(thirds) == pytest.approx([5.0, 5.0], abs=EXACT)


def test_the_worst_equilibrium_of_chicken_is_known_too() -> None:
    """Nobody swerves for certain: (1/5, 2/5, 2/5) off the diagonal and at its dangerous end pays 36/5."""
    found = correlated.solve(CHICKEN, "worst")
    assert abs(found.value - 7.2) <= EXACT
    assert close(found.distribution, [[0.0, 0.4], [0.4, 0.2]])


def test_the_battle_of_the_sexes_is_settled_by_a_coin() -> None:
    found = correlated.solve(BATTLE, "egalitarian")
    assert abs(found.value - 1.5) <= EXACT
    assert close(found.distribution, [[0.5, 0.0], [0.0, 0.5]])
    assert abs(correlated.solve(BATTLE).value - 3.0) <= EXACT
    assert abs(correlated.solve(BATTLE, "worst").value - 4.0 / 3.0) <= EXACT  # the mixed Nash: 2/3 each


def test_matching_pennies_has_one_equilibrium() -> None:
    for objective in ("welfare", "worst", PENNIES.payoffs[0], -PENNIES.payoffs[0], np.eye(2)):
        assert close(correlated.solve(PENNIES, objective).distribution, [[0.25, 0.25], [0.25, 0.25]])


def test_in_the_prisoners_dilemma_no_signal_helps() -> None:
    for coarse in (False, True):
        found = correlated.solve(DILEMMA, coarse=coarse)
        assert abs(found.value - 2.0) <= EXACT
        assert close(found.distribution, [[0.0, 0.0], [0.0, 1.0]])


def test_rock_paper_scissors_has_one_equilibrium() -> None:
    for objective in ("welfare", np.eye(3), ROCK.payoffs[0]):
        assert np.abs(correlated.solve(ROCK, objective).distribution - 1.0 / 9.0).max() <= EXACT


def test_in_shapleys_game_advice_pays_half_as_much_again_as_nash() -> None:
    """The only Nash pays 2/3 together; drawing one of the six cells where somebody wins pays 1, and nobody
    disobeys."""
    assert abs(correlated.solve(SHAPLEY).value - 1.0) <= EXACT
    assert abs(correlated.solve(SHAPLEY, "egalitarian").value - 0.5) <= EXACT
    winners = (SHAPLEY.payoffs.sum(axis=0) > 0.0) / 6.0
    assert gap.of(SHAPLEY, winners) <= EXACT
    assert gap.of(SHAPLEY, np.full((3, 3), 1.0 / 9.0)) <= EXACT


def test_coarse_equilibria_are_more_than_correlated_ones() -> None:
    """Moulin & Vial 1978. Both show the same sign: whoever commits beforehand gains nothing, whoever was told does.

    Rock, paper, scissors has one correlated equilibrium, with a third of ties. And where ties pay both w < 1:
    told rock, the other shows rock with probability d and the rest evenly; paper gains d·(1 − w) − (1 − d)(1 −
    w)/2, so d ≤ 1/3.
    """
    ties = np.eye(3)
    assert abs(correlated.solve(ROCK, ties).value - 1.0 / 3.0) <= EXACT
    assert abs(correlated.solve(ROCK, ties, coarse=True).value - 1.0) <= EXACT
    game = ties_pay(0.5)
    assert abs(correlated.solve(game).value - 1.0 / 3.0) <= EXACT
    assert abs(correlated.solve(game, coarse=True).value - 1.0) <= EXACT
    same = np.eye(3) / 3.0
    assert gap.of(game, same, coarse=True) == 0.0
    assert abs(gap.of(game, same) - 0.5) <= EXACT


def test_three_players_who_all_want_to_be_the_odd_one_out() -> None:
    """Pays 1 to whoever is alone. Everybody gets a third by a fair draw of the six profiles that have one."""
    payoffs = np.zeros((3, 2, 2, 2))
    for profile in np.ndindex(2, 2, 2):
        for who in range(3):
            payoffs[(who, *profile)] = float(sum(each == profile[who] for each in profile) == 1)
    game = Game(payoffs)
    assert abs(correlated.solve(game).value - 1.0) <= EXACT
    assert abs(correlated.solve(game, "egalitarian").value - 1.0 / 3.0) <= EXACT


def test_any_worth_of_joint_actions_can_be_the_aim() -> None:
    assert abs(correlated.solve(CHICKEN, CHICKEN.payoffs[0]).value - 7.0) <= EXACT
    assert abs(correlated.solve(CHICKEN, [[0.0, 0.0], [0.0, 1.0]]).value - 0.2) <= EXACT


def test_payoffs_of_any_size_are_solved_as_exactly() -> None:
    for unit in (1e-12, 1e-3, 1e9):
        found = correlated.solve(Game(unit * CHICKEN.payoffs + 3.0 * unit))
        assert abs(found.value / unit - 16.5) <= EXACT
        assert close(found.distribution, [[0.5, 0.25], [0.25, 0.0]])


def test_whoever_asks_for_more_than_there_is_is_told_who_cannot_have_it() -> None:
    assert correlated.solve(CHICKEN, least=5.25).value == pytest.approx(10.5)
    skewed = correlated.solve(CHICKEN, least=[6.0, 0.0])
    assert CHICKEN.expected(skewed.distribution)[0] >= 6.0 - EXACT
    with pytest.raises(correlated.Infeasible, match=r"everybody at once .*5\.3"):
        correlated.solve(CHICKEN, least=5.3)
    with pytest.raises(correlated.Infeasible, match=r"player 1 must expect at least 7\.5, .* more than 7"):
        correlated.solve(CHICKEN, least=[0.0, 7.5])


@pytest.mark.parametrize(
    ("objective", "words"),
    [
        ("profit", "objective is 'profit'; allowed: welfare"),
        (np.zeros(3), r"shape \(2, 2\); this one has shape \(3,\)"),
        ([[0.0, np.nan], [0.0, 0.0]], "finite"),
    ],
)
def test_an_objective_that_is_none_is_refused(objective: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        correlated.solve(CHICKEN, objective)  # type: ignore[arg-type]


@pytest.mark.parametrize("least", [[1.0], [1.0, 2.0, 3.0], np.nan])
def test_a_least_that_is_none_is_refused(least: object) -> None:
    with pytest.raises(ValueError, match="one finite payoff, or one for each of 2"):
        correlated.solve(CHICKEN, least=least)  # type: ignore[arg-type]


def test_a_game_too_large_for_one_program_is_refused_before_it_is_built() -> None:
    with pytest.raises(ValueError, match="entries are too many for one linear program"):
        correlated.solve(Game(np.zeros((2, 999, 999))))


def test_who_has_nothing_to_choose_is_no_trouble() -> None:
    found = correlated.solve(Game(np.arange(6.0).reshape(2, 1, 3)))
    assert found.distribution.tolist() == [[0.0, 0.0, 1.0]]
    assert correlated.solve(Game(np.ones((2, 1, 1)))).value == 2.0
    assert gap.of(DILEMMA, certain(DILEMMA, (1, 1))) == 0.0
