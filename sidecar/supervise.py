"""The owner of background tasks: none is dropped, none fails in silence, none survives the end.

asyncio keeps only weak references to tasks, so a task nobody holds may be collected while it runs, and its
exception is noticed by nobody. Everything that runs beside the data path is started here.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from random import Random

from sidecar import clock

Report = Callable[[str, BaseException], None]

FIRST_DELAY_S = 0.1
LONGEST_DELAY_S = 10.0
HEALTHY_S = 60.0
"""A task that ran this long before it failed starts over at the first delay."""


class Supervisor:
    """Runs background tasks until `stop`. `report` gets (task name, exception) of every failure."""

    def __init__(
        self,
        report: Report,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        now: Callable[[], float] = clock.now,
        rng: Random | None = None,
    ) -> None:
        self._report = report
        self._sleep = sleep
        self._now = now
        self._rng = rng or Random()  # noqa: S311  jitter, not a secret
        self._tasks: set[asyncio.Task[object]] = set()
        self._stopping = False

    def __repr__(self) -> str:
        return f"Supervisor({sorted(task.get_name() for task in self._tasks)}, stopping={self._stopping})"

    def start(self, name: str, factory: Callable[[], Awaitable[None]]) -> None:
        """Run `factory()` and, whenever it fails, report and run it again after a back-off.

        Returning ends it for good. After `stop` this does nothing.
        """
        if not self._stopping:
            self._own(self._keep(name, factory), name)

    def once(self, coro: Coroutine[object, object, None], name: str) -> None:
        """Run to the end once; a failure is reported. After `stop` it is closed without having run."""
        if self._stopping:
            coro.close()  # else Python warns, rightly, that it was never awaited
            return
        task = self._own(self._attempt(name, lambda: coro), name)
        # Cancelled before its first step, the task never awaits it; in every other case this is a no-op.
        task.add_done_callback(lambda _: coro.close())

    async def stop(self) -> None:
        """Cancel everything and wait until it has ended; nothing can be started from here on."""
        self._stopping = True
        # Whoever calls this may be one of ours (a handler of /quitquitquit): waiting for itself would hang.
        tasks = self._tasks - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _own(self, runner: Coroutine[object, object, object], name: str) -> asyncio.Task[object]:
        task: asyncio.Task[object] = asyncio.get_running_loop().create_task(runner, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _keep(self, name: str, factory: Callable[[], Awaitable[None]]) -> None:
        failures = 0
        while True:
            started = self._now()
            if await self._attempt(name, factory) or _cancelled():
                return
            failures = 1 if self._now() - started >= HEALTHY_S else failures + 1
            await self._sleep(back_off_s(failures, self._rng))

    async def _attempt(self, name: str, factory: Callable[[], Awaitable[None]]) -> bool:
        """Whether it ended well. A failure is reported, even one met while being cancelled."""
        try:
            await factory()
        except asyncio.CancelledError as error:
            if _cancelled():
                raise
            # Nobody cancelled *us*: something it awaited was cancelled, which is a failure like any other.
            self._report(name, error)
            return False
        except Exception as error:  # noqa: BLE001  the one place where every failure ends up
            self._report(name, error)
            return False
        return True


def back_off_s(failures: int, rng: Random) -> float:
    """Seconds before the next start after so many failures in a row: doubling, bounded, half of it random."""
    longest = min(LONGEST_DELAY_S, FIRST_DELAY_S * 2.0 ** min(failures - 1, 16))
    return longest * rng.uniform(0.5, 1.0)


def _cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
