"""One try of an exchange at one endpoint: its ticket, its slot in the pool, its connection.

Whatever happens, the ticket is settled once and the slot given back once; every exit goes through `_close`.
"""

from typing import TYPE_CHECKING, Final

from sidecar import contract
from sidecar.errors import ConnectFailed, ExchangeError, TimedOut, UpstreamFraming
from sidecar.policy import signals
from sidecar.policy.services import Service
from sidecar.policy.ticket import Ticket
from sidecar.proxy.message import Fields, ResponseHead
from sidecar.proxy.stats import EndpointStats

if TYPE_CHECKING:
    from sidecar.proxy.exchange import Exchange
    from sidecar.proxy.pools import Pool
    from sidecar.proxy.upstream import Upstream

_REASON: Final = contract.REASON.lower().encode()
_CONGESTION: Final = contract.CONGESTION.lower().encode()
_KINDS: Final = ((ConnectFailed, "connect"), (TimedOut, "timeout"), (UpstreamFraming, "framing"))


class Attempt:
    """`number` counts from 1 within the exchange; `upstream` is None while waiting for a connection."""

    __slots__ = (
        "_pool",
        "_service",
        "_stats",
        "exchange",
        "fresh",
        "has_slot",
        "head",
        "number",
        "open",
        "sent_at",
        "stale",
        "ticket",
        "trailers",
        "upstream",
    )

    def __init__(
        self,
        exchange: "Exchange",
        service: Service,
        ticket: Ticket,
        pool: "Pool",
        stats: EndpointStats,
        number: int,
        *,
        fresh: bool,
    ) -> None:
        self.exchange = exchange
        self._service = service
        self.ticket = ticket
        self.number = number
        self.fresh = fresh  # no pooled connection will do
        self.upstream: Upstream | None = None
        self.head: ResponseHead | None = None
        self.trailers: Fields | None = None
        self.sent_at: float | None = None  # when the last request byte was written
        self.stale = False  # a reused connection died before a response byte
        self.open = True
        self.has_slot = False  # counted in the pool's `active`; kept by the pool
        self._pool = pool
        self._stats = stats

    @property
    def tunnel(self) -> bool:
        """Wants the bare connection."""
        return self.exchange.head.method == b"CONNECT"

    # -- the pool and the connection tell

    def connected(self, upstream: "Upstream") -> None:
        """A connection is ours."""
        self.exchange.on_connected(self, upstream)

    def lost(self, error: ExchangeError, *, stale: bool = False) -> None:
        """No connection could be made, or it broke."""
        self.stale = stale
        self.exchange.on_lost(self, error)

    # -- the exchange decides

    def sent(self, now: float) -> None:
        """The last request byte was written."""
        self.sent_at = now
        self.ticket.sent(now)

    def first_byte(self, now: float) -> None:
        """The first response byte arrived."""
        self._service.first_byte(self.ticket, now)

    def answered(self, head: ResponseHead, now: float) -> None:
        """The final head arrived. How fast a failure comes says nothing about how fast the endpoint works."""
        if head.status < 500 and not (head.status == 429 and _ours(head)):
            self._service.first_byte(self.ticket, now)
        if not head.keep_alive and head.minor:
            self._service.closing(self.ticket, now, certain=_of_mesh(head))

    def settle(self, now: float) -> None:
        """Close the ticket by what the response says; the connection stays with us until `leave`."""
        head = self.head
        status = head.status if head is not None else 200
        if head is not None and status in (429, 503) and _ours(head):
            self._stats.abandoned += 1  # throttled or shed by our own kind: not the endpoint's failure
            self.ticket.replied = True
            self._service.abandoned(self.ticket, now)
        elif status >= 500:
            self._stats.failed += 1
            self._service.failed(self.ticket, now, self._retry_after(), "status")
        else:
            self._stats.succeeded += 1
            self._service.succeeded(self.ticket, now, self._congestion())
        self._stats.latency.observe(now - self.ticket.picked_at)

    def succeed(self, now: float) -> None:
        """A tunnel ended."""
        self._stats.succeeded += 1
        self._service.succeeded(self.ticket, now, None)
        self._close(now, reusable=False)

    def fail(self, now: float, error: ExchangeError) -> None:
        """The endpoint's fault, without a usable response."""
        kind = next((kind for of, kind in _KINDS if isinstance(error, of)), "reset")
        self._stats.failed += 1
        self._service.failed(self.ticket, now, None, kind)
        self._close(now, reusable=False)

    def abandon(self, now: float) -> None:
        """Nobody wants the answer any more."""
        self._stats.abandoned += 1
        self._service.abandoned(self.ticket, now)
        self._close(now, reusable=False)

    def leave(self, now: float, *, reusable: bool) -> None:
        """The response has been read; the connection may serve another exchange if both messages ended exactly."""
        self._close(now, reusable=reusable)

    def _close(self, now: float, *, reusable: bool) -> None:
        if self.open:
            self.open = False
            self._pool.release(self, now, reusable=reusable)

    def _congestion(self) -> float | None:
        if self.head is None or self.head.signals is None:
            return None
        raw = self.head.signals.get(_CONGESTION)
        value = signals.parse_float(raw) if raw is not None else None
        if raw is not None and value is None:
            self.exchange.side.stats.ignored_signals["congestion"] += 1
        return value

    def _retry_after(self) -> float | None:
        for name, value in self.head.fields if self.head is not None else ():
            if name.lower() == b"retry-after" and value.isdigit() and len(value) < 8:
                return float(value)
        return None

    def __repr__(self) -> str:
        where = "waiting" if self.upstream is None else repr(self.upstream)
        return f"<Attempt {self.number} {self.ticket!r} {where}>"


def _of_mesh(head: ResponseHead) -> bool:
    """Said by a sidecar, which always says how busy it is."""
    return head.signals is not None and _CONGESTION in head.signals


def _ours(head: ResponseHead) -> bool:
    """A sidecar's own answer; an application without one cannot excuse itself."""
    return head.signals is not None and _REASON in head.signals and _CONGESTION in head.signals
