"""Whom an exchange asks, and whom next: the first attempt, retries, hedges (policy.retries, architecture.md).

An exchange says what has happened; whether that is worth another attempt, and at which endpoint, is decided here.
"""

import asyncio
from typing import TYPE_CHECKING, Final

from sidecar import clock, contract
from sidecar.errors import ExchangeError, Unavailable
from sidecar.policy.retries import MAX_FURTHER_ATTEMPTS
from sidecar.policy.router import NoEndpoint
from sidecar.proxy.attempt import Attempt
from sidecar.proxy.message import HEDGEABLE, Fields, ResponseHead

if TYPE_CHECKING:
    from sidecar.proxy.exchange import Exchange

_REASON: Final = contract.REASON.lower().encode()
_APP_UNREACHABLE: Final = contract.APP_UNREACHABLE.encode()


class Attempts:
    """Of one exchange, which every call names: neither must keep the other alive. `made`: how many so far."""

    __slots__ = ("_fresh", "_hedge_timer", "_last_error", "_tried", "made", "under_way")

    def __init__(self, *, fresh: bool) -> None:
        self.under_way: list[Attempt] = []
        self.made = 0
        self._tried: frozenset[str] = frozenset()
        self._last_error: ExchangeError | None = None
        self._fresh = fresh  # only a connection nobody has spoken on will do
        self._hedge_timer: asyncio.TimerHandle | None = None

    def next(self, exchange: "Exchange", now: float) -> None:
        """Send one more, or fail the exchange when there is nobody left to ask."""
        service, side = exchange.service, exchange.side
        assert service is not None  # noqa: S101 (set by found)
        try:
            ticket = service.pick(exchange.route, now, self._tried, exchange.head.method in HEDGEABLE)
        except NoEndpoint:
            exchange.fail(self._last_error or Unavailable(f"{service.name} has no endpoint that can be used"))
            return
        self.made += 1
        pool = side.pools.get(ticket.endpoint, piped=exchange.head.opaque)
        stats = side.stats.of(service.name, ticket.endpoint)
        attempt = Attempt(exchange, service, ticket, pool, stats, self.made, fresh=self._fresh)
        self.under_way.append(attempt)
        try:
            pool.acquire(attempt)
        except Unavailable as error:
            self.drop(attempt)
            attempt.abandon(now)
            if not self.under_way:
                exchange.fail(error)

    # -- those under way

    def send_data(self, data: bytes, end: bool, trailers: Fields | None, now: float) -> bool:
        """More of the request's body for all that are connected; whether one is."""
        connected = False
        for attempt in self.under_way:
            if attempt.upstream is not None:
                connected = True
                attempt.upstream.send_data(data, end, trailers)
                if end:
                    attempt.sent(now)
        return connected

    def pause_response(self) -> None:
        """The client is slower than the endpoint."""
        for attempt in self.under_way:
            if attempt.upstream is not None:
                attempt.upstream.pause_response()

    def resume_response(self) -> None:
        """The client has caught up."""
        for attempt in self.under_way:
            if attempt.upstream is not None:
                attempt.upstream.resume_response()

    def only(self, attempt: Attempt) -> None:
        """`attempt` has won: the other copy is cancelled and says nothing about its endpoint."""
        if len(self.under_way) == 1:
            return
        for other in self.under_way:
            if other is not attempt:
                other.abandon(clock.now())
        self.under_way = [attempt]

    def drop(self, attempt: Attempt) -> None:
        """It is over."""
        if attempt in self.under_way:
            self.under_way.remove(attempt)

    def succeed(self, now: float) -> None:
        """The tunnel has ended."""
        for attempt in self.under_way:
            attempt.succeed(now)
        self.under_way = []

    def unpipe(self) -> None:
        """There will be no tunnel after all: whoever was to be at its other end has none."""
        for attempt in self.under_way:
            if attempt.upstream is not None:
                attempt.upstream.pipe = None

    def fail(self, now: float, error: ExchangeError) -> None:
        """All of them have, through their endpoints' fault."""
        for attempt in self.under_way:
            attempt.fail(now, error)
        self.under_way = []

    def end(self, now: float) -> None:
        """The exchange is over: nobody waits for those that are left, and no more are made."""
        for attempt in self.under_way:
            attempt.abandon(now)
        self.under_way = []
        if self._hedge_timer is not None:
            self._hedge_timer.cancel()
            self._hedge_timer = None

    # -- another one after it

    def lost(self, exchange: "Exchange", attempt: Attempt, error: ExchangeError, now: float) -> bool:
        """It ended without a complete response. Whether the exchange goes on: another is under way, or made now."""
        self.drop(attempt)
        unsent, stale = attempt.upstream is None, attempt.stale
        if isinstance(error, Unavailable):
            attempt.abandon(now)  # our own shortage, no endpoint's failure, and the same everywhere
            return bool(self.under_way)
        if stale:  # the keep-alive race (RFC 9112 §9.3.1) says nothing about the endpoint
            attempt.abandon(now)
            self._fresh = True  # other idle connections may be as old
        else:
            attempt.fail(now, error)
            self._exclude(attempt)
        if exchange.responded:
            return False
        if self.under_way:
            return True
        self._last_error = error
        return self._may_retry(exchange, unsent=unsent, stale=stale) and self._retry(exchange, now)

    def instead_of(
        self, exchange: "Exchange", attempt: Attempt, head: ResponseHead, end: bool, now: float
    ) -> bool:
        """A 502/503/504 that nobody meant for the client; ours say why and are final, unless never served."""
        reason = head.signals and head.signals.get(_REASON)
        if reason and reason != _APP_UNREACHABLE:
            return False
        others, retries = len(self.under_way) > 1, exchange.side.retries
        if not retries or not (others or self._may_retry(exchange, unsent=bool(reason), stale=False)):
            return False
        self.drop(attempt)
        self._exclude(attempt)
        attempt.head = head
        attempt.settle(now)
        attempt.leave(now, reusable=end and exchange.complete)
        if not others:
            self._retry(exchange, now)
        return True

    def _may_retry(self, exchange: "Exchange", *, unsent: bool, stale: bool) -> bool:
        retries, service = exchange.side.retries, exchange.service
        further = MAX_FURTHER_ATTEMPTS if retries else 1
        if self.made > further or exchange.replay.forgotten or exchange.interim_sent or service is None:
            return False
        if not (unsent or exchange.head.replayable) or not (retries or stale):
            return False
        return service.budget.withdraw(clock.now())

    def _retry(self, exchange: "Exchange", now: float) -> bool:
        exchange.side.stats.retries += 1
        if not exchange.replay.held:
            # the lost connection may have been the one that could not take more
            exchange.down.resume_request()
        self.next(exchange, now)
        return True

    def _exclude(self, attempt: Attempt) -> None:
        """Further attempts go elsewhere; inbound there is no elsewhere."""
        if attempt.exchange.side.retries:
            self._tried |= {attempt.ticket.endpoint}

    # -- another one beside it

    def plan_hedge(self, exchange: "Exchange", attempt: Attempt) -> None:
        """A complete request was sent: when to send a second copy, if at all."""
        if attempt.number > 1 or not exchange.side.retries or exchange.head.method not in HEDGEABLE:
            return
        at = exchange.service.hedge_at(attempt.ticket) if exchange.service is not None else None
        if at is not None and not exchange.replay.forgotten:
            wait_s = max(0.0, at - clock.now())
            self._hedge_timer = exchange.side.loop.call_later(wait_s, self._hedge, exchange)

    def _hedge(self, exchange: "Exchange") -> None:
        self._hedge_timer = None
        service = exchange.service
        if exchange.finished or exchange.responded or exchange.interim_sent or service is None:
            return
        now = clock.now()
        for attempt in self.under_way:
            self._exclude(attempt)
        if len(self._tried) < len(service.endpoints) and service.budget.withdraw(now):
            exchange.side.stats.hedges += 1
            self.next(exchange, now)
