"""Which endpoint takes the next request. No I/O: the caller brings time and randomness.

Round robin, behind the interface that the regret-matching router will fill: the same picks, tickets and
snapshot, so the request path does not change when the game moves in.
"""

import random
from collections.abc import Sequence, Set
from dataclasses import dataclass

from sidecar.policy.routes import Quantile
from sidecar.policy.ticket import Outcome, Ticket

__all__ = ["NoEndpoint", "Router", "RouterConfig"]


class NoEndpoint(Exception):
    """Nothing is left to pick: no endpoints, or all excluded."""


@dataclass(frozen=True, slots=True)
class RouterConfig:
    """What a strategy sets."""

    hedging: bool = False
    """Send a second copy of a replayable request at its route's p95. Off: extra load needs consent."""
    hedge_samples: int = 20
    """Responses of a route before its p95 is believed."""


class _Seat:
    """What is counted per endpoint."""

    __slots__ = ("abandoned", "address", "failed", "in_flight", "picked", "succeeded")

    def __init__(self, address: str) -> None:
        self.address = address
        self.in_flight = self.picked = self.succeeded = self.failed = self.abandoned = 0


class Router:
    """One destination service, seen from one sidecar."""

    def __init__(self, config: RouterConfig | None = None, *, rng: random.Random | None = None) -> None:
        self.config = config or RouterConfig()
        self._rng = rng or random.Random()  # noqa: S311 (routing, not secrets)
        self._seats: list[_Seat] = []
        self._by_address: dict[str, _Seat] = {}
        self._left: dict[str, _Seat] = {}  # until their last ticket is settled: they may come back before
        self._turn = 0
        self._p95: dict[str, Quantile] = {}

    def set_endpoints(self, addresses: Sequence[str], now: float) -> None:
        """The ready endpoints from now on; counts of those that stay are kept."""
        known = self._left | self._by_address
        kept = {a: known.get(a) or _Seat(a) for a in addresses}
        self._left = {a: seat for a, seat in known.items() if a not in kept and seat.in_flight}
        self._by_address = kept
        self._seats = list(kept.values())
        # Sidecars that start together must not walk in step.
        self._turn = self._rng.randrange(len(kept)) if kept else 0

    def pick(
        self, route: str, now: float, exclude: Set[str] = frozenset(), replayable: bool = False
    ) -> Ticket:
        """The endpoint for one request; raises `NoEndpoint` when nothing is left."""
        seats = self._seats
        for _ in range(len(seats)):
            self._turn = turn = (self._turn + 1) % len(seats)
            seat = seats[turn]
            if seat.address not in exclude:
                seat.in_flight += 1
                seat.picked += 1
                return Ticket(self, seat.address, "round-robin", route, now, replayable=replayable)
        raise NoEndpoint

    def hedge_at(self, ticket: Ticket) -> float | None:
        """When a second copy of this request is worth sending, or None."""
        if not (self.config.hedging and ticket.replayable):
            return None
        p95 = self._p95.get(ticket.route)
        if p95 is None or p95.count < self.config.hedge_samples:
            return None
        return ticket.picked_at + p95.value

    def on_first_byte(self, ticket: Ticket, now: float) -> None:
        """Learn how long the route takes (only when something will use it)."""
        if self.config.hedging:
            p95 = self._p95.get(ticket.route)
            if p95 is None:
                p95 = self._p95[ticket.route] = Quantile(0.95)
            p95.add(now - ticket.picked_at)

    def on_settled(
        self, ticket: Ticket, outcome: Outcome, now: float, congestion: float | None, kind: str
    ) -> None:
        """Close a ticket. Endpoints that have left are forgotten with their last one."""
        seat = self._by_address.get(ticket.endpoint) or self._left[ticket.endpoint]
        seat.in_flight -= 1
        if not seat.in_flight:
            self._left.pop(ticket.endpoint, None)
        if outcome is Outcome.SUCCEEDED:
            seat.succeeded += 1
        elif outcome is Outcome.FAILED:
            seat.failed += 1
        else:
            seat.abandoned += 1

    def tick(self, now: float) -> None:
        """Nothing decays in round robin."""

    def snapshot(self, now: float) -> dict[str, object]:
        """Plain values for `/state`."""
        share = 1.0 / len(self._seats) if self._seats else 0.0
        return {
            "strategy": "none",
            "mix": {seat.address: share for seat in self._seats},
            "health": {seat.address: "admitted" for seat in self._seats},
            "in_flight": {seat.address: seat.in_flight for seat in self._seats},
            "settled": {
                seat.address: {
                    "succeeded": seat.succeeded,
                    "failed": seat.failed,
                    "abandoned": seat.abandoned,
                }
                for seat in self._seats
            },
        }
