"""The application whose capacity is known: so many workers, a queue without end."""

import asyncio
import functools
from pathlib import Path

import pytest

from loadtest import canned, crew, load, openloop, processes
from loadtest.scenarios import application


async def _worked(workers: crew.Crew, pieces: list[float]) -> list[int]:
    """The order in which so much work ends."""
    ended: list[int] = []
    all_done = asyncio.Event()

    def done(number: int) -> None:
        ended.append(number)
        if len(ended) == len(pieces):
            all_done.set()

    for number, seconds in enumerate(pieces):
        workers.work(seconds, functools.partial(done, number))
    async with asyncio.timeout(60):
        await all_done.wait()
    return ended


async def test_one_worker_serves_first_come_first_served() -> None:
    assert await _worked(crew.Crew(1), [0.03, 0.0, 0.01]) == [0, 1, 2]


async def test_no_more_are_served_at_once_than_there_are_workers() -> None:
    workers = crew.Crew(2)
    for _ in range(5):
        workers.work(0.01, lambda: None)
    assert (workers.busy, len(workers)) == (2, 3)


async def test_idle_workers_are_idle_again() -> None:
    workers = crew.Crew(2)
    await _worked(workers, [0.01] * 5)
    assert (workers.busy, len(workers)) == (0, 0)


def test_lognormal_work_has_the_mean_it_was_given() -> None:
    app = canned.App("pod", application.MEAN_MS, sigma=application.SIGMA)
    drawn = [app.delay_s(b"/") for _ in range(20_000)]
    assert sum(drawn) / len(drawn) == pytest.approx(application.MEAN_MS / 1000, rel=0.01)
    assert sorted(drawn)[19_800] == pytest.approx(0.0384, rel=0.03)


def test_more_than_it_can_serve_waits_and_nothing_is_refused(tmp_path: Path) -> None:
    with processes.Children(tmp_path) as children:
        ip = f"{processes.loopback_net()}.10"
        application.start(children, ip)
        plan = openloop.Plan(
            f"{ip}:{application.PORT}", "x", "/", 2 * application.NOMINAL, 1.0, timeout_s=30.0
        )
        samples = load.start(children, plan).finish()
    assert {sample.outcome for sample in samples} == {"200"}
    assert max(samples).latency_ms > 10 * application.MEAN_MS, "the last in the queue waited for the others"
