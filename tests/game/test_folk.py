"""The shortest punishment that deters: checked against the sum it stands for, tick by tick."""

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sidecar.game.folk import Unenforceable, least_loss, punishment_length
from tests.game.play import bounded

amounts = st.floats(0.01, 100.0)
discounts = st.floats(0.05, 0.999)
DEFAULT = math.exp(-1 / 60)
"""The police's: ticks of 1 s, a horizon of 60 s."""


def worth(length: int, discount: float) -> float:
    """A loss of 1 in each of the next `length` ticks, as seen today."""
    return math.fsum(discount**tick for tick in range(1, length + 1))


@st.composite
def temptations(draw: st.DrawFn, most: float = 0.999) -> tuple[float, float, float]:
    """Gain, loss and discount: the gain is up to `most` of what an endless punishment costs."""
    loss, discount = draw(amounts), draw(discounts)
    return draw(st.floats(0.001, most)) * loss * discount / (1.0 - discount), loss, discount


# -- the theorem


@bounded(200)
@given(temptations())
def test_the_punishment_costs_at_least_what_the_defection_gained(
    temptation: tuple[float, float, float],
) -> None:
    gain, loss, discount = temptation
    length = punishment_length(gain, loss, discount)
    assert loss * worth(length, discount) >= gain * (1.0 - 1e-6), "the defection pays"


@bounded(200)
@given(temptations())
def test_one_tick_less_would_not_deter(temptation: tuple[float, float, float]) -> None:
    gain, loss, discount = temptation
    length = punishment_length(gain, loss, discount)
    assert length >= 1
    assert length == 1 or loss * worth(length - 1, discount) < gain * (1.0 + 1e-9), "longer than it need be"


@bounded(200)
@given(amounts, amounts, discounts)
def test_no_length_exists_exactly_where_an_endless_punishment_does_not_deter(
    gain: float, loss: float, discount: float
) -> None:
    endless = loss * discount / (1.0 - discount)
    assume(abs(endless - gain) > 1e-9 * gain)
    if endless > gain:
        assert punishment_length(gain, loss, discount) >= 1
    else:
        with pytest.raises(Unenforceable):
            punishment_length(gain, loss, discount)


@pytest.mark.parametrize("discount", [0.3, 0.7, 0.9, DEFAULT])
@pytest.mark.parametrize("length", [1, 2, 3, 7, 10])
def test_a_gain_worth_exactly_so_many_ticks_is_punished_for_so_many(length: int, discount: float) -> None:
    """Rounding must not add one."""
    assert punishment_length(worth(length, discount), 1.0, discount) == length


def test_five_times_the_share_is_punished_for_nine_ticks_at_half_of_it() -> None:
    """By hand: 8 losses of a half are discounted to 3.7 shares, 9 to 4.1, and 4 were gained."""
    assert 0.5 * worth(8, DEFAULT) < 4.0 < 0.5 * worth(9, DEFAULT)
    assert punishment_length(4.0, 0.5, DEFAULT) == 9


# -- what follows from it


@bounded(150)
@given(temptations(most=0.33), st.floats(1.0, 3.0))
def test_a_larger_gain_is_never_punished_for_less(
    temptation: tuple[float, float, float], factor: float
) -> None:
    gain, loss, discount = temptation
    assert punishment_length(gain * factor, loss, discount) >= punishment_length(gain, loss, discount)


@bounded(150)
@given(temptations(), st.floats(1.0, 3.0))
def test_a_deeper_punishment_is_never_longer(temptation: tuple[float, float, float], factor: float) -> None:
    gain, loss, discount = temptation
    assert punishment_length(gain, loss * factor, discount) <= punishment_length(gain, loss, discount)


@bounded(150)
@given(temptations(), st.floats(0.0, 1.0))
def test_who_looks_further_ahead_is_never_punished_for_longer(
    temptation: tuple[float, float, float], further: float
) -> None:
    gain, loss, hasty = temptation
    patient = hasty + further * (0.9999 - hasty)
    assert punishment_length(gain, loss, patient) <= punishment_length(gain, loss, hasty)


# -- raising the loss instead


@bounded(200)
@given(amounts, st.integers(1, 60), st.floats(0.03, 0.97))
def test_the_least_loss_is_enough_and_one_percent_less_is_not(gain: float, longest: int, left: float) -> None:
    """`left` of the discount after the last tick: with hardly any, 1 % less is no punishment of whatever length."""
    discount = left ** (1 / longest)
    loss = least_loss(gain, discount, longest)
    assert punishment_length(gain, loss, discount) <= longest
    assert punishment_length(gain, 0.99 * loss, discount) > longest


def test_nothing_gained_needs_no_loss() -> None:
    assert least_loss(0.0, DEFAULT, 10) == 0.0
    assert least_loss(-1.0, DEFAULT, 10) == 0.0


# -- numbers that are none


@pytest.mark.parametrize("gain", [0.0, -3.0])
def test_what_gains_nothing_is_punished_for_one_tick(gain: float) -> None:
    assert punishment_length(gain, 1.0, DEFAULT) == 1


@pytest.mark.parametrize(
    ("gain", "loss"),
    [(1.0, 0.0), (1.0, -1.0), (0.0, 0.0), (math.inf, 1.0), (math.nan, 1.0), (1.0, math.nan)],
)
def test_without_a_real_loss_nothing_is_enforceable(gain: float, loss: float) -> None:
    with pytest.raises(Unenforceable, match="outweighs"):
        punishment_length(gain, loss, DEFAULT)


@pytest.mark.parametrize("discount", [0.0, 1.0, -0.5, 1.5, math.nan])
def test_a_discount_lies_between_0_and_1(discount: float) -> None:
    with pytest.raises(ValueError, match="discount"):
        punishment_length(1.0, 1.0, discount)
    with pytest.raises(ValueError, match="discount"):
        least_loss(1.0, discount, 10)


def test_the_longest_punishment_is_at_least_one_tick() -> None:
    with pytest.raises(ValueError, match="at least one tick"):
        least_loss(1.0, DEFAULT, 0)
