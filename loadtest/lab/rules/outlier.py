"""Envoy's outlier detection with its defaults: who is ejected, for how long, and how many at most.

Source: Envoy `source/common/upstream/outlier_detection_impl.cc` and the `OutlierDetection` reference: 5 consecutive
5xx (a time-out is a 504), interval 10 s, base ejection 30 s × times ejected up to 300 s, max_ejection_percent 10 %,
success rate by mean − 1.9 σ among at least 5 hosts with 100 requests in the interval. Failure percentage and
gateway failures are detected but not enforced by default. At least one host may always be ejected, as documented
for years; newer versions have `always_eject_one_host` for that, off by default: Envoy gets the benefit of it here.
"""

import math
import random
from collections.abc import Sequence
from typing import Final

from loadtest.lab.rules.counting import put

CONSECUTIVE: Final = 5
INTERVAL_S: Final = 10.0
BASE_EJECTION_S: Final = 30.0
LONGEST_EJECTION_S: Final = 300.0
MOST_EJECTED: Final = 0.1
RATE_HOSTS: Final = 5
RATE_REQUESTS: Final = 100
RATE_SIGMAS: Final = 1.9


class OutlierDetection:
    """Ejects for failures in a row at once, by success rate at the sweep; lets back in at the sweep."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self.sweep_at = math.inf
        self.pods: list[int] = []
        self.healthy: list[int] = []
        self._ejected: dict[int, float] = {}  # since when
        self._streak: list[int] = []
        self._tried: list[int] = []
        self._failed: list[int] = []
        self._times: list[int] = []
        self._back_at: list[float] = []

    def members(self, pods: Sequence[int], now: float) -> None:
        """A newcomer has no record."""
        if self.sweep_at == math.inf:
            self.sweep_at = now + self._rng.random() * INTERVAL_S  # sidecars are not started all at once
        before = set(self.pods)
        self.pods = list(pods)
        for pod in pods:
            if pod not in before:
                for counts in (self._streak, self._tried, self._failed, self._times):
                    put(counts, pod, 0)
                put(self._back_at, pod, math.inf)
        self._ejected = {pod: since for pod, since in self._ejected.items() if pod in pods}
        self._separate()

    def _separate(self) -> None:
        self.healthy = [pod for pod in self.pods if pod not in self._ejected]

    def settled(self, pod: int, now: float, *, ok: bool) -> None:
        """One response, or none."""
        self._tried[pod] += 1
        if ok:
            self._streak[pod] = 0
            return
        self._failed[pod] += 1
        self._streak[pod] += 1
        if self._streak[pod] == CONSECUTIVE and pod not in self._ejected and pod in self.pods:
            self._streak[pod] = 0
            self._eject(pod, now)

    def _eject(self, pod: int, now: float) -> None:
        ejected = len(self._ejected)
        if ejected and ejected + 1 > MOST_EJECTED * len(self.pods):
            return
        self._ejected[pod] = now
        if self._times[pod] * BASE_EJECTION_S < LONGEST_EJECTION_S + BASE_EJECTION_S:
            self._times[pod] += 1
        self._separate()

    def sweep(self, now: float) -> None:
        """What the interval timer would have done by now."""
        while now >= self.sweep_at:
            self._sweep(self.sweep_at)
            self.sweep_at += INTERVAL_S

    def _sweep(self, now: float) -> None:
        for pod, since in list(self._ejected.items()):
            if now - since >= min(BASE_EJECTION_S * self._times[pod], LONGEST_EJECTION_S):
                del self._ejected[pod]
                self._streak[pod] = 0
                self._back_at[pod] = now
        self._separate()
        for pod in self._unsuccessful():
            self._eject(pod, now)
        for pod in self.healthy:
            if now - self._back_at[pod] >= INTERVAL_S and self._times[pod]:
                self._times[pod] -= 1
        for pod in self.pods:
            self._tried[pod] = self._failed[pod] = 0

    def _unsuccessful(self) -> list[int]:
        """Those whose success rate in the interval is an outlier."""
        if not any(self._failed):
            return []
        tried = [pod for pod in self.healthy if self._tried[pod] >= RATE_REQUESTS]
        if len(tried) < RATE_HOSTS:
            return []
        rates = [1.0 - self._failed[pod] / self._tried[pod] for pod in tried]
        mean = sum(rates) / len(rates)
        sigma = math.sqrt(sum([(rate - mean) ** 2 for rate in rates]) / len(rates))
        return [pod for pod, rate in zip(tried, rates, strict=True) if rate < mean - RATE_SIGMAS * sigma]
