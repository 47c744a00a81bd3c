"""Names into addresses by c-ares: search domains and hosts file like libc, and TTLs, which libc keeps back.

The adapter for aiodns and pycares: their errors become `ResolutionError` here.
"""

import asyncio
import socket
from collections.abc import Callable, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import aiodns
import pycares

from sidecar import parsing
from sidecar.discovery.watch import ResolutionError

if TYPE_CHECKING:
    from collections.abc import Iterator

TRY_S, TRIES = 1.0, 2
"""Per name server and search domain; the second try takes twice as long."""
_NO_SORT = 1 << 7
"""ARES_AI_NOSORT of ares.h: RFC 6724's order costs a socket per address, and the router has its own."""

_CERTAIN = {aiodns.error.ARES_ENOTFOUND, aiodns.error.ARES_EBADNAME, aiodns.error.ARES_ENODATA}
_NOBODY = {aiodns.error.ARES_ENOTFOUND, aiodns.error.ARES_EBADNAME, aiodns.error.ARES_EREFUSED}


@dataclass(frozen=True, slots=True)
class Addresses:
    """A name's IP addresses, sorted, and the shortest TTL on the way to them."""

    ips: tuple[str, ...]
    ttl_s: float


@dataclass(frozen=True, slots=True)
class Target:
    """One SRV record."""

    host: str
    port: int
    priority: int
    ttl_s: float
    glue: Addresses | None = None
    """Its addresses, where the name server sent them along."""


class Resolver(Protocol):
    """What the DNS source needs; look-ups raise ResolutionError, and nothing else, when there is nothing."""

    async def addresses(self, host: str) -> Addresses:
        """A and AAAA records, at least one."""

    async def targets(self, name: str) -> list[Target]:
        """SRV records, at least one."""

    async def close(self) -> None:
        """Give up what it holds until it is asked again."""


class AresResolver:
    """What is not given is the system's, and followed as it changes. Opens with the first look-up, which needs a
    running event loop; may be used again after `close`.
    """

    def __init__(
        self,
        servers: Iterable[tuple[str, int]] = (),
        *,
        domains: Sequence[str] = (),
        ndots: int | None = None,
        has_route: Callable[[str], bool] | None = None,
    ) -> None:
        self._servers = [parsing.format_host_port(*server) for server in servers]
        # Not `resolvconf_path`: pycares 5.2.1 hands c-ares a string that is freed before it is read.
        self._options = {"domains": domains or None, "ndots": ndots, "timeout": TRY_S, "tries": TRIES}
        self._has_route = has_route or _has_route
        self._channel: _Searching | None = None

    async def close(self) -> None:
        """Cancel what is still being asked, and give the sockets back."""
        channel, self._channel = self._channel, None
        if channel is not None:
            await channel.close()

    def _open(self) -> "_Searching":
        if self._channel is None:
            self._channel = _Searching(self._servers or None, None, **self._options)
        return self._channel

    async def addresses(self, host: str) -> Addresses:
        """As `Resolver.addresses`."""
        with _mapped(host):
            result = await self._open().getaddrinfo(host, flags=_NO_SORT)
        ttls = [node.ttl for node in result.nodes] + [cname.ttl for cname in result.cnames]
        return self._addresses([node.addr[0].decode("ascii") for node in result.nodes], ttls)

    async def targets(self, name: str) -> list[Target]:
        """As `Resolver.targets`."""
        with _mapped(name):
            result = await self._open().search(name, pycares.QUERY_TYPE_SRV)
        glue = _glue(result.additional)
        targets = []
        for record in result.answer:
            match record.data:
                case pycares.SRVRecordData(priority=priority, port=port, target=target):
                    host = target.rstrip(".")
                    known = glue.get(host.lower())
                    addresses = self._addresses(known, known.values()) if known else None
                    targets.append(Target(host, port, priority, float(record.ttl), addresses))
        if not targets:
            raise ResolutionError(f"{name}: no SRV records", (), certain=True)
        return targets

    def _addresses(self, ips: Iterable[str], ttls: Iterable[float]) -> Addresses:
        """Without IPv6 where the name has IPv4 too and we have no route to it (RFC 6724, rule 1)."""
        old = {ip for ip in ips if ":" not in ip}
        new = set(ips) - old
        both = not old or not new or self._has_route(min(new))
        return Addresses(tuple(sorted(old | new if both else old)), float(min(ttls)))


def _glue(records: list[pycares.DNSRecord]) -> dict[str, dict[str, float]]:
    """The addresses a name server sent along: name -> address -> TTL."""
    glue: dict[str, dict[str, float]] = {}
    for record in records:
        match record.data:
            case pycares.ARecordData(addr=ip) | pycares.AAAARecordData(addr=ip):
                glue.setdefault(record.name.rstrip(".").lower(), {})[ip] = record.ttl
    return glue


class _Searching(aiodns.DNSResolver):
    """aiodns asks for the name exactly as given; names of services are short and rely on search domains."""

    def search(self, name: str, record_type: int) -> asyncio.Future[pycares.DNSResult]:
        future: asyncio.Future[pycares.DNSResult]
        future, callback = self._get_future_callback()
        with self._capture_ares_error(future):
            self._channel.search(name, record_type, callback=callback)
        return future


@contextmanager
def _mapped(name: str) -> "Iterator[None]":
    try:
        yield
    except aiodns.error.DNSError as error:
        code, text = error.args
        raise ResolutionError(
            f"{name}: {text}", None if code in _NOBODY else (), certain=code in _CERTAIN
        ) from None


def _has_route(ip: str) -> bool:
    """Connecting a UDP socket sends nothing; it fails when no route leads there."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.connect((ip, 53))
    except OSError:
        return False
    return True
