"""Requests of others to our own application: who calls, how busy we are, then through to the app.

At this edge the mesh's signals end: the application sees none, and none of its own leave. Callers are told how
congested we are, in the header of every response.
"""

import random
from collections import OrderedDict
from dataclasses import replace
from typing import ClassVar, Final

from sidecar import clock, contract
from sidecar.errors import LoopDetected, Refused, UnknownService
from sidecar.policy import signals
from sidecar.policy.endpoints import Endpoint
from sidecar.policy.gate import Gate
from sidecar.policy.router import Router
from sidecar.policy.services import Service
from sidecar.proxy import original_dst
from sidecar.proxy.attempt import Attempt
from sidecar.proxy.door import Door
from sidecar.proxy.exchange import Exchange
from sidecar.proxy.http1.server import ServerConnection
from sidecar.proxy.listener import Listener, Surroundings
from sidecar.proxy.message import Fields
from sidecar.proxy.peer import Peer

_CONGESTION: Final = contract.CONGESTION.encode()
_SIGNAL_FIELDS: Final = 16
_SIGNAL_BYTES: Final = 2048
_APP: Final = "app"
_MOST_LOCAL: Final = 64


class Inbound(Listener):
    """The port others reach our application through."""

    name: ClassVar[str] = "inbound"
    unreachable: ClassVar[str] = contract.APP_UNREACHABLE

    def __init__(self, around: Surroundings, app: str, concurrency: int, gate: Gate | None = None) -> None:
        # Room for what the caller's sidecar adds to a request that was just within its own limits.
        limits = replace(
            around.limits,
            head_bytes=around.limits.head_bytes + _SIGNAL_BYTES,
            head_fields=around.limits.head_fields + _SIGNAL_FIELDS,
        )
        super().__init__(replace(around, limits=limits), None)
        self.retries = False  # the caller's sidecar knows other pods; we know only this one
        self._app = app
        self._concurrency = concurrency
        self._via = (b"Via", b"1.1 eq-" + around.identity.instance.encode())
        self._told_limit = 0
        self._told: dict[int, bytes] = {}  # in flight → as it is said
        self.door = Door(gate, self.loop) if gate is not None else None
        self._local: OrderedDict[str, Service] = OrderedDict()

    def congestion(self) -> bytes:
        """In flight over the limit, as `X-GT-Congestion` says it."""
        limit, in_flight = self.limit, self.stats.requests_in_flight
        if limit != self._told_limit:
            self._told_limit, self._told = limit, {}
        told = self._told.get(in_flight)
        if told is None:
            told = self._told[in_flight] = signals.format_float(in_flight / limit)
        return told

    @property
    def limit(self) -> int:
        """Requests our application can usefully have at once, as far as is known."""
        return self.door.gate.admission.told if self.door is not None else self._concurrency

    @property
    def policy_failures(self) -> int:
        """Exceptions at the door; the request went in."""
        return self.door.policy_failures if self.door is not None else 0

    # -- sides.Side

    def find(self, exchange: Exchange) -> Service | None:
        """The application, or the original pod address of a redirected connection; never another host."""
        head, down = exchange.head, exchange.down
        if head.via is not None and any(self._via[1] in value for value in head.via):
            raise LoopDetected("this request has passed through this sidecar before")
        if head.method == b"CONNECT" and not head.opaque:
            # A pipe opened by a caller would carry requests to the application that nobody has looked at.
            raise Refused("CONNECT is not served to others", status=501, reason=contract.UNSUPPORTED)
        original = None
        if isinstance(down, ServerConnection):
            self._read_signals(exchange, down.peer)
            original = down.original
        service = self._service(original or self._app)
        if self.door is None or head.opaque or not isinstance(down, ServerConnection):
            return service
        return self.door.enter(exchange, service, down.peer)

    def request_fields(self, exchange: Exchange, attempt: Attempt) -> Fields:
        """The application is told nothing of the mesh but the hop."""
        return [self._via]

    def response_fields(self, exchange: Exchange) -> Fields:
        """What the caller's router learns from every answer, and how we see it."""
        told = [(_CONGESTION, self.congestion())]
        if self.door is not None and exchange.knock is not None:
            told += self.door.fields(exchange)
        return told

    def tunnelled(self, exchange: Exchange) -> None:
        """A pipe may stay for hours: it holds no place of a request's."""
        if self.door is not None:
            self.door.left(exchange, clock.now())

    def finished(self, exchange: Exchange, now: float) -> None:
        """Tell whoever keeps the log; the next may come in."""
        super().finished(exchange, now)
        if self.door is not None and exchange.knock is not None:
            self.door.left(exchange, now)

    def keep_house(self) -> None:
        """Once a second: forget original destinations nobody used lately (a stranger may have chosen them)."""
        self.pools.keep_only(set(self._local))
        self.stats.keep_only(_APP, set(self._local))

    # -- details

    def _service(self, address: str) -> Service:
        try:
            return self._local[address]
        except KeyError:
            if address != self._app:
                self._check(address)
            service = Service(_APP, address, 0, Router(rng=random.Random()), mesh=False)  # noqa: S311
            service.set_endpoints((Endpoint(address),), clock.now())
            self._local[address] = service
            while len(self._local) > _MOST_LOCAL:
                self._local.popitem(last=False)
            return service

    def _check(self, address: str) -> None:
        """An original destination is followed to this pod's own addresses, and there not back to ourselves."""
        ip, port = original_dst.split(address)
        if port in self.own_ports():
            raise LoopDetected(f"{address} is a port of this sidecar")
        if not original_dst.is_here(ip):
            # A neighbour on the same network may send us what is addressed to others.
            raise UnknownService(f"{address} is not an address of this pod")

    def _read_signals(self, exchange: Exchange, peer: Peer) -> None:
        """Believe a peer that has proven itself; drop and count the signals of one that has not."""
        head = exchange.head
        sent = head.signals
        if sent is not None:
            if self.verifier is not None and b"x-gt-auth" in sent and peer.proof != "token":
                self._verify(exchange, peer, sent)
            if not peer.known:
                self.stats.ignored_signals["unproven"] += 1
                peer.claims(sent.get(b"x-gt-caller"))
                head.signals = sent = None
        if sent is not None and b"x-gt-deadline-ms" in sent:
            left = signals.parse_deadline_ms(sent[b"x-gt-deadline-ms"])
            if left is None:
                self.stats.ignored_signals["deadline-ms"] += 1
            else:
                exchange.deadline = exchange.started + left
        if sent is not None and b"x-gt-recommendation" in sent:
            self._read_recommendation(sent[b"x-gt-recommendation"])

    def _read_recommendation(self, value: bytes) -> None:
        """For people to see; nothing here goes by it."""
        if signals.parse_label(value) is None:
            self.stats.ignored_signals["recommendation"] += 1

    def _verify(self, exchange: Exchange, peer: Peer, sent: dict[bytes, bytes]) -> None:
        """Once per connection: its first request carries the proof."""
        workload = signals.parse_workload(sent.get(b"x-gt-caller", b""))
        genuine = (
            workload is not None
            and self.verifier is not None
            and self.verifier.verify(
                sent[b"x-gt-auth"],
                method=exchange.head.method,
                path=exchange.head.target,
                body=b"",
                workload=workload,
                now_unix_s=clock.wall_s(),
            )
        )
        peer.prove(workload if genuine else None)
        if not genuine:
            self.stats.ignored_signals["auth"] += 1
