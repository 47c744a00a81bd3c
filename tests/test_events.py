"""The bus tells everybody, waits for nobody, and counts what was lost."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.events import MOST_KINDS, OTHER, SCALE_DOWN, SCALE_UP, Bus, Event, Subscription


def kinds(subscription: Subscription) -> list[str]:
    return [event.kind for event in subscription.drain()]


@pytest.fixture
def bus() -> Bus:
    return Bus(now=lambda: 12.5)


def test_every_subscriber_hears_every_event_in_order(bus: Bus) -> None:
    heard = [bus.subscribe(), bus.subscribe()]
    bus.publish(SCALE_DOWN, {"to": 0.5})
    bus.publish("anything")
    wanted = [Event(SCALE_DOWN, 12.5, {"to": 0.5}), Event("anything", 12.5, {})]
    assert [subscription.drain() for subscription in heard] == [wanted, wanted]


def test_what_happened_before_is_not_heard(bus: Bus) -> None:
    bus.publish(SCALE_DOWN)
    assert kinds(bus.subscribe()) == []


def test_a_slow_subscriber_loses_the_oldest_and_only_its_own(bus: Bus) -> None:
    slow, fast = bus.subscribe(3), bus.subscribe(100)
    for number in range(10):
        bus.publish(f"e{number}")
    assert kinds(slow) == ["e7", "e8", "e9"], "the newest matter"
    assert len(kinds(fast)) == 10
    assert (slow.dropped, fast.dropped, bus.dropped) == (7, 0, 7)


def test_a_subscriber_that_caught_up_loses_no_more(bus: Bus) -> None:
    subscription = bus.subscribe(2)
    for _ in range(5):
        bus.publish("a")
        bus.publish("b")
        assert kinds(subscription) == ["a", "b"]
    assert bus.dropped == 0


def test_events_are_counted_by_kind_heard_or_not(bus: Bus) -> None:
    for kind in (SCALE_DOWN, SCALE_UP, SCALE_DOWN):
        bus.publish(kind)
    assert bus.counts == {SCALE_DOWN: 2, SCALE_UP: 1}


def test_invented_kinds_do_not_grow_the_counters(bus: Bus) -> None:
    for number in range(1000):
        bus.publish(f"kind-{number}")
    assert len(bus.counts) == MOST_KINDS + 1
    assert bus.counts.total() == 1000, "an event was published and not counted"
    assert bus.counts[OTHER] == 1000 - MOST_KINDS


def test_a_publisher_may_change_its_details_afterwards(bus: Bus) -> None:
    subscription = bus.subscribe()
    detail: dict[str, object] = {"scale": 0.5}
    bus.publish(SCALE_DOWN, detail)
    detail["scale"] = 1.0
    assert subscription.drain()[0].detail == {"scale": 0.5}


def test_a_closed_subscription_hears_no_more(bus: Bus) -> None:
    with bus.subscribe() as subscription:
        bus.publish("a")
    bus.publish("b")
    subscription.close()
    assert kinds(subscription) == ["a"]


def test_the_number_of_subscribers_is_bounded_and_a_place_can_be_taken_again() -> None:
    bus = Bus(most_subscribers=2)
    first, _ = bus.subscribe(), bus.subscribe()
    with pytest.raises(RuntimeError, match="2 subscribers already"):
        bus.subscribe()
    first.close()
    assert len(bus.subscribe()) == 0


def test_a_queue_of_nothing_is_refused(bus: Bus) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        bus.subscribe(0)


# -- waiting


async def test_whoever_waits_is_told(bus: Bus) -> None:
    subscription = bus.subscribe()
    waiting = asyncio.get_running_loop().create_task(subscription.next())
    await asyncio.sleep(0)
    bus.publish("a")
    assert (await asyncio.wait_for(waiting, 60)).kind == "a"


async def test_waiting_events_come_one_by_one_in_order(bus: Bus) -> None:
    subscription = bus.subscribe()
    for kind in "abc":
        bus.publish(kind)
    assert [(await subscription.next()).kind for _ in range(3)] == ["a", "b", "c"]


async def test_whoever_is_cancelled_while_waiting_loses_no_event(bus: Bus) -> None:
    subscription = bus.subscribe()
    waiting = asyncio.get_running_loop().create_task(subscription.next())
    await asyncio.sleep(0)
    waiting.cancel()
    bus.publish("a")
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert kinds(subscription) == ["a"]


async def test_one_that_drained_waits_again(bus: Bus) -> None:
    subscription = bus.subscribe()
    bus.publish("a")
    subscription.drain()
    waiting = asyncio.get_running_loop().create_task(subscription.next())
    for _ in range(5):
        await asyncio.sleep(0)
    assert not waiting.done()
    bus.publish("b")
    assert (await asyncio.wait_for(waiting, 60)).kind == "b"


@given(st.lists(st.one_of(st.integers(0, 3), st.none()), max_size=100), st.integers(1, 5))
@settings(max_examples=80, deadline=None)
def test_what_is_published_is_either_heard_or_counted_as_dropped(script: list[int | None], most: int) -> None:
    """Numbers are events, None is a subscriber that comes round."""
    bus = Bus()
    subscription = bus.subscribe(most)
    heard = 0
    for step in script:
        if step is None:
            heard += len(subscription.drain())
        else:
            bus.publish(str(step))
        assert len(subscription) <= most, "the queue is not bounded"
    heard += len(subscription.drain())
    assert heard + bus.dropped == bus.counts.total()
