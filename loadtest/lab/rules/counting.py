"""What most rules share: who takes part, and how many of this sidecar's own requests each pod has.

Lists are indexed by pod number, so a pod that left can still settle and one that returns still has what it had.
"""

import random
from abc import abstractmethod
from collections.abc import Sequence
from typing import TypeVar

from loadtest.lab.rules.rule import Load, Rule

T = TypeVar("T")


class Counting(Rule):
    """A rule that counts its requests in flight. `pick` must count up; everything else is done here."""

    def __init__(self, rng: random.Random) -> None:
        super().__init__(rng)
        self.pods: list[int] = []
        self.in_flight: list[int] = []

    def members(self, pods: Sequence[int], now: float) -> None:
        """Newcomers are introduced to `joined`; what is known of those that stay is kept."""
        before = set(self.pods)
        self.pods = list(pods)
        self.in_flight.extend([0] * (max(pods, default=-1) + 1 - len(self.in_flight)))
        for pod in pods:
            if pod not in before:
                self.joined(pod, now)

    def joined(self, pod: int, now: float) -> None:
        """A pod nothing is known of, or nothing any more: it may have been restarted."""

    @abstractmethod
    def pick(self, request: int, now: float) -> int:
        """The pod for this request, one more of whose requests is in flight from now on."""

    def settled(
        self, request: int, pod: int, now: float, took_s: float, *, ok: bool, load: Load | None
    ) -> None:
        """One less in flight."""
        self.in_flight[pod] -= 1

    def abandoned(self, request: int, pod: int, now: float) -> None:
        """One less in flight."""
        self.in_flight[pod] -= 1


def put(values: list[T], pod: int, value: T) -> None:
    """`values[pod] = value`, in a list that may be too short for it."""
    values.extend([value] * (pod + 1 - len(values)))
    values[pod] = value
