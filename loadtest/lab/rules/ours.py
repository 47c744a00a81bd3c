"""Our own router, through its public interface and nothing else: what the lab proves is what sidecars run."""

import random
from collections.abc import Sequence

from loadtest.lab.rules.rule import Load, Rule
from sidecar.policy.router import Router, RouterConfig
from sidecar.policy.ticket import Ticket

ROUTE = "GET /"


class Equilibrium(Rule):
    """One sidecar's router."""

    def __init__(self, rng: random.Random, config: RouterConfig, *, replayable: bool = False) -> None:
        super().__init__(rng)
        self.router = Router(config, rng=rng)
        self._open: dict[int, Ticket] = {}
        self._replayable = replayable

    def members(self, pods: Sequence[int], now: float) -> None:
        """Addresses are pod numbers."""
        self.router.set_endpoints([str(pod) for pod in pods], now)

    def pick(self, request: int, now: float) -> int:
        """A ticket per attempt."""
        exclude = frozenset(str(pod) for pod in self.exclude) if self.exclude else frozenset()
        ticket = self.router.pick(ROUTE, now, exclude, self._replayable)
        self._open[request] = ticket
        return int(ticket.endpoint)

    def settled(
        self, request: int, pod: int, now: float, took_s: float, *, ok: bool, load: Load | None
    ) -> None:
        """First byte and end at once."""
        ticket = self._open.pop(request)
        if ok:
            ticket.succeeded(now)
        else:
            ticket.failed(now)

    def abandoned(self, request: int, pod: int, now: float) -> None:
        """A hedge won."""
        self._open.pop(request).abandoned(now)
