"""The timeout wheel: never early, at most one tick late, whatever the checked ones do to each other."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import cast

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from sidecar import clock
from sidecar.proxy.wheel import Wheel

TICK_S = 0.05


class Loop:
    """Time moves only in `run_until`; timers fire at their time, as on a loop that is never late."""

    def __init__(self) -> None:
        self.now = 100.02  # between two ticks, like any program's start
        self.timers: list[tuple[float, Callable[[], None]]] = []
        self.reported: list[object] = []

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> object:
        timer = (self.now + delay_s, callback)
        self.timers.append(timer)
        return SimpleNamespace(cancel=lambda: self.timers.remove(timer))

    def call_exception_handler(self, context: dict[str, object]) -> None:
        self.reported.append(context["exception"])

    def run_until(self, when: float) -> None:
        while self.timers and (first := min(self.timers, key=lambda timer: timer[0]))[0] <= when:
            self.timers.remove(first)
            self.now = first[0]
            first[1]()
        self.now = when

    def stall_until(self, when: float) -> None:
        """The loop is busy: what is due fires late, and once."""
        self.now = when
        due, self.timers = self.timers, []
        for _, callback in due:
            callback()


class Item:
    """Notes when it was checked; answers what it was told to."""

    def __init__(self, answer: Callable[[float], float | None] = lambda now: None) -> None:
        self.bucket = 0
        self.checked: list[float] = []
        self._answer = answer

    def check(self, now: float) -> float | None:
        self.checked.append(now)
        return self._answer(now)


@pytest.fixture
def loop(monkeypatch: pytest.MonkeyPatch) -> Loop:
    loop = Loop()
    monkeypatch.setattr(clock, "now", lambda: loop.now)
    return loop


@pytest.fixture
def wheel(loop: Loop) -> Wheel:
    return turning(loop)


def turning(loop: Loop) -> Wheel:
    wheel = Wheel(cast("object", loop), TICK_S)  # type: ignore[arg-type]
    wheel.start()
    return wheel


def test_an_item_is_looked_at_once_its_time_has_come(loop: Loop, wheel: Wheel) -> None:
    item = Item()
    wheel.watch(item, 101.0)
    loop.run_until(102.0)
    assert len(item.checked) == 1


@given(st.floats(100.02, 103.0))
@examples(max_examples=60)
def test_never_early_and_at_most_two_ticks_late(when: float) -> None:
    with pytest.MonkeyPatch.context() as patch:
        loop, item = Loop(), Item()
        patch.setattr(clock, "now", lambda: loop.now)
        turning(loop).watch(item, when)
        loop.run_until(104.0)
    (checked,) = item.checked
    assert when <= checked + 1e-9, "a timeout fired before its time"
    assert checked - when <= 2 * TICK_S + 1e-9, "one tick of resolution, one for the timer"


@pytest.mark.parametrize("when", [0.0, 99.0, 100.0])
def test_what_is_due_already_is_looked_at_with_the_next_turn(loop: Loop, wheel: Wheel, when: float) -> None:
    item = Item()
    wheel.watch(item, when)
    loop.run_until(100.02 + 2 * TICK_S)
    assert len(item.checked) == 1


def test_an_item_says_when_to_look_again(loop: Loop, wheel: Wheel) -> None:
    item = Item(lambda now: now + 1.0)
    wheel.watch(item, 101.0)
    loop.run_until(104.5)
    assert [round(checked) for checked in item.checked] == [101, 102, 103, 104]


def test_an_item_that_is_done_is_let_go(loop: Loop, wheel: Wheel) -> None:
    item = Item()
    wheel.watch(item, 101.0)
    loop.run_until(110.0)
    assert (len(item.checked), item.bucket, len(wheel)) == (1, 0, 0), "it could never be freed"


def test_watching_again_replaces_the_earlier_time(loop: Loop, wheel: Wheel) -> None:
    item = Item()
    wheel.watch(item, 101.0)
    wheel.watch(item, 105.0)
    loop.run_until(104.0)
    assert (item.checked, len(wheel)) == ([], 1)


def test_a_forgotten_item_is_left_alone(loop: Loop, wheel: Wheel) -> None:
    item = Item()
    wheel.watch(item, 101.0)
    wheel.forget(item)
    loop.run_until(102.0)
    assert (item.checked, len(wheel)) == ([], 0)


def test_forgetting_twice_is_harmless(wheel: Wheel) -> None:
    item = Item()
    wheel.watch(item, 101.0)
    wheel.forget(item)
    wheel.forget(item)
    assert len(wheel) == 0


def test_items_due_together_are_all_looked_at(loop: Loop, wheel: Wheel) -> None:
    items = [Item() for _ in range(50)]
    for item in items:
        wheel.watch(item, 101.0)
    loop.run_until(102.0)
    assert [len(item.checked) for item in items] == [1] * 50


def test_a_loop_that_was_busy_catches_up(loop: Loop, wheel: Wheel) -> None:
    items = [Item() for _ in range(5)]
    for number, item in enumerate(items):
        wheel.watch(item, 100.0 + number)
    loop.stall_until(110.0)
    assert [item.checked for item in items] == [[110.0]] * 5, "buckets passed during a stall were lost"


def test_an_item_may_forget_itself_while_it_is_looked_at(loop: Loop, wheel: Wheel) -> None:
    item = Item(lambda now: wheel.forget(item))
    wheel.watch(item, 101.0)
    loop.run_until(102.0)
    assert (len(item.checked), len(wheel)) == (1, 0)


def test_an_item_may_forget_one_of_another_time(loop: Loop, wheel: Wheel) -> None:
    later = Item()
    first = Item(lambda now: wheel.forget(later))
    wheel.watch(first, 101.0)
    wheel.watch(later, 103.0)
    loop.run_until(104.0)
    assert later.checked == []


def test_buckets_do_not_pile_up(loop: Loop, wheel: Wheel) -> None:
    item = Item(lambda now: now + 0.2)
    wheel.watch(item, 100.1)
    loop.run_until(130.0)
    assert len(wheel._buckets) <= 2, "empty buckets are kept"


def test_a_wheel_that_was_stopped_turns_no_more(loop: Loop, wheel: Wheel) -> None:
    item = Item()
    wheel.watch(item, 101.0)
    wheel.stop()
    loop.run_until(102.0)
    assert (item.checked, loop.timers) == ([], [])


def test_a_wheel_that_never_started_can_be_stopped(loop: Loop) -> None:
    Wheel(cast("object", loop)).stop()  # type: ignore[arg-type]


def test_a_connection_closed_after_the_wheel_stopped_is_forgotten_quietly(wheel: Wheel) -> None:
    item = Item()
    wheel.watch(item, 101.0)
    wheel.stop()
    wheel.forget(item)


def test_an_item_may_forget_another_that_is_due_together(loop: Loop, wheel: Wheel) -> None:
    pair: list[Item] = []
    pair += [Item(lambda now: wheel.forget(pair[1])), Item(lambda now: wheel.forget(pair[0]))]
    for item in pair:
        wheel.watch(item, 101.0)
    loop.run_until(102.0)
    assert sum(len(item.checked) for item in pair) == 1, "a forgotten item was looked at"


class BugError(Exception):
    """What a mistake in a connection looks like."""


def test_items_that_raise_do_not_cost_others_their_timeout(loop: Loop, wheel: Wheel) -> None:
    def fail(now: float) -> None:
        raise BugError

    items = [Item(fail) for _ in range(20)]
    for item in items:
        wheel.watch(item, 101.0)
    for _ in range(60):  # a real loop reports the exception and goes on
        try:
            loop.run_until(102.0)
        except BugError:
            continue
    assert [len(item.checked) for item in items] == [1] * 20
