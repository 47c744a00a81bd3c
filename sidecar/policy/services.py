"""One destination service as the proxy uses it: its router, endpoints, routes and retry budget.

*Fail static*: whatever goes wrong inside a router is counted and the request goes round robin; policy can make
routing worse, never make a request fail.
"""

from collections.abc import Set

from sidecar.policy.advice import Column
from sidecar.policy.endpoints import Endpoint
from sidecar.policy.retries import RetryBudget
from sidecar.policy.router import NoEndpoint, Router
from sidecar.policy.routes import Routes
from sidecar.policy.ticket import Ticket


class Service:
    """One destination: its router, endpoints, routes and retry budget."""

    def __init__(self, name: str, host: str, port: int, router: Router, *, mesh: bool = True) -> None:
        self.name = name
        self.mesh = mesh  # its pods have sidecars to talk to
        self.host = host
        self.port = port
        self.router = router
        self.routes = Routes()
        self.budget = RetryBudget()
        self.endpoints: dict[str, Endpoint] = {}
        self.addresses: tuple[str, ...] = ()
        self.portless = False
        self.policy_failures = 0
        self._turn = 0

    def set_endpoints(self, endpoints: tuple[Endpoint, ...], now: float) -> None:
        """Replace what can be picked."""
        self.endpoints = {endpoint.address: endpoint for endpoint in endpoints}
        try:
            self.router.set_endpoints(list(self.endpoints), now)
        except Exception:  # noqa: BLE001 (fail static)
            self.policy_failures += 1

    def advise(self, column: Column | None, now: float) -> None:
        """See `Router.advise`."""
        try:
            self.router.advise(column, now)
        except Exception:  # noqa: BLE001 (fail static)
            self.policy_failures += 1

    def answers_at(self, address: str) -> bool:
        """Whether `ip:port` is one of its endpoints or of its cluster addresses."""
        return address in self.endpoints or address in self.addresses

    def pick(self, route: str, now: float, exclude: Set[str], replayable: bool) -> Ticket:
        """A ticket, from the router or, if it fails, in turn. Raises `NoEndpoint`."""
        try:
            ticket = self.router.pick(route, now, exclude=exclude, replayable=replayable)
        except NoEndpoint:
            if self.endpoints.keys() <= exclude:
                raise
            self.policy_failures += 1  # it has missed a change of endpoints
        except Exception:  # noqa: BLE001 (fail static)
            self.policy_failures += 1
        else:
            if ticket.endpoint in self.endpoints:
                return ticket
            self.policy_failures += 1
            self.abandoned(ticket, now)
        return self._pick_static(route, now, exclude, replayable)

    def _pick_static(self, route: str, now: float, exclude: Set[str], replayable: bool) -> Ticket:
        left = [address for address in self.endpoints if address not in exclude]
        if not left:
            raise NoEndpoint
        self._turn += 1
        return Ticket(None, left[self._turn % len(left)], "fail-static", route, now, replayable=replayable)

    def hedge_at(self, ticket: Ticket) -> float | None:
        """When to send a second copy, or None; None too when policy fails."""
        try:
            return self.router.hedge_at(ticket)
        except Exception:  # noqa: BLE001 (fail static)
            self.policy_failures += 1
            return None

    def explain(self, now: float) -> str:
        """In words: where requests go and why."""
        names = {address: endpoint.label for address, endpoint in self.endpoints.items()}
        return f"{self.name}: {len(names)} endpoints, {self.router.explain(names, now)}\n"

    # What happened to a ticket: an exception in policy stays in policy.

    def closing(self, ticket: Ticket, now: float, *, certain: bool) -> None:
        """See `Router.closing`."""
        try:
            self.router.closing(ticket, now, certain=certain)
        except Exception:  # noqa: BLE001 (fail static)
            self.policy_failures += 1

    def first_byte(self, ticket: Ticket, now: float) -> None:
        """See `Ticket.first_byte`."""
        try:
            ticket.first_byte(now)
        except Exception:  # noqa: BLE001 (fail static)
            self.policy_failures += 1

    def succeeded(self, ticket: Ticket, now: float, congestion: float | None) -> None:
        """See `Ticket.succeeded`."""
        try:
            ticket.succeeded(now, congestion)
        except Exception:  # noqa: BLE001 (fail static)
            self.policy_failures += 1

    def failed(self, ticket: Ticket, now: float, retry_after_s: float | None, kind: str) -> None:
        """See `Ticket.failed`."""
        try:
            ticket.failed(now, retry_after_s, kind)
        except Exception:  # noqa: BLE001 (fail static)
            self.policy_failures += 1

    def abandoned(self, ticket: Ticket, now: float) -> None:
        """See `Ticket.abandoned`."""
        try:
            ticket.abandoned(now)
        except Exception:  # noqa: BLE001 (fail static)
            self.policy_failures += 1

    def __repr__(self) -> str:
        return f"<Service {self.name} {len(self.endpoints)} endpoints>"
