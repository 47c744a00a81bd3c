"""How a pod reaches the other services: where their base URLs point, and which address a new connection gets.

Three ways, all below HTTP, so that requests look the same: through the pod's sidecar, through a file of addresses
as kube-proxy would choose, or through DNS. aiohttp asks the resolver once per connection, as kube-proxy
is asked once per connection, and keeps connections open: without sidecars traffic sticks to few pods.
"""

import contextlib
import os
import random
import socket
from pathlib import Path

import aiohttp
import orjson
from aiohttp.abc import AbstractResolver, ResolveResult

from loadtest import processes
from loadtest.urbanmove.pod import Options

SERVICES = {
    "bus": ("BUS_SERVICE_URL", "http://bus-service:8080"),
    "trajet": ("TRAJET_SERVICE_URL", "http://trajet-service:8081"),
    "user": ("USER_SERVICE_URL", "http://user-service:8081"),
    "ticket": ("TICKET_SERVICE_URL", "http://ticket-service:8080"),
}
CONNECT_S = 45.0
"""Spring Cloud Gateway's default; it has none for the response."""


def base_url(role: str) -> str:
    """Where the service is, from the environment as in the original, without a slash at the end."""
    variable, default = SERVICES[role]
    return os.environ.get(variable, default).rstrip("/")


def session(options: Options, rng: random.Random) -> aiohttp.ClientSession:
    """A client without limits, cookies or headers of its own. Needs a running event loop."""
    connector = aiohttp.TCPConnector(
        limit=0,  # reactor-netty's pool for a gateway grows; a limit would let one hung pod stop all others
        resolver=_resolver(options, rng),
        use_dns_cache=False,
        force_close=False,
    )
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),  # one client's cookies are not another's
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S),
        auto_decompress=False,
        skip_auto_headers=("Accept", "Accept-Encoding", "User-Agent", "Content-Type"),
    )


def _resolver(options: Options, rng: random.Random) -> AbstractResolver | None:
    if options.proxy:
        return SidecarResolver(options.proxy)
    if options.hosts:
        return HostsResolver(options.hosts, rng)
    return None


def _result(host: str, address: str, port: int) -> list[ResolveResult]:
    return [
        ResolveResult(
            hostname=host,
            host=address,
            port=port,
            family=socket.AF_INET,
            proto=0,
            flags=socket.AI_NUMERICHOST,
        )
    ]


class SidecarResolver(AbstractResolver):
    """Every name is the sidecar: the request keeps the service's name in `Host`, the connection does not."""

    def __init__(self, proxy: str) -> None:
        self._address, self._port = processes.split(proxy)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The sidecar's address and port, whatever was asked for."""
        return _result(host, self._address, self._port)

    async def close(self) -> None:
        """Nothing is held."""


class HostsResolver(AbstractResolver):
    """A random address of the service per connection, as kube-proxy chooses."""

    def __init__(self, path: Path, rng: random.Random) -> None:
        self._path = path
        self._rng = rng
        self._read_at_ns = -1
        self._hosts: dict[str, list[str]] = {}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """One address; OSError when the file does not name the service or gives it none."""
        addresses = self._current().get(host)
        if not addresses:
            raise OSError(f"{host} has no address in {self._path}")
        return _result(host, self._rng.choice(addresses), port)

    async def close(self) -> None:
        """Nothing is held."""

    def _current(self) -> dict[str, list[str]]:
        changed_ns = self._path.stat().st_mtime_ns
        if changed_ns != self._read_at_ns:
            with contextlib.suppress(
                orjson.JSONDecodeError
            ):  # half written: the old addresses hold until it is
                self._hosts = orjson.loads(self._path.read_bytes())
                self._read_at_ns = changed_ns
        return self._hosts
