"""Envoy `LEAST_REQUEST` (weights equal) with outlier detection on, as an Istio mesh with a DestinationRule has it.

Source: Envoy `LeastRequestLoadBalancer`: choice_count 2, drawn with replacement, the first of two equals stays;
healthy_panic_threshold 50 %: with fewer healthy, all are played. Ejection: outlier.py.
"""

import random
from collections.abc import Sequence
from typing import Final

from loadtest.lab.rules.counting import Counting
from loadtest.lab.rules.outlier import OutlierDetection
from loadtest.lab.rules.rule import Load

PANIC_THRESHOLD: Final = 0.5


class LeastRequestOutlier(Counting):
    """The less busy of two random pods, without those that are ejected."""

    def __init__(self, rng: random.Random) -> None:
        super().__init__(rng)
        self.outliers = OutlierDetection(rng)

    def members(self, pods: Sequence[int], now: float) -> None:
        """Those that have left are no longer ejected either."""
        super().members(pods, now)
        self.outliers.members(pods, now)

    def pick(self, request: int, now: float) -> int:
        """The less busy of two."""
        outliers, in_flight, random_ = self.outliers, self.in_flight, self.rng.random
        if now >= outliers.sweep_at:
            outliers.sweep(now)
        pods = outliers.healthy
        if len(pods) < PANIC_THRESHOLD * len(self.pods):
            pods = self.pods
        n = len(pods)
        pod, other = pods[int(random_() * n)], pods[int(random_() * n)]
        if in_flight[other] < in_flight[pod]:
            pod = other
        in_flight[pod] += 1
        return pod

    def settled(
        self, request: int, pod: int, now: float, took_s: float, *, ok: bool, load: Load | None
    ) -> None:
        """Latency is of no interest to it."""
        self.in_flight[pod] -= 1
        self.outliers.settled(pod, now, ok=ok)
