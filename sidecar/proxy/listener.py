"""What both listeners share: accepting, knowing the peer, counting, draining."""

import asyncio
from collections.abc import Callable, Set
from dataclasses import dataclass
from typing import Any, ClassVar

from sidecar import clock, contract
from sidecar.errors import EquilibriumError
from sidecar.families import NO_IPV6, TWINS
from sidecar.policy.auth import Verifier
from sidecar.policy.catalog import Catalog
from sidecar.proxy import original_dst
from sidecar.proxy.exchange import Exchange
from sidecar.proxy.http1.client import Dialer
from sidecar.proxy.http1.server import ServerConnection
from sidecar.proxy.limits import Limits, Timeouts
from sidecar.proxy.peer import Peer
from sidecar.proxy.pools import Pools
from sidecar.proxy.sides import Side
from sidecar.proxy.stats import ProxyStats
from sidecar.proxy.wheel import Wheel

OnFinished = Callable[[str, Exchange, float], None]


class ListenError(EquilibriumError):
    """The address cannot be listened on."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who this sidecar is to others. `instance` is unique to the process: `Via` finds loops by it."""

    workload: str
    instance: str
    mesh_key: bytes | None = None
    source: str | None = None

    def __repr__(self) -> str:
        return f"Identity({self.workload!r}, {self.instance!r})"  # never the key


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a listener is given by the program that owns it."""

    loop: asyncio.AbstractEventLoop
    wheel: Wheel
    catalog: Catalog
    identity: Identity
    timeouts: Timeouts
    limits: Limits
    on_finished: OnFinished | None = None
    original_of: Callable[[asyncio.Transport], str | None] = original_dst.original_dst
    opaque_ports: Set[int] = frozenset()
    """Original destinations whose servers may speak first: never HTTP."""
    own_ports: Callable[[], Set[int]] = frozenset
    """Of this sidecar's listeners."""


class Listener(Side):
    """One listening port. Subclasses decide destinations and fields (`sides.Side`)."""

    name: ClassVar[str] = ""
    unreachable: ClassVar[str] = contract.CONNECT_FAILED

    def __init__(self, around: Surroundings, connect_from: str | None) -> None:
        self.loop = around.loop
        self.wheel = around.wheel
        self.catalog = around.catalog
        self.identity = around.identity
        self.timeouts = around.timeouts
        self.limits = around.limits
        self.stats = ProxyStats()
        self.retries = True
        self.connections: set[ServerConnection] = set()
        self.draining = False
        self.address: tuple[str, int] = ("", 0)
        dialer = Dialer(self.loop, self.limits, self.timeouts.connect_s, connect_from, self.unreachable)
        self.pools = Pools(self.limits, self.loop, dialer)
        self.opaque_ports = around.opaque_ports
        self.own_ports = around.own_ports
        self._on_finished = around.on_finished
        self._original_of = around.original_of
        self._servers: list[asyncio.Server] = []
        key = self.identity.mesh_key
        self.verifier = Verifier(key) if key else None

    async def start(self, host: str, port: int) -> None:
        """Listen; port 0 picks one (see `address`). IPv4's loopback and any-address bring IPv6's. `ListenError`."""
        await self._listen(host, port)
        server: Any = self._servers[0]  # uvloop's is a list, whatever the stubs say
        name = server.sockets[0].getsockname()
        self.address = (name[0], name[1])
        if port and host in TWINS:  # a port picked by the kernel is in nobody's rules
            await self._listen(TWINS[host], port, spared=NO_IPV6)

    async def _listen(self, host: str, port: int, spared: Set[int] = frozenset()) -> None:
        try:
            server = await self.loop.create_server(self._connection, host, port, backlog=4096)
        except OSError as error:
            if error.errno in spared:
                return
            at = original_dst.join(host, port)
            raise ListenError(f"cannot listen on {self.name} {at}: {error.strerror or error}") from error
        self._servers.append(server)

    def _connection(self) -> Any:
        return ServerConnection(self)

    def identify(self, transport: asyncio.Transport) -> tuple[Peer, str | None]:
        """The peer by its address, and the original destination of a redirected connection."""
        original = self._original_of(transport)
        peername = transport.get_extra_info("peername")
        ip = peername[0].removeprefix("::ffff:") if peername else ""
        caller = self.catalog.caller(ip, clock.now())
        if caller is None:
            return Peer(ip=ip), original
        return Peer(caller.workload, "address", caller.budget, ip), original

    def is_ours(self, transport: asyncio.Transport, original: str) -> bool:
        """Whether the other end is a connection that this listener's own pools have made: a loop.

        By where it goes, too: the kernel gives one local port to connections of different destinations.
        """
        peername = transport.get_extra_info("peername")
        if not peername:
            return False
        return (peername[0].removeprefix("::ffff:"), peername[1], original) in self.pools.ours

    def relays(self, original: str) -> tuple[bool, bool]:
        """Whether CONNECT, and whether the absolute form, is meant for the destination and not for us."""
        return False, False

    def finished(self, exchange: Exchange, now: float) -> None:
        """Tell whoever keeps the log."""
        if self._on_finished is not None:
            self._on_finished(self.name, exchange, now)

    def drain(self) -> None:
        """Stop accepting; idle connections close at once, busy ones after their response."""
        self.draining = True
        for server in self._servers:
            server.close()
        for connection in list(self.connections):
            connection.drain()

    def abort(self) -> None:
        """The drain time is over: close everything."""
        for connection in list(self.connections):
            connection.transport.abort()
        self.pools.close()

    @property
    def quiet(self) -> bool:
        """No connection is left."""
        return not self.connections
