"""When cycles run: a grid of one clock, whatever that clock and the cycles do."""

import asyncio
import math

from hypothesis import given
from hypothesis import strategies as st

from coordinator.loop.schedule import Schedule


class Clock:
    def __init__(self, now=1000.0):
        self.now = now

    def __call__(self):
        return self.now


async def nothing():
    return


def test_the_next_cycle_is_on_the_grid():
    clock = Clock()
    schedule = Schedule(nothing, 15.0, now=clock)
    clock.now = 1004.0
    assert schedule.following(1000.0) == 1015.0
    assert schedule.skipped == 0


def test_cycles_that_were_due_meanwhile_are_skipped_and_counted():
    clock = Clock()
    schedule = Schedule(nothing, 15.0, now=clock)
    clock.now = 1050.0
    assert schedule.following(1000.0) == 1060.0
    assert schedule.skipped == 3


@given(
    due=st.floats(0, 1e6),
    jump=st.floats(-1e6, 1e6, allow_nan=False),
    cycle_s=st.sampled_from([0.05, 2.0, 15.0]),
)
def test_whatever_the_clock_does_the_next_cycle_is_ahead_and_at_most_one_cycle_away(due, jump, cycle_s):
    clock = Clock(due + jump)
    schedule = Schedule(nothing, cycle_s, now=clock)
    wait_s = schedule.following(due) - clock.now
    assert -1e-6 <= wait_s <= cycle_s + 1e-6
    assert not math.isnan(wait_s)


async def test_cycles_never_overlap_and_never_pile_up():
    running, most, turns = 0, 0, 0

    async def turn():
        nonlocal running, most, turns
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.02)
        running -= 1
        turns += 1
        if turns == 5:
            schedule.stop()

    schedule = Schedule(turn, 0.005)
    async with asyncio.timeout(60):
        await schedule.run()
    assert (turns, most) == (5, 1)
    assert schedule.skipped >= 5


async def test_whoever_is_elected_does_not_wait_for_the_grid():
    turns = asyncio.Semaphore(0)

    async def turn():
        turns.release()

    schedule = Schedule(turn, 3600.0)
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        group.create_task(schedule.run())
        await turns.acquire()
        schedule.soon()
        await turns.acquire()
        schedule.stop()
