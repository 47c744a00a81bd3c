"""Requests of our own application to others: Host → service → router → endpoint.

The original destination chooses the service where there is one, Host only refines it; otherwise Host (or the
absolute form) does. At this edge the application's own `X-GT-*` fields end: only its bid and its deadline are
read, and the mesh's signals are written for the callee's sidecar.
"""

import secrets
from collections.abc import Callable
from functools import partial
from typing import ClassVar, Final

from sidecar import clock, contract
from sidecar.errors import LoopDetected, Refused
from sidecar.policy import auth, signals
from sidecar.policy.hosts import split_authority
from sidecar.policy.services import Service
from sidecar.proxy import original_dst
from sidecar.proxy.attempt import Attempt
from sidecar.proxy.exchange import Exchange
from sidecar.proxy.http1.server import ServerConnection
from sidecar.proxy.listener import Listener, Surroundings
from sidecar.proxy.message import Fields
from sidecar.proxy.resolve import Resolver

_CALLER: Final = contract.CALLER.encode()
_ATTEMPT: Final = contract.ATTEMPT.encode()
_DEADLINE: Final = contract.DEADLINE_MS.encode()
_BID: Final = contract.BID.encode()
_CONGESTION: Final = contract.CONGESTION.encode()
_AUTH: Final = contract.AUTH.encode()
_RECOMMENDATION: Final = contract.RECOMMENDATION.encode()


class Outbound(Listener):
    """The port our application sends through."""

    name: ClassVar[str] = "outbound"

    def __init__(self, around: Surroundings, resolver: Resolver, congestion: Callable[[], bytes]) -> None:
        super().__init__(around, around.identity.source)
        self._resolver = resolver
        self._congestion = congestion
        self._via = (b"Via", b"1.1 eq-" + around.identity.instance.encode())
        self._caller = (_CALLER, around.identity.workload.encode())
        self._deadline_always = self.timeouts.total_s is not None

    # -- sides.Side

    def find(self, exchange: Exchange) -> Service | None:
        """The service asked for; None while it is being resolved."""
        head = exchange.head
        if head.via is not None and any(self._via[1] in value for value in head.via):
            raise LoopDetected("this request has passed through this sidecar before")
        exchange.deadline = self._deadline(exchange)
        down = exchange.down
        if isinstance(down, ServerConnection) and down.original is not None:
            if down.looped:
                raise LoopDetected(
                    "the sidecar's own connection came back: its uid is not the one let through"
                )
            original, port = down.original, down.original_port
            service = self._redirected(exchange, original, port)
            if service is None:
                decide = partial(self._redirected, exchange, original, port)
                service = self._resolver.unpublished(exchange, original, decide)
        else:
            service = self.catalog.find(head.authority)
            if service is None:
                self._resolver.seek(exchange)
        if service is not None and service.port and self._resolver.on_demand:
            self._resolver.still_wanted(service)
        return service

    def relays(self, original: str) -> tuple[bool, bool]:
        """CONNECT goes to the proxy that was dialled; so does an absolute form, unless it is a service of ours."""
        return True, self.catalog.by_address(original) is None

    def _redirected(self, exchange: Exchange, original: str, port: int) -> Service | None:
        """iptables sent the connection here: its destination is what the application connected to. None: unknown."""
        head = exchange.head
        if head.opaque:
            known = self.catalog.by_address(original) is not None
            return self._resolver.address(original, known=known, carried=True)
        named = self.catalog.find(head.authority)
        if named is not None and named.answers_at(original):
            return named
        there = self.catalog.by_address(original)
        if there is None and named is not None and not named.addresses:
            # a cluster IP that the source does not tell: Host names the service behind it
            return named if named.port == port else None
        if there is None:
            return None
        if named is not there and self._one_pod(head.authority, original, there):
            return self._resolver.address(original, known=True)
        if head.absolute and named is not there:
            raise Refused(
                "the absolute form names another host than the connection's destination", rule="target"
            )
        return there

    def _one_pod(self, authority: bytes, original: str, there: Service) -> bool:
        """A pod asked for by its own address (Prometheus) or its own name (`db-0.db`): no other will do."""
        if original not in there.endpoints:
            return False
        host, _, rest = authority.partition(b".")
        ip = split_authority(authority)[0]
        return ip == original_dst.split(original)[0] or (bool(host) and self.catalog.find(rest) is there)

    def request_fields(self, exchange: Exchange, attempt: Attempt) -> Fields:
        """What the callee's sidecar is told. Destinations outside the mesh are told nothing."""
        assert exchange.service is not None  # noqa: S101 (there is an attempt)
        if not exchange.service.mesh:
            return [self._via]
        fields = [self._via, self._caller, (_CONGESTION, self._congestion())]
        if attempt.number > 1:
            fields.append((_ATTEMPT, b"%d" % attempt.number))
        if attempt.ticket.advised:
            self._recommendation(exchange.service, attempt.ticket.advised, fields)
        if exchange.deadline is not None or self._deadline_always:
            fields.append((_DEADLINE, signals.format_deadline_ms(self._left_s(exchange))))
        if exchange.head.signals is not None:
            self._bid(exchange.head.signals, fields)
        if (
            self.identity.mesh_key is not None
            and attempt.upstream is not None
            and attempt.upstream.served == 0
        ):
            fields.append((_AUTH, self._proof(exchange, self.identity.mesh_key)))
        return fields

    def response_fields(self, exchange: Exchange) -> Fields:
        """The mesh's signals end here."""
        return []

    def tunnelled(self, exchange: Exchange) -> None:
        """Whose capacity it takes is the callee's business."""

    # -- details

    def _recommendation(self, service: Service, address: str, fields: Fields) -> None:
        """Who was advised, by the name people know it by."""
        endpoint = service.endpoints.get(address)
        label = signals.format_label(endpoint.label if endpoint is not None else address)
        if label is not None:
            fields.append((_RECOMMENDATION, label))

    def _bid(self, sent: dict[bytes, bytes], fields: Fields) -> None:
        raw = sent.get(b"x-gt-bid")
        if raw is None:
            return
        if signals.parse_float(raw) is None:
            self.stats.ignored_signals["bid"] += 1
        else:
            fields.append((_BID, raw))

    def _deadline(self, exchange: Exchange) -> float | None:
        """When the caller stops waiting: its own deadline field or gRPC's, the sooner."""
        head, left = exchange.head, None
        raw = head.signals.get(b"x-gt-deadline-ms") if head.signals is not None else None
        if raw is not None:
            left = signals.parse_deadline_ms(raw)
            if left is None:
                self.stats.ignored_signals["deadline-ms"] += 1
        if head.grpc_timeout:
            grpc = signals.parse_grpc_timeout(head.grpc_timeout)
            left = grpc if left is None else left if grpc is None else min(left, grpc)
        return None if left is None else exchange.started + left

    def _left_s(self, exchange: Exchange) -> float:
        ends = [exchange.deadline] if exchange.deadline is not None else []
        if self.timeouts.total_s is not None:
            ends.append(exchange.started + self.timeouts.total_s)
        return min(ends) - clock.now()

    def _proof(self, exchange: Exchange, key: bytes) -> bytes:
        """Proves the connection, not the message: the body hash is that of no body (wire.md)."""
        return auth.sign(
            key,
            method=exchange.head.method,
            path=exchange.head.target,
            body=b"",
            workload=self.identity.workload,
            now_unix_s=clock.wall_s(),
            nonce=secrets.token_urlsafe(12),
        )
