"""Power of two choices on a shared board of loads (Mitzenmacher 2000: choice of two survives stale information).

No constants. The board tells the requests of all sidecars in every pod, as of some time ago.
"""

import random
from collections.abc import Sequence

from loadtest.lab.rules.rule import Load, Rule


def covering(loads: Sequence[float], pods: Sequence[int]) -> list[float]:
    """Loads for all these pods: those the board has not told of count as idle."""
    return [*loads, *[0.0] * (max(pods, default=-1) + 1 - len(loads))]


class PowerOfTwoBoard(Rule):
    """Of two distinct random pods, the one with less on the board."""

    def __init__(self, rng: random.Random) -> None:
        super().__init__(rng)
        self.pods: list[int] = []
        self.loads: list[float] = []

    def members(self, pods: Sequence[int], now: float) -> None:
        """These from now on."""
        self.pods = list(pods)
        self.loads = covering(self.loads, pods)

    def board(self, loads: Sequence[float], now: float) -> None:
        """Believed until the next one."""
        self.loads = covering(loads, self.pods)

    def pick(self, request: int, now: float) -> int:
        """The less loaded of two."""
        pods = self.pods
        n = len(pods)
        if n == 1:
            return pods[0]
        i, j = int(self.rng.random() * n), int(self.rng.random() * (n - 1))
        one, other = pods[i], pods[j + (j >= i)]
        return one if self.loads[one] <= self.loads[other] else other

    def settled(
        self, request: int, pod: int, now: float, took_s: float, *, ok: bool, load: Load | None
    ) -> None:
        """The board will tell."""
