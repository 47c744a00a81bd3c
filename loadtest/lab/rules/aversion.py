"""Error aversion for Prequal: the paper has one "to avoid sinkholing" but does not print it.

Source: prequal-rs/prequal `prequal-core` (health.rs, config.rs): 5 consecutive failures eject for 1 s, doubling to
30 s, at most half the pods at once; 30 s in good standing and the doubling begins anew.
"""

import random
from collections.abc import Sequence
from typing import Final

from loadtest.lab.rules.counting import put

CONSECUTIVE: Final = 5
FIRST_S: Final = 1.0
LONGEST_S: Final = 30.0
MOST_EJECTED: Final = 0.5


class Aversion:
    """Which pods are out, until when."""

    def __init__(self) -> None:
        self.pods: Sequence[int] = ()
        self.until: list[float] = []
        self._streak: list[int] = []
        self._times: list[int] = []

    def joined(self, pod: int) -> None:
        """No record."""
        put(self.until, pod, 0.0)
        put(self._streak, pod, 0)
        put(self._times, pod, 0)

    def settled(self, pod: int, now: float, *, ok: bool) -> None:
        """Out after failures in a row, if that leaves enough."""
        if ok:
            self._streak[pod] = 0
            return
        self._streak[pod] += 1
        out = sum([1 for each in self.pods if now < self.until[each]])
        room = out < int(MOST_EJECTED * len(self.pods))
        if self._streak[pod] < CONSECUTIVE or now < self.until[pod] or not room:
            return
        if now - self.until[pod] > LONGEST_S:
            self._times[pod] = 0
        self.until[pod] = now + min(LONGEST_S, FIRST_S * 2.0 ** self._times[pod])
        self._times[pod] += 1
        self._streak[pod] = 0

    def any(self, now: float, rng: random.Random) -> int:
        """A random pod that is not out; any when all are."""
        left = [pod for pod in self.pods if now >= self.until[pod]] or self.pods
        return left[int(rng.random() * len(left))]
