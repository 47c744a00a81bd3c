"""Prequal: hot-cold lexicographic choice among pooled probes (Wydrowski et al., NSDI 2024, arXiv 2312.10172).

The paper's constants: pool of 16, 3 probes per query, one removed per query (oldest and worst in turn), age at most
1 s, δ = 1, Q_RIF = 2^-0.25; fewer than two probes: uniformly random. A probe may be used
b = max(1, (1 + δ) / ((1 − m/n)·r_probe − r_remove)) times: taken as printed, once for up to 23 pods, and never more
than 16 times. From prequal-rs: the last 64 RIFs are the distribution, one probe per pod (the newest), and a failure
drops the pod's probe, since who fails fast looks idle. Not from there: 16 uses for a negative denominator, which
makes few pods herd. Ejection: aversion.py.
"""

import random
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Sequence
from typing import Final

from loadtest.lab.rules.aversion import Aversion
from loadtest.lab.rules.counting import put
from loadtest.lab.rules.rule import Load, Rule

POOL: Final = 16
PROBES: Final = 3
REMOVED: Final = 1
REUSE_DELTA: Final = 1.0
MOST_USES: Final = 16.0
FEW_PODS: Final = 6
"""Each is several times in the pool then: probes used once would drain it."""
OLDEST_S: Final = 1.0
Q_RIF: Final = 2.0**-0.25
HISTORY: Final = 64


def reuse_budget(pods: int) -> float:
    """Queries one probe may decide. The formula is negative below 24 pods; of two readings the stronger one here."""
    if pods < FEW_PODS:
        return MOST_USES
    net = (1.0 - POOL / pods) * PROBES - REMOVED
    return min(MOST_USES, max(1.0, (1.0 + REUSE_DELTA) / net)) if net else MOST_USES


class Prequal(Rule):
    """Among cold probes the lowest latency; if all are hot, the fewest requests in flight (RIF)."""

    probes_per_request = float(PROBES)

    def __init__(self, rng: random.Random) -> None:
        super().__init__(rng)
        self.pods: list[int] = []
        self.pool: list[int] = []  # pods, by when their probe arrived
        self.rif: list[int] = []
        self._latency_s: list[float] = []
        self._uses: list[int] = []
        self._at: list[float] = []
        self._recent: deque[int] = deque()
        self._sorted: list[int] = []
        self._aversion = Aversion()
        self._budget = 1.0
        self._oldest_next = True

    def members(self, pods: Sequence[int], now: float) -> None:
        """Probes of those that have left are worth nothing."""
        for pod in set(pods) - set(self.pods):
            for counts in (self.rif, self._uses):
                put(counts, pod, 0)
            for values in (self._latency_s, self._at):
                put(values, pod, 0.0)
            self._aversion.joined(pod)
        self.pods = self._aversion.pods = list(pods)
        self.pool = [pod for pod in self.pool if pod in pods]
        self._budget = reuse_budget(len(pods)) if pods else 1.0

    def threshold(self) -> int:
        """RIF above which a pod is hot."""
        return self._sorted[int((len(self._sorted) - 1) * Q_RIF)] if self._sorted else 0

    def pick(self, request: int, now: float) -> int:
        """By the rule, and one probe less."""
        pool = self.pool
        while pool and now - self._at[pool[0]] > OLDEST_S:
            del pool[0]
        threshold = self.threshold()
        pod = self._choose(threshold, now) if len(pool) > 1 else -1
        if pod < 0:
            pod = self._aversion.any(now, self.rng)
        else:
            self.rif[pod] += 1
            self._uses[pod] -= 1
            if self._uses[pod] <= 0:
                pool.remove(pod)
        if pool:
            self._remove(threshold)
        return pod

    def _choose(self, threshold: int, now: float) -> int:
        """−1: all with a probe are ejected."""
        rif, latency_s, until = self.rif, self._latency_s, self._aversion.until
        best, key = -1, (True, 0.0, 0.0)
        for pod in self.pool:
            if now >= until[pod]:
                count, latency = rif[pod], latency_s[pod]
                this = (True, count, latency) if count > threshold else (False, latency, count)
                if best < 0 or this < key:
                    best, key = pod, this
        return best

    def _remove(self, threshold: int) -> None:
        pool = self.pool
        if self._oldest_next:
            del pool[0]
        else:
            hot = [pod for pod in pool if self.rif[pod] > threshold]
            key = self.rif.__getitem__ if hot else self._latency_s.__getitem__
            pool.remove(max(hot or pool, key=key))
        self._oldest_next = not self._oldest_next

    def probe_targets(self, now: float) -> Sequence[int]:
        """Distinct, at random: the pods' order means nothing, so a few are shuffled to the front."""
        pods, random_ = self.pods, self.rng.random
        n = len(pods)
        for i in range(min(PROBES, n)):
            j = i + int(random_() * (n - i))
            pods[i], pods[j] = pods[j], pods[i]
        return pods[:PROBES]

    def probed(self, pod: int, now: float, load: Load) -> None:
        """The newest of its pod."""
        if pod not in self.pods:
            return
        if pod in self.pool:
            self.pool.remove(pod)
        elif len(self.pool) == POOL:
            del self.pool[0]
        self.pool.append(pod)
        self.rif[pod], self._latency_s[pod], self._at[pod] = load.in_flight, load.latency_s, now
        whole = int(self._budget)
        self._uses[pod] = whole + (self.rng.random() < self._budget - whole)
        self._remember(load.in_flight)

    def _remember(self, rif: int) -> None:
        self._recent.append(rif)
        insort(self._sorted, rif)
        if len(self._recent) > HISTORY:
            del self._sorted[bisect_left(self._sorted, self._recent.popleft())]

    def settled(
        self, request: int, pod: int, now: float, took_s: float, *, ok: bool, load: Load | None
    ) -> None:
        """Only whether it failed."""
        if not ok and pod in self.pool:
            self.pool.remove(pod)
        self._aversion.settled(pod, now, ok=ok)
