"""The auction: who wins, what it costs, and that a lie does not pay. One round, unit demand, a bid one can pay."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.game.auction import clear
from tests.game.play import bounded

CLOSE = 1e-9
values = st.integers(0, 40).map(lambda n: n / 4)  # coarse enough for ties
amounts = st.floats(0.0, 1e6)


@st.composite
def rounds(draw: st.DrawFn) -> tuple[list[float], list[float], int]:
    """Bids, ageing credits, slots."""
    count = draw(st.integers(1, 8))
    bids = draw(st.lists(values | amounts, min_size=count, max_size=count))
    ageing = draw(st.lists(values, min_size=count, max_size=count))
    return bids, ageing, draw(st.integers(0, 9))


def utility(bids: list[float], ageing: list[float], slots: int, who: int, value: float) -> float:
    """What bidder `who` gains when a slot is worth `value` to it."""
    outcome = clear(bids, slots, ageing)
    return value - outcome.prices[outcome.winners.index(who)] if who in outcome.winners else 0.0


@bounded(500)
@given(rounds(), st.integers(0, 7), values | amounts)
def test_no_lie_gains_more_than_the_truth(
    played: tuple[list[float], list[float], int], who: int, lie: float
) -> None:
    bids, ageing, slots = played
    who %= len(bids)
    truthful = utility(bids, ageing, slots, who, bids[who])
    lied = utility([lie if i == who else bid for i, bid in enumerate(bids)], ageing, slots, who, bids[who])
    assert lied <= truthful + CLOSE * max(1.0, bids[who]), "a bid other than the true value pays"


@bounded(300)
@given(rounds())
def test_a_winner_never_pays_more_than_it_bid(played: tuple[list[float], list[float], int]) -> None:
    bids, ageing, slots = played
    outcome = clear(bids, slots, ageing)
    assert all(0.0 <= price <= bids[i] for i, price in zip(outcome.winners, outcome.prices, strict=True))


@bounded(300)
@given(rounds())
def test_the_price_is_the_least_bid_that_still_wins(played: tuple[list[float], list[float], int]) -> None:
    bids, ageing, slots = played
    outcome = clear(bids, slots, ageing)
    for i, price in zip(outcome.winners, outcome.prices, strict=True):
        more = [price + 1e-3 + CLOSE * price if j == i else bid for j, bid in enumerate(bids)]
        assert i in clear(more, slots, ageing).winners, "a little more than the price must win"
        if price > 1e-2:
            less = [price * 0.999 if j == i else bid for j, bid in enumerate(bids)]
            assert i not in clear(less, slots, ageing).winners, "less than the price must lose"


@bounded(300)
@given(rounds())
def test_all_slots_are_sold_and_to_the_highest_scores(played: tuple[list[float], list[float], int]) -> None:
    bids, ageing, slots = played
    winners = clear(bids, slots, ageing).winners
    scores = [bid + credit for bid, credit in zip(bids, ageing, strict=True)]
    assert len(set(winners)) == len(winners) == min(slots, len(bids))
    lost = [scores[i] for i in range(len(bids)) if i not in winners]
    assert all(scores[i] >= score for i in winners for score in lost)


def test_one_slot_is_sold_at_the_second_price() -> None:
    outcome = clear([5.0, 9.0, 7.0], 1)
    assert (outcome.winners, outcome.prices) == ([1], [7.0])


def test_two_slots_are_sold_at_the_third_price() -> None:
    outcome = clear([5.0, 9.0, 7.0], 2)
    assert (outcome.winners, outcome.prices) == ([1, 2], [5.0, 5.0])


def test_who_waited_pays_less() -> None:
    outcome = clear([5.0, 4.0], 1, [0.0, 2.0])
    assert (outcome.winners, outcome.prices) == ([1], [3.0])


def test_who_waited_long_enough_pays_nothing() -> None:
    outcome = clear([1.0, 0.0], 1, [0.0, 5.0])
    assert (outcome.winners, outcome.prices) == ([1], [0.0])


def test_no_rival_no_price() -> None:
    outcome = clear([5.0, 3.0], 2)
    assert (outcome.winners, outcome.prices) == ([0, 1], [0.0, 0.0])


def test_ties_go_by_order() -> None:
    assert clear([2.0, 2.0, 2.0], 2).winners == [0, 1]


@pytest.mark.parametrize("nonsense", [-5.0, math.nan, -math.inf])
def test_a_bid_of_nonsense_is_no_bid(nonsense: float) -> None:
    outcome = clear([nonsense, 1.0], 1)
    assert (outcome.winners, outcome.prices) == ([1], [0.0])


def test_an_infinite_bid_wins_at_its_rivals_price() -> None:
    outcome = clear([math.inf, 3.0], 1)
    assert (outcome.winners, outcome.prices) == ([0], [3.0])


def test_nothing_to_sell_or_nobody_to_buy() -> None:
    assert clear([1.0], 0).winners == clear([1.0], -1).winners == clear([], 3).winners == []


def test_every_bid_needs_its_credit() -> None:
    with pytest.raises(ValueError, match="2 bids, 1 ageing"):
        clear([1.0, 2.0], 1, [0.0])
