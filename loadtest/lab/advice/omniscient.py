"""A lower bound nobody can deploy: one planner, who knows every pod's speed and queue at this very instant.

It takes the pod where a request is expected to be done soonest, but minds those that come after: a place in a queue
counts `MINDS` times, since whoever takes it keeps others from it. (Counted once, as each would for himself, the mean is
7 % higher: even knowing all, selfish choices are not the optimum.)
"""

import math
import random
from collections.abc import Sequence
from typing import Final

from loadtest.lab.rules.rule import Load, Rule
from loadtest.lab.scenario import WORKERS

MINDS: Final = 3.0


class Queues:
    """Requests in every pod, as of now; one for all sidecars."""

    def __init__(self, speeds: Sequence[float]) -> None:
        self.speeds = list(speeds)
        self.held = [0] * len(speeds)


class Omniscient(Rule):
    """A sidecar that shares everybody's counts."""

    def __init__(self, rng: random.Random, queues: Queues) -> None:
        super().__init__(rng)
        self._queues = queues

    def members(self, pods: Sequence[int], now: float) -> None:
        """All pods take part."""

    def pick(self, request: int, now: float) -> int:
        """The least of what it takes in service times at speed 1; of several any."""
        queues = self._queues
        best, least = 0, math.inf
        for pod, held in enumerate(queues.held):
            waits = max(0, held + 1 - WORKERS) / WORKERS
            cost = (1.0 + MINDS * waits) / queues.speeds[pod] + 1e-6 * self.rng.random()
            if cost < least:
                best, least = pod, cost
        queues.held[best] += 1
        return best

    def settled(
        self, request: int, pod: int, now: float, took_s: float, *, ok: bool, load: Load | None
    ) -> None:
        """One less there."""
        self._queues.held[pod] -= 1
