"""Destinations that no source has published yet: ask the source, or pass the request through, or refuse it.

Passthrough resolves once and connects to *that* address, so that what was checked is what is used; loopback,
link-local (cloud metadata) and our own ports are never reached that way.
"""

import asyncio
import ipaddress
import random
import socket
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from sidecar import clock
from sidecar.errors import ExchangeError, LoopDetected, Unavailable, UnknownService
from sidecar.policy.catalog import Catalog
from sidecar.policy.endpoints import Endpoint, EndpointsChanged
from sidecar.policy.hosts import split_authority
from sidecar.policy.router import Router
from sidecar.policy.services import Service
from sidecar.proxy.original_dst import is_here, join, split
from sidecar.proxy.waiting import SEEK_TIMEOUT_S, Question, Waiter, Waiting, questions

if TYPE_CHECKING:
    from sidecar.proxy.exchange import Exchange

EXTERNAL: Final = "external"
"""What every destination outside the mesh is called in metrics."""
_REMEMBER_S: Final = 30.0
_MOST_EXTERNAL: Final = 1024
_STILL_WANTED_S: Final = 30.0

_METADATA: Final = frozenset(map(ipaddress.ip_address, ("fd00:ec2::254", "fd20:ce::254")))  # AWS, GCP
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")

Seek = Callable[[str, int | None], None]


class Resolver:
    """Answers `Exchange.found` or `Exchange.fail` for hosts the catalog does not have."""

    def __init__(
        self,
        catalog: Catalog,
        *,
        passthrough: bool,
        seek: Seek | None,
        own_ports: Callable[[], set[int]],
        by_address: bool = False,
    ) -> None:
        self._catalog = catalog
        self._passthrough = passthrough
        self._seek = seek
        self._by_address = by_address  # the source knows services by their cluster IPs
        self._own_ports = own_ports
        self._waiting = Waiting()
        self._external: OrderedDict[str, tuple[Service, float]] = OrderedDict()
        self._wanted: dict[Service, float] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def on_demand(self) -> bool:
        """The source must be told which services are in use."""
        return self._seek is not None

    def still_wanted(self, service: Service) -> None:
        """Tell the source now and then, so that it goes on watching."""
        now = clock.now()
        if self._seek is not None and self._wanted.get(service, 0.0) < now:
            self._wanted = {s: t for s, t in self._wanted.items() if t > now - 2 * _STILL_WANTED_S}
            self._wanted[service] = now + _STILL_WANTED_S
            self._seek(service.host, service.port)

    def seek(self, exchange: "Exchange") -> None:
        """Find a destination for an exchange whose host is unknown."""
        host, port = split_authority(exchange.head.authority)
        if self._seek is not None:
            self._wait(Waiter(exchange, [(self._catalog.canonical(host), port)]))
            self._seek(host, port)
        else:
            self._unknown(exchange)

    def unpublished(
        self, exchange: "Exchange", original: str, decide: Callable[[], Service | None]
    ) -> Service | None:
        """Of a redirected connection: that very address, or None while the source is asked and `decide` may know."""
        asked: list[Question] = []
        if self._seek is not None and self._remembered(_dialled(original)) is None:
            asked = questions(self._catalog, exchange.head, original, by_address=self._by_address)
        if self._seek is None or not asked:
            return self.address(original)
        self._wait(Waiter(exchange, asked, original, decide))
        for host, port in asked:
            self._seek(host, port)
        return None

    def published(self, event: EndpointsChanged) -> None:
        """A source has spoken (the catalog knows already): wake those who asked."""
        host = self._catalog.canonical(event.host)
        service = self._catalog.services.get((host, event.port))
        for waiter in self._waiting.answered(host, event):
            if waiter.decide is not None:
                self._decide(waiter, waiter.decide)
            elif service is not None:
                waiter.exchange.found(service)
            else:
                self._unknown(waiter.exchange)

    def _decide(self, waiter: Waiter, decide: Callable[[], Service | None]) -> None:
        """Where a redirected connection goes, as soon as that is known, at the latest when nothing is open."""
        try:
            service = decide()
            if service is None and not waiter.open:
                service = self.address(waiter.original)
        except ExchangeError as error:
            self._waiting.remove(waiter)
            waiter.exchange.fail(error)
        else:
            if service is not None:
                self._waiting.remove(waiter)
                waiter.exchange.found(service)

    def _wait(self, waiter: Waiter) -> None:
        self._waiting.add(waiter)
        waiter.exchange.side.loop.call_later(waiter.patience_s, self._give_up, waiter)

    def _give_up(self, waiter: Waiter) -> None:
        if not waiter.open:
            return
        self._waiting.remove(waiter)
        if waiter.decide is not None:
            self._decide(waiter, waiter.decide)
            return
        host, _ = split_authority(waiter.exchange.head.authority)
        waiter.exchange.fail(Unavailable(f"{host} was not resolved within {waiter.patience_s:g} s"))

    def _unknown(self, exchange: "Exchange") -> None:
        if not self._passthrough:
            host = exchange.head.authority.decode("latin-1")
            exchange.fail(
                UnknownService(f"nobody knows {host}; add it to discovery, or set EQUILIBRIUM_UNKNOWN")
            )
            return
        known = self._remembered(exchange.head.authority.decode("latin-1"))
        if known is not None:
            exchange.found(known)
            return
        task = exchange.side.loop.create_task(self._pass_through(exchange))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _pass_through(self, exchange: "Exchange") -> None:
        name = exchange.head.authority.decode("latin-1")
        host, port = split_authority(exchange.head.authority)
        try:
            address = await self._resolve_once(host, port or 80)
        except ExchangeError as error:
            exchange.fail(error)
        else:
            exchange.found(self._remember(name, address))

    async def _resolve_once(self, host: str, port: int) -> str:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(SEEK_TIMEOUT_S):
                found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, TimeoutError, UnicodeError) as error:
            raise UnknownService(f"{host} does not resolve: {error}") from None
        ip = str(found[0][4][0])
        if not may_reach(ip, port, self._own_ports()):
            raise UnknownService(f"{host} is {ip}:{port}, which passthrough never reaches")
        return join(ip, port)

    def address(self, address: str, *, known: bool = False, carried: bool = False) -> Service:
        """The service that is just this address, an original destination.

        `known`: an endpoint of the mesh. `carried`: for bytes that are not HTTP; a request that comes later asks anew.

        The application has dialled it, so it is followed wherever the application could have gone itself (a cloud's
        metadata service too): only not to this pod, where a redirected connection never wanted to go.
        """
        key = _dialled(address) + (" known" if known else "") + (" carried" if carried else "")
        remembered = self._remembered(key)
        if remembered is not None:
            return remembered
        ip, port = split(address)
        if port in self._own_ports() and is_here(ip):
            raise LoopDetected(f"{address} is a port of this sidecar")
        if not known and ipaddress.ip_address(ip).is_loopback:
            raise UnknownService(f"{address} is loopback: not followed")
        return self._remember(key, address, mesh=known)

    def _remembered(self, name: str) -> Service | None:
        service, until = self._external.get(name, (None, 0.0))
        return service if until > clock.now() else None

    def _remember(self, name: str, address: str, *, mesh: bool = False) -> Service:
        service = Service(EXTERNAL, name, 0, Router(rng=random.Random()), mesh=mesh)  # noqa: S311
        service.set_endpoints((Endpoint(address),), clock.now())
        self._external[name] = (service, clock.now() + _REMEMBER_S)
        while len(self._external) > _MOST_EXTERNAL:
            self._external.popitem(last=False)
        return service

    def addresses(self) -> set[str]:
        """Addresses in use beyond the catalog's."""
        return {address for service, _ in self._external.values() for address in service.endpoints}

    def close(self) -> None:
        """Shutdown."""
        for task in self._tasks:
            task.cancel()


def _dialled(address: str) -> str:
    """Not to be found by a Host of the same letters."""
    return f"{address} dialled"


def may_reach(ip: str, port: int, own_ports: set[int]) -> bool:
    """Whether passthrough may connect there (SSRF guard)."""
    try:
        address = ipaddress.ip_address(ip.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address):
        address = _embedded_v4(address)
    if address in _METADATA:
        return False
    local = address.is_loopback or address.is_link_local or address.is_unspecified or address.is_multicast
    return not local and port not in own_ports


def _embedded_v4(address: ipaddress.IPv6Address) -> ipaddress.IPv6Address | ipaddress.IPv4Address:
    """The IPv4 address inside `::ffff:a.b.c.d` and NAT64's `64:ff9b::a.b.c.d`, which reach the same host."""
    if address in _NAT64:
        return ipaddress.IPv4Address(address.packed[-4:])
    return address.ipv4_mapped or address
