"""C3: replicas ranked by Ψ = R − 1/μ + q̂³/μ, with q̂ = 1 + outstanding × clients + q (Suresh et al., NSDI 2015).

Source of the constants: Elasticsearch's adaptive replica selection (`ResponseCollectorService`, α = 0.3;
`IndexShardRoutingTable`): who has no statistics goes first; on every pick, the statistics of those not chosen are
averaged with the winner's and fed back, or they would never be tried again. Without C3's cubic rate control, which
Elasticsearch leaves out too. An error is a response like any other; who does not respond teaches nothing. Ours:
without statistics one request at a time, or a pod that is hung from the start would be sent everything.

R is what the sidecar measures; q and 1/μ are what the pod says of itself. The lab's pods tell a median latency at
their present load instead of a bare service time, so a queue weighs somewhat more here than in the paper.
"""

import math
import random
from typing import Final

from loadtest.lab.rules.counting import Counting, put
from loadtest.lab.rules.rule import Load

ALPHA: Final = 0.3
TOWARDS_WINNER: Final = ALPHA / 2.0
"""Averaged with the winner's, then fed to the moving average."""


class C3(Counting):
    """Lowest Ψ of all; `n_clients` sidecars are assumed to see what this one sees.

    Without `adjusts` it is the paper's, which relies on the store to ask every replica now and then.
    """

    hears_loads = True

    def __init__(self, rng: random.Random, n_clients: int, *, adjusts: bool = False) -> None:
        super().__init__(rng)
        self.n_clients = n_clients
        self.adjusts = adjusts
        self.response_s: list[float] = []  # negative: no statistics
        self.service_s: list[float] = []
        self.queue: list[float] = []

    def joined(self, pod: int, now: float) -> None:
        """No statistics."""
        for values in (self.response_s, self.service_s, self.queue):
            put(values, pod, -1.0)

    def rank(self, pod: int) -> float:
        """Ψ; without statistics first while idle, else last."""
        if self.response_s[pod] < 0.0:
            return math.inf if self.in_flight[pod] else -math.inf
        expected = 1.0 + self.in_flight[pod] * self.n_clients + self.queue[pod]
        service = self.service_s[pod]
        return self.response_s[pod] - service + expected * expected * expected * service

    def pick(self, request: int, now: float) -> int:
        """The best rank; any of several."""
        least = math.inf
        ties: list[int] = []
        for pod in self.pods:
            rank = self.rank(pod)
            if rank < least:
                least = rank
                ties = [pod]
            elif rank == least:
                ties.append(pod)
        pod = ties[0] if len(ties) == 1 else ties[int(self.rng.random() * len(ties))]
        if self.adjusts and self.response_s[pod] >= 0.0:
            self._adjust(pod)
        self.in_flight[pod] += 1
        return pod

    def _adjust(self, winner: int) -> None:
        """Those not chosen come closer to the winner, so that they are tried again."""
        response_s, service_s, queue = self.response_s, self.service_s, self.queue
        response, service, waiting = response_s[winner], service_s[winner], queue[winner]
        for pod in self.pods:  # the winner's own stay as they are
            if response_s[pod] < 0.0:
                continue
            response_s[pod] += TOWARDS_WINNER * (response - response_s[pod])
            service_s[pod] += TOWARDS_WINNER * (service - service_s[pod])
            queue[pod] += TOWARDS_WINNER * (waiting - queue[pod])

    def settled(
        self, request: int, pod: int, now: float, took_s: float, *, ok: bool, load: Load | None
    ) -> None:
        """A response's feedback."""
        self.in_flight[pod] -= 1
        if load is None:
            return
        in_flight, service_s = load
        service_s = service_s or took_s
        if self.response_s[pod] < 0.0:
            self.response_s[pod], self.service_s[pod], self.queue[pod] = took_s, service_s, in_flight
            return
        self.response_s[pod] += ALPHA * (took_s - self.response_s[pod])
        self.service_s[pod] += ALPHA * (service_s - self.service_s[pod])
        self.queue[pod] += ALPHA * (in_flight - self.queue[pod])
