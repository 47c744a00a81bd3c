"""Moves become amounts that fit the node."""

from hypothesis import given
from hypothesis import strategies as st

from coordinator.policy.guardrails import Move
from coordinator.policy.reach import Reach
from coordinator.policy.trade import Trader, bought, settle
from tests.coordinator.game.bidding import bounded

REACH = Reach(10, 4000)


def trader(name: str, present_m: int, target_m: float) -> Trader:
    return Trader(name, present_m, REACH, Move(target_m))


@bounded(400)
@given(
    st.lists(st.tuples(st.integers(0, 3000), st.floats(10.0, 4000.0)), min_size=1, max_size=8),
    st.integers(0, 10_000),
)
def test_the_sum_stays_within_the_node_or_does_not_grow(
    moves: list[tuple[int, float]], capacity_m: int
) -> None:
    traders = [trader(f"p{index}", *move) for index, move in enumerate(moves)]
    before_m = sum(each.present_m for each in traders)
    after = settle(traders, capacity_m)
    assert sum(after.values()) <= max(capacity_m, before_m)
    for each in traders:
        amount_m = after[each.name]
        assert amount_m == each.present_m or amount_m % 10 == 0
        assert min(each.present_m, each.move.target_m) - 10 < amount_m
        assert amount_m < max(each.present_m, each.move.target_m) + 10


def test_an_exact_fit_is_used_to_the_last_step() -> None:
    traders = [trader("a", 1000, 733.4), trader("b", 1000, 1133.3), trader("c", 1000, 1133.3)]
    assert settle(traders, 3000) == {"a": 730, "b": 1140, "c": 1130}


def test_buyers_that_do_not_all_fit_are_cut_alike() -> None:
    traders = [trader("a", 1000, 1400.0), trader("b", 1000, 1200.0)]
    assert settle(traders, 2300) == {"a": 1200, "b": 1100}


def test_what_is_left_is_sold_to_the_last_step() -> None:
    traders = [trader("a", 1000, 1400.0), trader("b", 1000, 1000.0)]
    assert settle(traders, 2015) == {"a": 1010, "b": 1000}


def test_an_odd_amount_counts_as_what_it_is() -> None:
    assert bought({"a": (105, 130.0), "b": (107, 120.0)}, 13, 10) == {"a": 110, "b": 110}


def test_no_room_is_no_purchase() -> None:
    assert bought({"a": (100, 200.0)}, -50, 10) == {"a": 100}
