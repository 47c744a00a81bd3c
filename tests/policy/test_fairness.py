"""Start-time fair queuing: shares by weight, soon for newcomers, and no memory for those who are gone."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.policy.fairness import FairQueue
from tests.game.play import bounded

weights = st.floats(0.05, 20.0)


def filled(**backlogs: tuple[float, int]) -> FairQueue[str]:
    """Callers by name: weight, items."""
    queue: FairQueue[str] = FairQueue()
    for caller, (weight, count) in backlogs.items():
        for n in range(count):
            queue.push(caller, weight, f"{caller}{n}")
    return queue


def drained(queue: FairQueue[str], count: int = 10_000) -> list[str]:
    """The order in which they go."""
    order: list[str] = []
    while len(order) < count and (item := queue.pop()) is not None:
        order.append(item)
    return order


# -- the theorem


@bounded(200)
@given(weights, weights, st.lists(st.tuples(st.floats(0.05, 20.0), st.integers(0, 20)), max_size=4))
def test_two_backlogged_flows_are_served_by_weight_within_one_request_each(
    one: float, other: float, rest: list[tuple[float, int]]
) -> None:
    queue: FairQueue[int] = FairQueue()
    for _ in range(200):
        queue.push("one", one, 1)
        queue.push("other", other, 2)
    for n, (weight, count) in enumerate(rest):
        for _ in range(count):
            queue.push(f"rest{n}", weight, 0)
    served = {0: 0, 1: 0, 2: 0}
    while queue.backlog("one") and queue.backlog("other"):
        item = queue.pop()
        assert item is not None
        served[item] += 1
        apart = abs(served[1] / one - served[2] / other)
        assert apart <= 1.0 / one + 1.0 / other + 1e-9, "more than one request each from the ideal"


@bounded(100)
@given(weights, weights, st.integers(0, 2**32))
def test_that_holds_over_any_interval_and_whatever_the_others_do(one: float, other: float, seed: int) -> None:
    rng = random.Random(seed)
    queue: FairQueue[int] = FairQueue()
    lead = [0.0]
    for _ in range(300):
        queue.push("one", one, 1)
        queue.push("other", other, 2)
    for _ in range(200):
        if rng.random() < 0.5:
            queue.push(f"rest{rng.randrange(5)}", rng.uniform(0.05, 20.0), 0)
        item = queue.pop()
        if item and queue.backlog("one") and queue.backlog("other"):
            lead.append(lead[-1] + (1.0 / one if item == 1 else -1.0 / other))
    assert max(lead) - min(lead) <= 1.0 / one + 1.0 / other + 1e-9, "over some interval one got too much"


def test_budgets_three_to_one_are_served_three_to_one() -> None:
    order = drained(filled(a=(3.0, 300), b=(1.0, 300)), 100)
    assert sum(item.startswith("a") for item in order) == 75


def test_the_oldest_of_a_flow_goes_first() -> None:
    assert drained(filled(a=(1.0, 3))) == ["a0", "a1", "a2"]


def test_a_newcomer_does_not_wait_behind_anybodys_backlog() -> None:
    queue = filled(flood=(1.0, 1000))
    drained(queue, 100)
    queue.push("new", 1.0, "new")
    assert "new" in drained(queue, 2)


def test_a_caller_that_was_away_has_saved_nothing_up() -> None:
    queue = filled(a=(1.0, 1), b=(1.0, 100))
    drained(queue, 50)
    for n in range(20):
        queue.push("a", 1.0, f"a{n}")
    order = drained(queue, 20)
    assert 9 <= sum(item.startswith("a") for item in order) <= 11


def test_a_caller_that_leaves_and_returns_does_not_gain_a_turn() -> None:
    """Its tag is kept while it says something: or an empty flow would begin anew at every request."""
    queue = filled(b=(1.0, 100))
    served = 0
    for _ in range(40):
        if not queue.backlog("a"):
            queue.push("a", 0.25, "a")
        served += queue.pop() == "a"
    assert 7 <= served <= 9, "a quarter of b's turns, one request at a time"


def test_the_least_weight_is_served_too() -> None:
    queue = filled(a=(10.0, 100_000), b=(0.0, 3))
    order = drained(queue, 30_000)
    assert sum(item.startswith("b") for item in order) == 3, "b's turns come, one in 10,000"


# -- who goes before


@bounded(200)
@given(
    st.lists(st.tuples(weights, st.integers(0, 6)), min_size=1, max_size=6),
    st.integers(0, 6),
    weights,
    st.integers(0, 9),
)
def test_it_knows_how_many_go_before(
    flows: list[tuple[float, int]], who: int, weight: float, served: int
) -> None:
    queue: FairQueue[object] = FairQueue()
    for n, (w, count) in enumerate(flows):
        for _ in range(count):
            queue.push(str(n), w, object())
    for _ in range(served):
        queue.pop()
    caller = str(who)
    if who < len(flows):
        weight = flows[who][0]
    ahead = queue.ahead(caller, weight)
    item = object()
    queue.push(caller, weight, item)
    before = 0
    while queue.pop() is not item:
        before += 1
    assert before <= ahead <= before + len(flows), "at most one tie per flow"


# -- leaving


def test_an_item_can_leave_from_anywhere() -> None:
    queue: FairQueue[str] = FairQueue()
    items = ["x", "y", "z"]
    for item in items:
        queue.push("a", 1.0, item)
    assert queue.remove("a", items[1])
    assert (len(queue), drained(queue)) == (2, ["x", "z"])


def test_what_is_not_here_cannot_leave() -> None:
    queue = filled(a=(1.0, 1))
    assert not queue.remove("a", "nothing")
    assert not queue.remove("b", "a0")
    assert len(queue) == 1


def test_an_item_that_leaves_unserved_costs_its_flow_nothing() -> None:
    queue = filled(a=(1.0, 5), b=(1.0, 5))
    flow = queue.backlogged["a"]
    for _ in range(4):
        queue.evict(flow)
    assert drained(queue, 2) == ["a0", "b0"]


def test_the_newest_is_evicted() -> None:
    queue = filled(a=(1.0, 3))
    assert queue.evict(queue.backlogged["a"]) == "a2"


def test_the_longest_backlog_is_relative_to_weight() -> None:
    queue = filled(rich=(10.0, 8), poor=(1.0, 2))
    longest = queue.longest()
    assert longest is not None
    assert longest.caller == "poor"
    spared = queue.longest(longest)
    assert spared is not None
    assert spared.caller == "rich"


def test_what_is_taken_out_of_turn_does_not_count() -> None:
    queue = filled(a=(1.0, 5), b=(1.0, 5))
    assert [queue.take(queue.backlogged["a"]) for _ in range(3)] == ["a0", "a1", "a2"]
    assert sorted(drained(queue, 2)) == ["a3", "b0"], "a's turn comes nevertheless"


def test_an_empty_queue_has_nothing() -> None:
    queue: FairQueue[str] = FairQueue()
    assert (queue.pop(), queue.first(), queue.longest(), len(queue), queue.weight()) == (
        None,
        None,
        None,
        0,
        0.0,
    )


# -- memory


def test_a_flow_without_items_whose_tag_is_past_is_forgotten() -> None:
    queue: FairQueue[int] = FairQueue(most_idle=100)
    for n in range(5000):
        queue.push(f"caller{n}", 1.0, n)
        queue.pop()
        assert queue.flows <= 101, "memory grows with names"


def test_a_hundred_thousand_names_of_little_weight_do_not_grow_memory() -> None:
    queue: FairQueue[int] = FairQueue(most_idle=100)
    queue.push("steady", 1.0, -1)
    for n in range(100_000):
        queue.push(f"caller{n}", 0.001, n)
        queue.pop()
    assert queue.flows <= 102


def test_who_waits_is_never_forgotten() -> None:
    queue: FairQueue[int] = FairQueue(most_idle=10)
    for n in range(1000):
        queue.push(f"caller{n}", 1.0, n)
    assert len(queue) == queue.flows == 1000
    assert sorted(iter(queue.pop, None)) == list(range(1000))


@pytest.mark.parametrize("weight", [0.0, -1.0, math.nan, math.inf, 1e300])
def test_a_weight_of_nonsense_breaks_nothing(weight: float) -> None:
    queue = filled(a=(weight, 3), b=(1.0, 3))
    assert sorted(drained(queue)) == ["a0", "a1", "a2", "b0", "b1", "b2"]
    assert math.isfinite(queue.virtual)
