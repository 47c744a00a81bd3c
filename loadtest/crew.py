"""A server's workers and the queue before them, as naive servers have it: first come, first served, no bound.

What is queued is worked on even when its client has gone: a thread pool does not know. That is what makes overload
collapse: the workers stay busy with answers nobody waits for.
"""

import asyncio
from collections import deque
from collections.abc import Callable

Done = Callable[[], None]


class Crew:
    """So many workers; each piece of work occupies one for its seconds. They sleep: work costs no CPU here."""

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self.busy = 0
        self._queue: deque[tuple[float, Done]] = deque()

    def __len__(self) -> int:
        return len(self._queue)

    def __repr__(self) -> str:
        return f"<Crew {self.busy} of {self.workers} busy, {len(self)} queued>"

    def work(self, seconds: float, done: Done) -> None:
        """Call `done` when a worker has spent `seconds` on it."""
        if self.busy < self.workers:
            self.busy += 1
            self._begin(seconds, done)
        else:
            self._queue.append((seconds, done))

    def _begin(self, seconds: float, done: Done) -> None:
        asyncio.get_running_loop().call_later(seconds, self._end, done)

    def _end(self, done: Done) -> None:
        if self._queue:
            self._begin(*self._queue.popleft())
        else:
            self.busy -= 1
        done()
