"""What was played over the last ten seconds: only what happened then, and nothing said when too little did."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.policy.ledger import LEAST_PLAYS, SETTLED_PER_S, SLOT_S, SLOTS, WINDOW, Ledger, Row

A, B = "10.0.0.1:8080", "10.0.0.2:8080"
EVEN, ONE_SIDED = {A: 5, B: 5}, {A: 10, B: 0}


def ledger_of(*addresses: str) -> Ledger:
    ledger = Ledger()
    ledger.keep({address: Row() for address in addresses}, now=0.0)
    return ledger


def play(ledger: Ledger, counts: dict[str, int]) -> None:
    for address, count in counts.items():
        for _ in range(count):
            ledger.play(ledger.rows[address])


def play_each(ledger: Ledger, slots: range, counts: dict[str, int]) -> None:
    """The same picks in each of these slots."""
    for slot in slots:
        ledger.advance(slot * SLOT_S)
        play(ledger, counts)


def priced(costs_s: dict[str, float], counts: dict[str, int]) -> Ledger:
    ledger = ledger_of(*costs_s)
    play(ledger, counts)
    for address, seconds in costs_s.items():
        ledger.cost(ledger.rows[address], seconds)
    return ledger


# -- slots


def test_a_slot_is_opened_once() -> None:
    opened = [ledger.advance(now) for ledger in [ledger_of(A)] for now in (0.0, 0.4, 0.5, 0.9, 1.0)]
    assert opened == [False, False, True, False, True]


def test_picks_belong_to_the_half_second_they_were_made_in() -> None:
    ledger = ledger_of(A)
    play_each(ledger, range(1, 2), {A: 5})
    play_each(ledger, range(2, 3), {A: 7})
    assert [ledger.plays(A, 1), ledger.plays(A, 2), ledger.plays(A, 1, before=1)] == [7, 12, 5]


@given(st.lists(st.tuples(st.integers(0, 2 * SLOTS + 5), st.integers(0, 3)), max_size=30))
@settings(max_examples=60, deadline=None)
def test_a_slot_that_comes_round_again_starts_empty(steps: list[tuple[int, int]]) -> None:
    """Whatever the pauses: the ring says what a list of all picks would say."""
    ledger, slot, made = ledger_of(A), 0, list[int]()
    for pause, count in steps:
        slot += pause
        ledger.advance(slot * SLOT_S)
        play(ledger, {A: count})
        made += [slot] * count
        for slots, before in ((1, 0), (WINDOW, 0), (WINDOW, WINDOW), (SLOTS, 0)):
            newest = slot - before
            expected = sum(newest - slots < at <= newest for at in made)
            assert ledger.plays(A, slots, before) == expected, "picks of another time are counted"


def test_a_long_silence_clears_everything() -> None:
    ledger = priced({A: 0.1, B: 0.2}, {A: 60, B: 60})
    ledger.advance(1e6)
    assert (ledger.shares(SLOTS), ledger.gap([A, B])) == (None, None)
    assert [ledger.mean_cost(address) for address in (A, B)] == [0.0, 0.0], "costs of another day"


def test_an_endpoint_that_comes_back_begins_anew() -> None:
    ledger = priced({A: 0.1, B: 0.1}, {A: 60, B: 60})
    left = ledger.rows[A]
    ledger.keep({B: ledger.rows[B]}, now=0.1)
    ledger.advance(10.0)
    ledger.keep({A: left, B: ledger.rows[B]}, now=10.0)
    assert (ledger.plays(A, SLOTS), ledger.mean_cost(A)) == (0, 0.0), "picks from before it left count as new"


def test_an_endpoint_that_left_says_nothing() -> None:
    ledger = priced({A: 0.1, B: 0.1}, {A: 60, B: 60})
    ledger.keep({A: ledger.rows[A]}, now=0.1)
    assert (ledger.plays(B, SLOTS), ledger.mean_cost(B), ledger.shares()) == (0, 0.0, [1.0])


# -- shares and costs


def test_shares_are_told_from_fifty_picks_on() -> None:
    ledger = ledger_of(A, B)
    play(ledger, {A: 30, B: LEAST_PLAYS - 31})
    before = ledger.shares()
    play(ledger, {B: 1})
    assert (before, ledger.shares()) == (None, [0.6, 0.4]), "below 50 picks a share is luck"


def test_an_average_cost_is_that_of_the_last_five_seconds() -> None:
    ledger = ledger_of(A)
    for slot, seconds in ((1, 8.0), (2, 1.0), (2, 3.0)):
        ledger.advance(slot * SLOT_S)
        ledger.cost(ledger.rows[A], seconds)
    seen = [ledger.mean_cost(A)]
    for slot in (WINDOW + 1, WINDOW + 2):
        ledger.advance(slot * SLOT_S)
        seen.append(ledger.mean_cost(A))
    assert seen == [4.0, 2.0, 0.0]
    ledger.advance((SLOTS + 1) * SLOT_S)
    ledger.cost(ledger.rows[A], 5.0)
    assert ledger.mean_cost(A) == 5.0, "a slot that came round again was not empty"


@pytest.mark.parametrize(
    ("costs_s", "counts", "gap"),
    [
        ({A: 0.1, B: 0.1}, {A: 70, B: 30}, 0.0),
        ({A: 0.1, B: 0.3}, {A: 60, B: 0}, 0.0),
        ({A: 0.1, B: 0.3}, {A: 75, B: 25}, 0.5),
        ({A: 0.1, B: 0.3}, {A: 0, B: 60}, 2.0),
    ],
)
def test_the_gap_is_what_the_best_deviation_saves(
    costs_s: dict[str, float], counts: dict[str, int], gap: float
) -> None:
    assert priced(costs_s, counts).gap([A, B]) == pytest.approx(gap)


def test_the_gap_is_over_admitted_endpoints_only() -> None:
    ledger = priced({A: 0.1, B: 5.0}, {A: 60, B: 60})
    assert ledger.gap([A]) == 0.0, "nobody chooses an endpoint that is out"


@pytest.mark.parametrize(
    ("costs_s", "counts", "admitted"),
    [
        ({A: 0.1, B: 0.1}, {A: 49, B: 0}, [A, B]),
        ({A: 0.1, B: 0.1}, {A: 49, B: 99}, [A]),
        ({A: 0.1, B: 0.0}, {A: 60, B: 0}, [A, B]),
        ({A: 0.1}, {A: 60}, []),
    ],
    ids=["few picks", "few of those admitted", "a cost nobody computed", "nobody admitted"],
)
def test_no_gap_is_told_without_evidence(
    costs_s: dict[str, float], counts: dict[str, int], admitted: list[str]
) -> None:
    assert priced(costs_s, counts).gap(admitted) is None


# -- do shares settle?


def test_two_windows_of_five_seconds_are_compared() -> None:
    ledger = ledger_of(A, B)
    play_each(ledger, range(1, WINDOW + 1), EVEN)
    alone = ledger.rate_per_s()
    play_each(ledger, range(WINDOW + 1, 2 * WINDOW + 1), ONE_SIDED)
    assert alone is None, "one window moves nowhere"
    assert ledger.rate_per_s() == pytest.approx(0.5 / (WINDOW * SLOT_S)), "half of the traffic moved in 5 s"


def test_steady_shares_settle_once_and_say_after_how_long() -> None:
    ledger = ledger_of(A, B)
    play_each(ledger, range(1, 4 * SLOTS), EVEN)
    assert ledger.settled
    assert ledger.take_settled() == [7.5], "as soon as both windows hold 50 picks"
    assert (ledger.take_settled(), ledger.last_settled_s) == ([], 7.5), "told twice, or forgotten"


def test_a_change_is_timed_from_when_it_happened() -> None:
    ledger, changed_at = ledger_of(A, B), 19.9
    play_each(ledger, range(1, 40), EVEN)
    ledger.take_settled()
    ledger.change(changed_at)
    assert not ledger.settled, "settled before anything could move"
    took: list[float] = []
    for slot in range(40, 80):
        play_each(ledger, range(slot, slot + 1), EVEN)
        took += [slot * SLOT_S - changed_at] if ledger.settled else []
    assert ledger.take_settled() == took[:1]


def test_new_endpoints_are_a_change() -> None:
    ledger = ledger_of(A, B)
    play_each(ledger, range(1, SLOTS), EVEN)
    ledger.keep(ledger.rows, now=10.0)
    assert (ledger.settled, ledger.changed_at) == (False, 10.0)


def test_shares_that_move_by_themselves_are_a_change_too() -> None:
    ledger = ledger_of(A, B)
    play_each(ledger, range(1, 2 * SLOTS), EVEN)
    ledger.take_settled()
    moved = 2 * SLOTS
    play_each(ledger, range(moved, moved + WINDOW), ONE_SIDED)
    rate = ledger.rate_per_s()
    assert rate is not None
    assert rate >= SETTLED_PER_S
    assert not ledger.settled, "half of the traffic went elsewhere"
    play_each(ledger, range(moved + WINDOW, moved + 3 * SLOTS), ONE_SIDED)
    (took,) = ledger.take_settled()
    assert 2.5 < took < 2 * WINDOW * SLOT_S, "timed from the move: not from the beginning, not from its end"


def test_nothing_has_settled_before_it_can_be_seen_to_move() -> None:
    ledger = ledger_of(A, B)
    play_each(ledger, range(1, 40), EVEN)
    ledger.take_settled()
    ledger.change(19.9)
    play_each(ledger, range(40, 70), ONE_SIDED)
    assert min(ledger.take_settled()) >= WINDOW * SLOT_S, (
        "windows that end before the change say nothing of it"
    )


def test_settlings_nobody_takes_do_not_pile_up() -> None:
    ledger, changes = ledger_of(A, B), 120
    for change in range(1, changes + 1):
        ledger.change(10.0 * change - (0.25 if change < changes else 0.125))
        play_each(ledger, range(change * SLOTS, (change + 1) * SLOTS), EVEN)
    taken = ledger.take_settled()
    assert (len(taken), taken[0], taken[-1]) == (100, 5.25, 5.125), "a hundred, the newest"
