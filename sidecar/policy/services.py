"""What the sidecar knows: services by every name a Host may use, endpoints, callers.

*Fail static*: whatever goes wrong inside a router is counted and the request goes round robin; policy can make
routing worse, never make a request fail.
"""

import random
from collections.abc import Callable, Set
from typing import Final

from sidecar.parsing import format_host_port
from sidecar.policy.advice import Column
from sidecar.policy.endpoints import Caller, CallersChanged, Endpoint, EndpointsChanged, Event
from sidecar.policy.retries import RetryBudget
from sidecar.policy.router import NoEndpoint, Router
from sidecar.policy.routes import Routes
from sidecar.policy.ticket import Ticket

PROOF_OUTLIVES_FEED_S: Final = 5.0
"""A feed may drop a pod before the pod has dropped its connections (wire.md, "Ports and identity")."""
_MEMO: Final = 4096
_CLUSTER_SUFFIXES: Final = (".svc.cluster.local", ".svc")


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


class Catalog:
    """Every service, found by authority or by address. `namespace`: where short names are looked up."""

    def __init__(self, namespace: str, make_router: Callable[[], Router] | None = None) -> None:
        self._namespace = namespace
        self._make_router = make_router or (lambda: Router(rng=random.Random()))  # noqa: S311
        self.services: dict[tuple[str, int], Service] = {}
        self.callers: dict[str, Caller] = {}
        self._by_host: dict[str, list[Service]] = {}
        self._by_address: dict[str, Service] = {}
        self._by_cluster_address: dict[str, Service] = {}
        self._workloads: dict[str, Caller] = {}
        self._known: dict[str, Caller] = {}
        self._dropped: dict[str, tuple[Caller, float]] = {}  # until when they still count
        self._memo: dict[bytes, Service | None] = {}
        self._past_failures = 0

    def apply(self, event: Event, now: float) -> None:
        """Take what a source says."""
        self._memo.clear()
        if isinstance(event, CallersChanged):
            self.callers = {caller.ip: caller for caller in event.callers}
        else:
            self._apply_endpoints(event, now)
            self._index()
        self._index_callers(now)

    def _apply_endpoints(self, event: EndpointsChanged, now: float) -> None:
        key = (self.canonical(event.host), event.port)
        if event.endpoints is None:
            gone = self.services.pop(key, None)
            self._past_failures += gone.policy_failures if gone is not None else 0
            return
        service = self.services.get(key)
        if service is None:
            shared = any(host == key[0] for host, _ in self.services)
            name = f"{event.host}:{event.port}" if shared else event.host
            service = self.services[key] = Service(name, event.host, event.port, self._make_router())
        service.addresses, service.portless = event.addresses, event.portless
        service.set_endpoints(event.endpoints, now)

    def _index(self) -> None:
        self._by_host, self._by_address, self._workloads = {}, {}, {}
        self._by_cluster_address = {
            address: service for service in self.services.values() for address in service.addresses
        }
        for (host, _), service in self.services.items():
            self._by_host.setdefault(host, []).append(service)
            for endpoint in service.endpoints.values():
                self._by_address[endpoint.address] = service
                if endpoint.workload:
                    ip = endpoint.address.rpartition(":")[0].strip("[]")
                    self._workloads[ip] = Caller(ip, endpoint.workload, endpoint.budget)
        self._by_address |= self._by_cluster_address

    def _index_callers(self, now: float) -> None:
        known = {**self._workloads, **self.callers}
        until = now + PROOF_OUTLIVES_FEED_S
        dropped = self._dropped | {ip: (caller, until) for ip, caller in self._known.items()}
        self._dropped = {ip: last for ip, last in dropped.items() if ip not in known and now < last[1]}
        self._known = known

    def canonical(self, host: str) -> str:
        """One spelling for every name of a service: `bus`, `bus.default.svc.cluster.local` → `bus.default`."""
        return canonical(host, self._namespace)

    def find(self, authority: bytes) -> Service | None:
        """The service a Host names; without a port it matches if exactly one service has that host."""
        try:
            return self._memo[authority]
        except KeyError:
            if len(self._memo) >= _MEMO:
                self._memo.clear()
            service = self._memo[authority] = self._find(authority)
            return service

    def _find(self, authority: bytes) -> Service | None:
        host, port = split_authority(authority)
        name = self.canonical(host)
        at = self._by_cluster_address.get(format_host_port(name, 80 if port is None else port))
        if port is not None:
            return self.services.get((name, port), at)
        named = self._by_host.get(name, [])
        if len(named) != 1:
            named = [service for service in named if service.portless]
        return named[0] if len(named) == 1 else at

    def policy_failures(self) -> int:
        """Exceptions in policy since the start, services that have gone included."""
        return self._past_failures + sum(service.policy_failures for service in self.services.values())

    def by_address(self, address: str) -> Service | None:
        """The service that an endpoint's address, or a cluster address, belongs to."""
        return self._by_address.get(address)

    def caller(self, ip: str, now: float) -> Caller | None:
        """Who connects from this address, if we have been told, or had been until just now."""
        known = self._known.get(ip)
        if known is None and ip in self._dropped:
            caller, until = self._dropped[ip]
            return caller if now < until else None
        return known


def canonical(host: str, namespace: str) -> str:
    """One spelling for every name of a service; `namespace`: where short names are looked up."""
    host = host.lower().rstrip(".")
    for suffix in _CLUSTER_SUFFIXES:
        if host.endswith(suffix) and host.count(".") > suffix.count("."):
            host = host.removesuffix(suffix)
            break
    return host if "." in host or ":" in host else f"{host}.{namespace}"


def is_cluster_name(host: str) -> bool:
    """Whether a name can only be of the cluster: `bus` and `bus.other.svc`; `bus.other` may be a domain as well."""
    host = host.lower().rstrip(".")
    return bool(host) and ("." not in host or host.endswith(_CLUSTER_SUFFIXES)) and ":" not in host


def split_authority(authority: bytes) -> tuple[str, int | None]:
    """`b"[::1]:80"` → `("::1", 80)`; the port is None when absent. The authority is known to be valid."""
    host, _, port = authority.decode("latin-1").rpartition(":")
    if host and port.isdigit() and (not host.startswith("[") or host.endswith("]")):
        return host.strip("[]"), int(port)
    return authority.decode("latin-1").strip("[]"), None
