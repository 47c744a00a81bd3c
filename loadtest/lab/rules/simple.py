"""Rules that learn nothing: round robin, random, least connections (HAProxy `leastconn`, NGINX `least_conn`).

No constants. Ties of least connections are broken at random, as by proxies that start their scan anywhere.
"""

from collections.abc import Sequence

from loadtest.lab.rules.counting import Counting
from loadtest.lab.rules.rule import Load, Rule


class RoundRobin(Rule):
    """Each in turn."""

    pods: Sequence[int] = ()
    turn = 0

    def members(self, pods: Sequence[int], now: float) -> None:
        """Starts anywhere: sidecars must not walk in step."""
        self.pods = list(pods)
        self.turn = int(self.rng.random() * len(pods))

    def pick(self, request: int, now: float) -> int:
        """The next one."""
        pods = self.pods
        self.turn = turn = (self.turn + 1) % len(pods)
        return pods[turn]

    def settled(
        self, request: int, pod: int, now: float, took_s: float, *, ok: bool, load: Load | None
    ) -> None:
        """Nothing to learn."""


class Random(Rule):
    """Any, all equally likely."""

    pods: Sequence[int] = ()

    def members(self, pods: Sequence[int], now: float) -> None:
        """These from now on."""
        self.pods = list(pods)

    def pick(self, request: int, now: float) -> int:
        """Any."""
        pods = self.pods
        return pods[int(self.rng.random() * len(pods))]

    def settled(
        self, request: int, pod: int, now: float, took_s: float, *, ok: bool, load: Load | None
    ) -> None:
        """Nothing to learn."""


class LeastConnections(Counting):
    """Fewest of this sidecar's own requests in flight."""

    def pick(self, request: int, now: float) -> int:
        """The least busy; any of several."""
        in_flight = self.in_flight
        least = 1 << 30
        ties: list[int] = []
        for pod in self.pods:
            count = in_flight[pod]
            if count < least:
                least = count
                ties = [pod]
            elif count == least:
                ties.append(pod)
        pod = ties[0] if len(ties) == 1 else ties[int(self.rng.random() * len(ties))]
        in_flight[pod] += 1
        return pod
