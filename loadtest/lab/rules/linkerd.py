"""Linkerd's balancer: power of two choices by peak-EWMA × (pending + 1).

Source: linkerd2-proxy@29637b64, `linkerd/ewma` and `linkerd/app/outbound`: default_rtt 30 ms, decay 10 s; a sample
above the decayed estimate replaces it, others are averaged in; reads decay, so a pod that is not asked is forgiven.
A request that is dropped counts with what it had waited, since its handle records on drop (tower `PeakEwma`).
Failures count with the latency they had. The *Load Biaser* (2.20, opt-in `penalize-failures`) records
max(5 s, decayed estimate) for them instead; there is no Retry-After in the lab. Failure accrual is off by default.
"""

import math
import random
from typing import Final

from loadtest.lab.rules.counting import Counting, put
from loadtest.lab.rules.rule import Load

DEFAULT_RTT_S: Final = 0.03
DECAY_S: Final = 10.0
PENALTY_S: Final = 5.0


class PeakEwmaP2C(Counting):
    """The cheaper of two distinct random pods. `penalise`: the Load Biaser."""

    def __init__(self, rng: random.Random, *, penalise: bool = False) -> None:
        super().__init__(rng)
        self.penalise = penalise
        self._rtt_s: list[float] = []
        self._at: list[float] = []
        self._sent: dict[int, float] = {}

    def joined(self, pod: int, now: float) -> None:
        """Starts at the default."""
        put(self._rtt_s, pod, DEFAULT_RTT_S)
        put(self._at, pod, now)

    def rtt_s(self, pod: int, now: float) -> float:
        """As a read sees it."""
        return self._rtt_s[pod] * math.exp((self._at[pod] - now) / DECAY_S)

    def pick(self, request: int, now: float) -> int:
        """The cheaper of two."""
        self._sent[request] = now
        pods, in_flight = self.pods, self.in_flight
        n = len(pods)
        if n == 1:
            pod = pods[0]
        else:
            i, j = int(self.rng.random() * n), int(self.rng.random() * (n - 1))
            pod, other = pods[i], pods[j + (j >= i)]
            if self.rtt_s(other, now) * (in_flight[other] + 1) < self.rtt_s(pod, now) * (in_flight[pod] + 1):
                pod = other
        in_flight[pod] += 1
        return pod

    def settled(
        self, request: int, pod: int, now: float, took_s: float, *, ok: bool, load: Load | None
    ) -> None:
        """One sample, a failure's too."""
        self.in_flight[pod] -= 1
        self._sent.pop(request, None)
        decayed = self.rtt_s(pod, now)
        sample = took_s if ok or not self.penalise else max(PENALTY_S, decayed)
        self._add(pod, now, sample, decayed)

    def abandoned(self, request: int, pod: int, now: float) -> None:
        """What it has waited is a sample like any other."""
        self.in_flight[pod] -= 1
        self._add(pod, now, now - self._sent.pop(request, now), self.rtt_s(pod, now))

    def _add(self, pod: int, now: float, sample: float, decayed: float) -> None:
        if sample <= decayed:
            sample = decayed + (1.0 - math.exp((self._at[pod] - now) / DECAY_S)) * sample
        self._rtt_s[pod] = sample
        self._at[pod] = now
