"""Failures are held against an endpoint only beyond what its peers' failures on the same routes explain."""

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.game import bayes
from sidecar.policy.failures import (
    FORGET_S,
    TOLERATED,
    UNKNOWN_RATE,
    Record,
    Tally,
    accusation,
    excess,
    peer_rate,
)
from sidecar.policy.strategies import RouterConfig

GOOD, BROKEN = "GET /lines", "POST /pay"
CONCLUSIVE = RouterConfig().eject_at


class Pool:
    """Endpoints of one service and what their routes do in all."""

    def __init__(self, endpoints: int = 3) -> None:
        self.records = [Record() for _ in range(endpoints)]
        self.pools: dict[str, Tally] = {}

    def settle(self, endpoint: int, tried: int, failed: int = 0, route: str = GOOD, now: float = 0.0) -> None:
        """The failures come last, in a row."""
        for number in range(tried):
            fails = number >= tried - failed
            self.records[endpoint].add(route, now, failed=fails)
            self.pools.setdefault(route, Tally()).add(now, failed=fails)

    def rate(self, endpoint: int, route: str = GOOD, now: float = 0.0) -> float:
        return peer_rate(self.pools[route], self.records[endpoint].routes.get(route), now)

    def excess(self, endpoint: int = 0, now: float = 0.0) -> float:
        return excess(self.records[endpoint], self.pools, now)

    def accusation(self, endpoint: int = 0, now: float = 0.0) -> float:
        return accusation(self.records[endpoint], self.pools, now)


def judged(own: tuple[int, int], peers: tuple[int, int]) -> Pool:
    """The first endpoint's (tried, failed), and its two peers' each."""
    pool = Pool()
    for peer in (1, 2):
        pool.settle(peer, *peers)
    pool.settle(0, *own)
    return pool


# -- what is expected


def test_the_peers_rate_is_without_ones_own_failures() -> None:
    pool = judged(own=(50, 50), peers=(50, 5))
    assert pool.rate(0) == pytest.approx(0.1)
    assert pool.rate(1) == pytest.approx(0.55), "the others' are the first one's and a good one's"


def test_of_peers_nobody_has_tried_the_usual_is_expected() -> None:
    assert judged(own=(50, 50), peers=(0, 0)).rate(0) == UNKNOWN_RATE


@given(
    st.lists(st.tuples(st.integers(0, 2), st.booleans(), st.floats(0.0, 30.0)), min_size=1, max_size=30),
    st.floats(0.0, 200.0),
)
@settings(max_examples=60, deadline=None)
def test_a_peers_rate_is_a_rate_whatever_has_faded(
    attempts: list[tuple[int, bool, float]], later: float
) -> None:
    """Two tallies fade apart by rounding; their difference must not become nonsense."""
    pool, now = Pool(), 0.0
    for endpoint, failed, pause in attempts:
        now += pause
        pool.settle(endpoint, 1, int(failed), now=now)
    for endpoint in range(3):
        assert 0.0 <= pool.rate(endpoint, now=now + later) <= 1.0


def test_what_peers_did_long_ago_is_forgotten() -> None:
    pool = judged(own=(10, 0), peers=(10, 5))
    assert pool.rate(0, now=FORGET_S) == pytest.approx(0.5), "both sides fade, the rate does not"
    assert pool.rate(0, now=10 * FORGET_S) == UNKNOWN_RATE


# -- what is held against it


def test_one_that_fails_where_its_peers_do_not_is_told_apart() -> None:
    assert judged(own=(50, 50), peers=(50, 0)).excess() > 0.9
    assert 0.2 < judged(own=(50, 15), peers=(50, 0)).excess() < 0.3, "a lower bound of 30 %, not 30 %"


def test_excess_is_the_lower_bound_less_what_is_tolerated_and_expected() -> None:
    own = bayes.wilson_lower(20.0, 50.0)
    assert judged(own=(50, 20), peers=(50, 5)).excess() == pytest.approx(own - TOLERATED - 0.1)


def test_little_more_than_nothing_is_tolerated() -> None:
    tried, few = 10_000, 55
    assert 0.9 * TOLERATED < bayes.wilson_lower(float(few), float(tried)) < TOLERATED
    assert judged(own=(tried, few), peers=(50, 0)).excess() == 0.0, "with ten pods one always looks like that"
    assert judged(own=(tried, 4 * few), peers=(50, 0)).excess() > 2 * TOLERATED


def test_one_percent_of_errors_makes_nobody_twice_as_dear() -> None:
    """Ten pods, the luck of the draw: what differs is far below the price of one failure in a hundred."""
    rng, pool = random.Random(3), Pool(10)
    for _ in range(300):
        for endpoint in range(10):
            pool.settle(endpoint, 1, int(rng.random() < 0.01))
    assert max(pool.excess(endpoint) for endpoint in range(10)) < 0.005


@pytest.mark.parametrize("failed", [10, 25, 50])
def test_a_route_that_fails_everywhere_costs_nobody_anything(failed: int) -> None:
    pool = judged(own=(50, failed), peers=(50, failed))
    assert [pool.excess(endpoint) for endpoint in range(3)] == [0.0, 0.0, 0.0], "the application's own fault"


def test_a_route_that_fails_everywhere_accuses_nobody() -> None:
    pool = judged(own=(50, 50), peers=(50, 50))
    assert max(pool.accusation(endpoint) for endpoint in range(3)) < 0.02, "fifty in a row, like everybody"


def test_a_broken_route_excuses_only_itself() -> None:
    pool = judged(own=(20, 0), peers=(20, 0))
    for endpoint in range(3):
        pool.settle(endpoint, 20, 20, route=BROKEN)
    excused = pool.excess()
    pool.settle(0, 20, 20, route=GOOD)
    assert excused == 0.0
    assert pool.excess() > 0.1, "a bad pod hid behind a broken route"


def test_what_it_did_is_forgotten_in_time() -> None:
    pool = judged(own=(20, 20), peers=(20, 0))
    held = [pool.excess(now=FORGET_S * n) for n in (0, 1, 2, 4, 10)]
    assert held == sorted(held, reverse=True)
    assert (held[0] > 0.8, held[-1]) == (True, 0.0), "an old failure is held against it for ever"


# -- failing right now?


def test_without_a_failure_there_is_no_accusation() -> None:
    assert judged(own=(5, 0), peers=(5, 0)).accusation() == 0.0


@pytest.mark.parametrize("peers", [(0, 0), (100, 0), (100, 1)], ids=["untried", "faultless", "1 %"])
def test_the_second_failure_in_a_row_is_conclusive_where_failures_are_rare(peers: tuple[int, int]) -> None:
    first, second = judged((10, 1), peers).accusation(), judged((10, 2), peers).accusation()
    assert 0.1 < first < CONCLUSIVE <= second, "one failure is luck, two in a row are not"


def test_a_success_ends_the_row() -> None:
    pool = judged(own=(5, 5), peers=(50, 0))
    pool.settle(0, 1)
    ended = pool.accusation()
    pool.settle(0, 1, 1)
    assert (ended, pool.records[0].in_a_row) == (0.0, 1)
    assert pool.accusation() < CONCLUSIVE, "failures of before the success were counted again"


def test_each_failure_counts_against_its_own_route() -> None:
    pool = judged(own=(5, 0), peers=(100, 1))
    for peer in (1, 2):
        pool.settle(peer, 50, 50, route=BROKEN)
    pool.settle(0, 2, 2, route=BROKEN)
    excused = pool.accusation()
    pool.settle(0, 2, 2, route=GOOD)
    assert excused < 0.02
    assert pool.accusation() >= CONCLUSIVE, "two failures on a good route, whatever else is broken"


def test_a_long_row_is_told_in_full_and_kept_short() -> None:
    pool = judged(own=(1000, 1000), peers=(50, 0))
    record = pool.records[0]
    assert (record.in_a_row, len(record.row)) == (1000, bayes.MOST_IN_A_ROW)
    assert pool.accusation() <= 1.0


# -- counting


def test_attempts_and_failures_fade_alike() -> None:
    tally = Tally(memory_s=10.0)
    tally.add(0.0, failed=True)
    tally.add(10.0, failed=False)
    before = [tally.tried, tally.failed]
    tally.fade(20.0)
    assert before == pytest.approx([1 + 1 / math.e, 1 / math.e])
    assert [tally.tried, tally.failed] == pytest.approx([value / math.e for value in before])


def test_a_clock_that_steps_back_revives_nothing() -> None:
    tally = Tally()
    tally.add(100.0, failed=True)
    tally.fade(0.0)
    assert (tally.tried, tally.failed) == (1.0, 1.0)
