"""What the sidecar knows: services by every name a Host may use and by address, and who its callers are."""

import random
from collections.abc import Callable
from typing import Final

from sidecar.parsing import format_host_port
from sidecar.policy import hosts
from sidecar.policy.endpoints import Caller, CallersChanged, EndpointsChanged, Event
from sidecar.policy.router import Router
from sidecar.policy.services import Service

PROOF_OUTLIVES_FEED_S: Final = 5.0
"""A feed may drop a pod before the pod has dropped its connections (wire.md, "Ports and identity")."""
_MEMO: Final = 4096


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
        return hosts.canonical(host, self._namespace)

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
        host, port = hosts.split_authority(authority)
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
