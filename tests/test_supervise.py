"""The owner of background tasks: failures are heard, restarts are paced, nothing outlives stop."""

import asyncio
import gc
from random import Random

import pytest

from sidecar import supervise
from sidecar.supervise import Supervisor


class Bench:
    """A supervisor with hand-driven time: sleeps last until `wake`, the clock says what it is told."""

    def __init__(self):
        self.reports = []
        self.sleeps = []
        self.reported = asyncio.Event()
        self.sleeping = asyncio.Event()
        self.clock = 0.0
        self._wake = asyncio.Event()
        self.supervisor = Supervisor(self._report, sleep=self._sleep, now=lambda: self.clock, rng=Random(1))

    def _report(self, name, error):
        self.reports.append((name, error))
        self.reported.set()

    async def _sleep(self, delay_s):
        self.sleeps.append(delay_s)
        self.sleeping.set()
        await self._wake.wait()
        self._wake.clear()

    async def failed(self):
        """Wait until the task has failed and is backing off."""
        await self.sleeping.wait()
        self.sleeping.clear()

    def wake(self):
        self._wake.set()


@pytest.fixture
async def bench():
    bench = Bench()
    yield bench
    await bench.supervisor.stop()
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def fail():
    raise OSError("no such socket")


async def forever():
    await asyncio.Event().wait()


async def test_a_failure_is_reported_with_the_tasks_name(bench):
    bench.supervisor.start("watch", fail)
    await bench.failed()
    [(name, error)] = bench.reports
    assert name == "watch"
    assert isinstance(error, OSError)


async def test_a_failed_task_runs_again_after_the_back_off(bench):
    again = asyncio.Event()

    async def work():
        if not bench.reports:
            raise OSError
        again.set()
        await forever()

    bench.supervisor.start("watch", work)
    await bench.failed()
    assert not again.is_set()
    bench.wake()
    await again.wait()
    assert len(bench.reports) == 1


async def test_failing_again_and_again_waits_longer_and_longer_up_to_the_bound(bench):
    bench.supervisor.start("watch", fail)
    for _ in range(12):
        await bench.failed()
        bench.wake()
    await bench.failed()
    assert 0.05 <= bench.sleeps[0] <= 0.1
    assert 5.0 <= bench.sleeps[-1] <= 10.0
    assert max(bench.sleeps) <= supervise.LONGEST_DELAY_S


async def test_a_healthy_minute_starts_the_back_off_over(bench):
    async def work():
        if len(bench.sleeps) == 5:
            bench.clock += supervise.HEALTHY_S
        raise OSError

    bench.supervisor.start("watch", work)
    for _ in range(5):
        await bench.failed()
        bench.wake()
    await bench.failed()
    assert bench.sleeps[4] > 0.5
    assert bench.sleeps[5] <= supervise.FIRST_DELAY_S


@pytest.mark.parametrize("failures", [1, 2, 5, 8, 100, 5000])
def test_back_off_is_random_within_half_of_its_bound(failures):
    delays = {supervise.back_off_s(failures, Random(seed)) for seed in range(50)}
    bound = min(10.0, 0.1 * 2 ** min(failures - 1, 16))
    assert len(delays) > 10
    assert all(bound / 2 <= delay <= bound for delay in delays)


async def test_a_task_that_returns_is_not_run_again(bench):
    runs = []

    async def work():
        runs.append(1)

    bench.supervisor.start("watch", work)
    [task] = asyncio.all_tasks() - {asyncio.current_task()}
    await task
    assert runs == [1]
    assert not bench.sleeps
    assert not bench.reports


async def test_a_cancellation_from_within_is_a_failure_like_any_other(bench):
    async def work():
        inner = asyncio.get_running_loop().create_future()
        inner.cancel()
        await inner

    bench.supervisor.start("watch", work)
    await bench.failed()
    assert isinstance(bench.reports[0][1], asyncio.CancelledError)


async def test_once_runs_to_the_end_and_is_not_run_again(bench):
    done = asyncio.Event()

    async def work():
        done.set()

    bench.supervisor.once(work(), "farewell")
    await done.wait()
    assert not bench.reports


async def test_once_is_kept_referenced_while_it_runs(bench):
    waiting = asyncio.get_running_loop().create_future()
    done = asyncio.Event()

    async def work():
        await waiting
        done.set()

    bench.supervisor.once(work(), "farewell")
    await asyncio.sleep(0)
    gc.collect()
    waiting.set_result(None)
    await done.wait()


async def test_a_failure_of_once_is_reported_and_not_retried(bench):
    bench.supervisor.once(fail(), "farewell")
    await bench.reported.wait()
    await asyncio.sleep(0)
    assert [name for name, _ in bench.reports] == ["farewell"]
    assert not bench.sleeps


# Cancellation


async def test_stop_during_the_back_off_ends_it(bench):
    bench.supervisor.start("watch", fail)
    await bench.failed()
    await bench.supervisor.stop()
    assert len(bench.reports) == 1


async def test_stop_waits_until_cleaning_up_has_ended(bench):
    started = asyncio.Event()
    steps = []

    async def work():
        try:
            started.set()
            await forever()
        finally:
            await asyncio.sleep(0)
            steps.append("cleaned")

    bench.supervisor.start("watch", work)
    await started.wait()
    await bench.supervisor.stop()
    assert steps == ["cleaned"]
    assert not bench.reports


async def test_a_failure_while_being_cancelled_is_reported_and_not_retried(bench):
    started = asyncio.Event()

    async def work():
        try:
            started.set()
            await forever()
        finally:
            raise OSError("while closing")

    bench.supervisor.start("watch", work)
    await started.wait()
    await bench.supervisor.stop()
    assert [str(error) for _, error in bench.reports] == ["while closing"]
    assert not bench.sleeps


async def test_stop_before_the_first_step_leaves_no_coroutine_unawaited(bench):
    bench.supervisor.start("watch", forever)
    bench.supervisor.once(forever(), "farewell")
    await bench.supervisor.stop()
    gc.collect()  # a coroutine never awaited warns here, and warnings are errors


async def test_after_stop_nothing_starts(bench):
    await bench.supervisor.stop()
    bench.supervisor.start("watch", fail)
    bench.supervisor.once(fail(), "farewell")
    await asyncio.sleep(0)
    gc.collect()
    assert not bench.reports


async def test_stop_from_one_of_its_own_tasks_does_not_wait_for_itself(bench):
    stopped = asyncio.Event()

    async def quit_quit_quit():
        await bench.supervisor.stop()
        stopped.set()

    bench.supervisor.start("watch", forever)
    bench.supervisor.once(quit_quit_quit(), "quit")
    await stopped.wait()
    assert "watch" not in repr(bench.supervisor)


async def test_stop_twice_is_stop(bench):
    bench.supervisor.start("watch", forever)
    await bench.supervisor.stop()
    await bench.supervisor.stop()
