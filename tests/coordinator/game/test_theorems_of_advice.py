"""What holds of correlated equilibria in every game, on games drawn by chance."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.game import correlated, gap
from coordinator.game.normal_form import Game
from tests.coordinator.game.bidding import bounded
from tests.coordinator.game.textbook import EXACT, certain, games, pure_nash


@bounded(150)
@given(games(), st.booleans())
def test_every_finite_game_has_one_and_the_certificate_says_so(game: Game, coarse: bool) -> None:
    """Hart & Schmeidler 1989."""
    found = correlated.solve(game, coarse=coarse)
    assert found.distribution.shape == game.actions
    assert found.distribution.min() >= 0.0
    assert abs(found.distribution.sum() - 1.0) <= EXACT
    assert gap.of(game, found.distribution, coarse) <= EXACT
    assert found.value == pytest.approx(float(game.expected(found.distribution).sum()), abs=EXACT)


@bounded(80)
@given(games())
def test_every_correlated_equilibrium_is_a_coarse_one(game: Game) -> None:
    fine, coarse = correlated.solve(game), correlated.solve(game, coarse=True)
    assert gap.of(game, fine.distribution, coarse=True) <= gap.of(game, fine.distribution) + EXACT
    assert fine.value <= coarse.value + EXACT
    assert coarse.value <= float(game.payoffs.sum(axis=0).max()) + EXACT


@bounded(80)
@given(games())
def test_every_pure_nash_is_one_and_the_best_is_no_worse(game: Game) -> None:
    best = correlated.solve(game).value
    for profile in pure_nash(game):
        assert gap.of(game, certain(game, profile)) == 0.0
        assert float(game.payoffs[(slice(None), *profile)].sum()) <= best + EXACT


@bounded(80)
@given(st.lists(st.integers(-5, 5), min_size=8, max_size=8))
def test_every_mixed_nash_of_two_by_two_is_one(figures: list[int]) -> None:
    """Each mixes so that the other is indifferent."""
    game = Game(np.array(figures, dtype=float).reshape(2, 2, 2))
    (a, b), (c, d) = game.payoffs[1]
    (e, f), (g, h) = game.payoffs[0]
    row, column = a - b - c + d, e - f - g + h
    if row == 0.0 or column == 0.0:
        return
    p, q = (d - c) / row, (h - f) / column
    if not (0.0 <= p <= 1.0 and 0.0 <= q <= 1.0):
        return
    product = np.outer([p, 1.0 - p], [q, 1.0 - q])
    assert gap.of(game, product) <= EXACT
    assert float(game.expected(product).sum()) <= correlated.solve(game).value + EXACT


@bounded(60)
@given(games(), st.randoms(use_true_random=False))
def test_names_of_players_and_actions_mean_nothing(game: Game, dice: st.DataObject) -> None:
    order = list(range(game.players))
    dice.shuffle(order)  # type: ignore[attr-defined]
    payoffs = game.payoffs[order].transpose([0, *(1 + who for who in order)])
    for axis in range(1, payoffs.ndim):
        payoffs = np.flip(payoffs, axis)
    for coarse in (False, True):
        one, other = correlated.solve(game, coarse=coarse), correlated.solve(Game(payoffs), coarse=coarse)
        assert one.value == pytest.approx(other.value, abs=EXACT)


@bounded(60)
@given(games(), st.lists(st.tuples(st.floats(0.01, 100.0), st.floats(-100.0, 100.0)), min_size=3, max_size=3))
def test_units_and_zeros_of_payoffs_mean_nothing(game: Game, changes: list[tuple[float, float]]) -> None:
    """The set of equilibria stays, so a worth of joint actions is reached as well."""
    worth = game.payoffs.sum(axis=0)
    changed = [unit * each + zero for each, (unit, zero) in zip(game.payoffs, changes, strict=False)]
    one, other = correlated.solve(game, worth), correlated.solve(Game(changed), worth)
    assert one.value == pytest.approx(other.value, abs=1e-8)


@bounded(60)
@given(games())
def test_the_words_mean_what_they_say(game: Game) -> None:
    best, worst, fair = (correlated.solve(game, word) for word in ("welfare", "worst", "egalitarian"))
    assert worst.value <= float(game.expected(fair.distribution).sum()) + EXACT
    assert float(game.expected(fair.distribution).sum()) <= best.value + EXACT
    assert float(game.expected(best.distribution).min()) <= fair.value + EXACT


@bounded(60)
@given(games(players=(2, 2), most=4))
def test_where_one_gains_what_the_other_loses_all_equilibria_pay_the_same(game: Game) -> None:
    """Aumann 1974: the value of the game (von Neumann 1928), coarse ones too."""
    row = game.payoffs[0]
    zero_sum = Game([row, -row])
    paid = [
        sign * correlated.solve(zero_sum, sign * row, coarse).value
        for sign in (1.0, -1.0)
        for coarse in (False, True)
    ]
    assert max(paid) - min(paid) <= EXACT


@bounded(60)
@given(games(), st.data())
def test_what_is_no_equilibrium_is_caught(game: Game, data: st.DataObject) -> None:
    """The gain of a certain profile is that of its best reply."""
    profile = tuple(data.draw(st.integers(0, count - 1)) for count in game.actions)
    gains = game.best_replies(profile)
    assert gap.of(game, certain(game, profile)) == pytest.approx(float(gains.max()), abs=EXACT)
    assert gap.of(game, certain(game, profile), coarse=True) == pytest.approx(float(gains.max()), abs=EXACT)
