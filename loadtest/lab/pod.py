"""A pod: some workers, one queue before them, and what is wrong with it just now."""

import heapq
from collections import deque
from statistics import median

from loadtest.lab.rules.rule import Load
from loadtest.lab.scenario import WORKERS

REMEMBERED = 32
REFUSED_S = 0.001
"""What a fast failure takes: no worker is needed to say no."""


class Pod:
    """First come, first served. A pod is its workers' next free instants: no event is needed to start work."""

    __slots__ = (
        "down",
        "error_share",
        "extra_s",
        "extra_share",
        "free_at",
        "hung",
        "in_flight",
        "recent",
        "speed",
    )

    def __init__(self) -> None:
        self.free_at = [0.0] * WORKERS
        self.in_flight = 0
        self.recent: deque[tuple[int, float]] = deque(maxlen=REMEMBERED)
        self.heal()

    def heal(self) -> None:
        """As new."""
        self.speed = 1.0
        self.extra_s = 0.0
        self.extra_share = 1.0
        self.error_share = 0.0
        self.hung = False
        self.down = False

    def crash(self) -> None:
        """Gone: connections are refused, the queue is lost."""
        self.down = True
        self.free_at = [0.0] * WORKERS

    def serve(self, now: float, work_s: float, coin: float) -> tuple[float, bool]:
        """When the answer leaves and whether it is good, for a request that arrives `now`.

        The coin decides errors from below and slow answers from above, so that both can go wrong in one pod.
        """
        if self.down or coin < self.error_share:
            return now + REFUSED_S, False
        free_at = self.free_at
        start = max(now, free_at[0])
        end = start + work_s / self.speed
        heapq.heapreplace(free_at, end)
        if self.extra_s > 0.0 and coin >= 1.0 - self.extra_share:
            end += self.extra_s  # waits for something else: no worker is held
        return end, True

    def told(self, took_s: float) -> Load:
        """What it says on a response: requests in it, median latency at about as many."""
        here = self.in_flight
        self.recent.append((here, took_s))
        return Load(here, self.latency_s())

    def latency_s(self) -> float:
        """Median of recent completions at about this many in flight, of all when there were none; 0 at first."""
        near = [took for count, took in self.recent if abs(count - self.in_flight) <= 1]
        near = near or [took for _, took in self.recent]
        return median(near) if near else 0.0
