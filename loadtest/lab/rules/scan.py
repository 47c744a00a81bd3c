"""Full-scan peak-EWMA × in-flight: Finagle's and Linkerd's cost over all pods, not two: no sampling floor.

The honest rival: nobody ships exactly this (Envoy's `FULL_SCAN` counts only requests, brpc's `la` is close), and it
is hard to beat. Constants are Linkerd's: default 30 ms, decay 10 s. The estimate is held between samples, not
decayed at reads: a slow pod that is not asked is not forgiven.
"""

import math
import random
from typing import Final

from loadtest.lab.rules.counting import Counting, put
from loadtest.lab.rules.rule import Load

DEFAULT_S: Final = 0.03
DECAY_S: Final = 10.0


class FullScan(Counting):
    """Lowest peak EWMA × (in flight + 1) of all. `error_s`: what a failure counts as; None: the latency it had."""

    def __init__(self, rng: random.Random, error_s: float | None = None) -> None:
        super().__init__(rng)
        self.error_s = error_s
        self.latency_s: list[float] = []
        self._at: list[float] = []

    def joined(self, pod: int, now: float) -> None:
        """Average until shown otherwise."""
        put(self.latency_s, pod, DEFAULT_S)
        put(self._at, pod, now)

    def pick(self, request: int, now: float) -> int:
        """The cheapest; any of several."""
        in_flight, latency_s = self.in_flight, self.latency_s
        least = math.inf
        ties: list[int] = []
        for pod in self.pods:
            cost = latency_s[pod] * (in_flight[pod] + 1)
            if cost < least:
                least = cost
                ties = [pod]
            elif cost == least:
                ties.append(pod)
        pod = ties[0] if len(ties) == 1 else ties[int(self.rng.random() * len(ties))]
        in_flight[pod] += 1
        return pod

    def settled(
        self, request: int, pod: int, now: float, took_s: float, *, ok: bool, load: Load | None
    ) -> None:
        """Worse is believed at once, better gradually."""
        self.in_flight[pod] -= 1
        sample = took_s if ok or self.error_s is None else self.error_s
        latency = self.latency_s[pod]
        if sample < latency:
            sample += math.exp((self._at[pod] - now) / DECAY_S) * (latency - sample)
        self.latency_s[pod] = sample
        self._at[pod] = now
