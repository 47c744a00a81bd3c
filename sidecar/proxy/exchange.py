"""One request and its response, whatever the codec: attempts, retries, hedges, time limits, the one outcome.

An exchange stands between two streams it never looks inside. `Downstream` is the client's side, `Upstream` one
connection to an endpoint; both speak in heads, data, trailers, resets and credit, so that HTTP/2 can take
either place. It settles every ticket exactly once, client gone and shutdown included.
"""

import asyncio

from sidecar import clock, contract
from sidecar.errors import ExchangeError, TimedOut, Unavailable
from sidecar.policy.gate import Knock
from sidecar.policy.retries import MAX_FURTHER_ATTEMPTS, RETRYABLE_STATUS
from sidecar.policy.router import NoEndpoint
from sidecar.policy.services import Service
from sidecar.proxy.attempt import Attempt
from sidecar.proxy.message import HEDGEABLE, Fields, RequestHead, ResponseHead
from sidecar.proxy.replies import reply
from sidecar.proxy.sides import Downstream, Side
from sidecar.proxy.upstream import Upstream

_REASON = contract.REASON.lower().encode()
_APP_UNREACHABLE = contract.APP_UNREACHABLE.encode()


class Exchange:
    """See the module. Created by a downstream codec when a request head is complete."""

    __slots__ = (
        "_body",
        "_body_size",
        "_credit_held",
        "_deadline_timer",
        "_fresh",
        "_hedge_timer",
        "_last_error",
        "_tried",
        "answered_at",
        "attempts",
        "complete",
        "deadline",
        "down",
        "endpoint",
        "finished",
        "head",
        "interim_sent",
        "knock",
        "last_active",
        "reason",
        "received_bytes",
        "request_trailers",
        "responded",
        "route",
        "sent_bytes",
        "service",
        "side",
        "started",
        "status",
        "tries",
        "tunnel",
    )

    def __init__(
        self, side: Side, down: Downstream, head: RequestHead, data: bytes, end: bool, now: float
    ) -> None:
        self.side = side
        self.down = down
        self.head = head
        self.started = self.last_active = now
        self.service: Service | None = None
        self.route = ""
        self.attempts: list[Attempt] = []
        self.tries = 0
        self.complete = end  # the whole request has arrived
        self.request_trailers: Fields | None = None
        self.responded = self.finished = self.interim_sent = self.tunnel = False
        self.status = 0
        self.reason = ""
        self.endpoint = ""
        self.deadline: float | None = None
        self.knock: Knock | None = None  # its place at the door of our own application
        self.answered_at: float | None = None  # when the final head came
        self.received_bytes, self.sent_bytes = len(data), 0
        self._body: list[bytes] | None = [data] if data else []
        self._body_size = len(data)
        self._credit_held = False
        self._tried: frozenset[str] = frozenset()
        self._last_error: ExchangeError | None = None
        self._fresh = head.method == b"CONNECT"  # needs a connection nobody has spoken on
        self._deadline_timer: asyncio.TimerHandle | None = None
        self._hedge_timer: asyncio.TimerHandle | None = None

    # -- from the client's side

    def start(self) -> None:
        """Find the destination and send the first attempt."""
        self.side.stats.in_flight += 1
        self.side.stats.requests += 1
        try:
            service = self.side.find(self)
        except ExchangeError as error:
            self.fail(error)
            return
        if service is not None:
            self.found(service)

    def found(self, service: Service) -> None:
        """The destination is known: go."""
        if self.finished:
            return
        self.service = service
        self.route = service.routes.classify(self.head.method, self.head.target)
        service.budget.deposit(self.started)
        if self.deadline is not None:
            left = max(0.0, self.deadline - clock.now())
            self._deadline_timer = self.side.loop.call_later(left, self._deadline_passed)
        self._try(self.started)

    def request_data(self, data: bytes, end: bool, trailers: Fields | None) -> None:
        """More of the request body."""
        if self.finished:
            return
        self.received_bytes += len(data)
        self.complete = end
        self.request_trailers = trailers
        self.last_active = clock.now()
        connected = False
        for attempt in self.attempts:
            if attempt.upstream is not None:
                connected = True
                attempt.upstream.send_data(data, end, trailers)
                if end:
                    attempt.sent(self.last_active)
        self._keep(data, connected)

    def _keep(self, data: bytes, connected: bool) -> None:
        """Remember the body for another attempt, up to the replay limit; hold the client while nobody reads."""
        if self._body is None:
            return
        if data:
            self._body.append(data)
            self._body_size += len(data)
        if self._body_size > self.side.limits.replay_bytes:
            if connected:
                self._body = None
            elif not self._credit_held:
                self._credit_held = True
                self.down.pause_request()

    def client_gone(self) -> None:
        """The client closed or reset: nobody is waiting, nothing is anybody's fault."""
        if not self.finished:
            self.reason = "client-gone"
            self._end(clock.now())

    def pause_response(self) -> None:
        """The client is slower than the endpoint."""
        for attempt in self.attempts:
            if attempt.upstream is not None:
                attempt.upstream.pause_response()

    def resume_response(self) -> None:
        """The client has caught up."""
        for attempt in self.attempts:
            if attempt.upstream is not None:
                attempt.upstream.resume_response()

    # -- attempts

    def _try(self, now: float) -> None:
        service = self.service
        assert service is not None  # noqa: S101 (set by found)
        try:
            ticket = service.pick(self.route, now, self._tried, self.head.method in HEDGEABLE)
        except NoEndpoint:
            self.fail(self._last_error or Unavailable(f"{service.name} has no endpoint that can be used"))
            return
        self.tries += 1
        pool = self.side.pools.get(ticket.endpoint, piped=self.head.opaque)
        stats = self.side.stats.of(service.name, ticket.endpoint)
        attempt = Attempt(self, service, ticket, pool, stats, self.tries, fresh=self._fresh)
        self.attempts.append(attempt)
        try:
            pool.acquire(attempt)
        except Unavailable as error:
            self._drop(attempt)
            attempt.abandon(now)
            if not self.attempts:
                self.fail(error)

    def on_connected(self, attempt: Attempt, upstream: Upstream) -> None:
        """The attempt has a connection: send what there is of the request."""
        attempt.upstream = upstream
        if self.head.method == b"CONNECT":
            self._connect_tunnel(attempt, upstream)
            return
        body = b"".join(self._body) if self._body else b""
        extra = self.side.request_fields(self, attempt)
        upstream.send_request(self.head, extra, body, self.complete, self.request_trailers)
        if self.complete:
            attempt.sent(clock.now())
            self._plan_hedge(attempt)
        else:
            attempt.ticket.uploading()
        if self._body_size > self.side.limits.replay_bytes:
            self._body = None
        if self._credit_held:
            self._credit_held = False
            self.down.resume_request()

    def on_interim(self, attempt: Attempt, head: ResponseHead) -> None:
        """A 1xx goes straight through; from then on this attempt is the one."""
        self._only(attempt)
        self.interim_sent = True
        self.last_active = clock.now()
        self.down.send_interim(head)

    def on_head(self, attempt: Attempt, head: ResponseHead, data: bytes, end: bool) -> None:
        """The final response begins."""
        now = self.last_active = attempt.upstream.arrived if attempt.upstream is not None else clock.now()
        attempt.answered(head, now)
        if head.status in RETRYABLE_STATUS and self._retry_status(attempt, head, end, now):
            return
        self._only(attempt)
        attempt.head = head
        self.answered_at = now
        self.responded = True
        self.status = head.status
        self.endpoint = attempt.ticket.endpoint
        self.sent_bytes += len(data)
        if head.status == 101:
            self._upgrade_tunnel(attempt, head)
            return
        trailers = attempt.trailers if end else None
        self.down.respond(head, self.side.response_fields(self), data, end, trailers)
        if end:
            self._complete(attempt, self._measure(attempt))

    def _measure(self, attempt: Attempt) -> float:
        """Our own share of a plain request: arrival to sent, and response arrival to answered. The time now."""
        now = clock.now()
        if self.tries == 1 and attempt.sent_at is not None and attempt.upstream is not None:
            there = attempt.sent_at - self.started
            self.side.stats.overhead.observe(there + now - attempt.upstream.arrived)
        return now

    def on_data(self, attempt: Attempt, data: bytes, end: bool) -> None:
        """More of the response."""
        now = self.last_active = clock.now()
        self.sent_bytes += len(data)
        self.down.send_data(data, end, attempt.trailers if end else None)
        if end:
            self._complete(attempt, now)

    def on_lost(self, attempt: Attempt, error: ExchangeError) -> None:
        """An attempt ended without a complete response."""
        now = clock.now()
        self._drop(attempt)
        unsent, stale = attempt.upstream is None, attempt.stale
        if isinstance(error, Unavailable):
            attempt.abandon(now)  # our own shortage, no endpoint's failure, and the same everywhere
            if not self.attempts:
                self.fail(error)
            return
        if stale:  # the keep-alive race (RFC 9112 §9.3.1) says nothing about the endpoint
            attempt.abandon(now)
            self._fresh = True  # other idle connections may be as old
        else:
            attempt.fail(now, error)
            self._exclude(attempt)
        if self.responded:
            self.reason = error.reason
            self._end(now, cut=True)
        elif not self.attempts:
            self._last_error = error
            if self._may_retry(unsent=unsent, stale=stale):
                self._retry(now)
            else:
                self.fail(error)

    # -- retries and hedges (policy.retries, architecture.md)

    def _may_retry(self, *, unsent: bool, stale: bool) -> bool:
        further = MAX_FURTHER_ATTEMPTS if self.side.retries else 1
        if self.tries > further or self._body is None or self.interim_sent or self.service is None:
            return False
        if not (unsent or self.head.replayable) or not (self.side.retries or stale):
            return False
        return self.service.budget.withdraw(clock.now())

    def _retry_status(self, attempt: Attempt, head: ResponseHead, end: bool, now: float) -> bool:
        """A 502/503/504 that nobody meant for the client; ours say why and are final, unless never served."""
        reason = head.signals and head.signals.get(_REASON)
        if reason and reason != _APP_UNREACHABLE:
            return False
        others = len(self.attempts) > 1
        if not self.side.retries or not (others or self._may_retry(unsent=bool(reason), stale=False)):
            return False
        self._drop(attempt)
        self._exclude(attempt)
        attempt.head = head
        attempt.settle(now)
        attempt.leave(now, reusable=end and self.complete)
        if not others:
            self._retry(now)
        return True

    def _retry(self, now: float) -> None:
        self.side.stats.retries += 1
        if not self._credit_held:
            self.down.resume_request()  # the lost connection may have been the one that could not take more
        self._try(now)

    def _plan_hedge(self, attempt: Attempt) -> None:
        if attempt.number > 1 or not self.side.retries or self.head.method not in HEDGEABLE:
            return
        at = self.service.hedge_at(attempt.ticket) if self.service is not None else None
        if at is not None and self._body is not None:
            self._hedge_timer = self.side.loop.call_later(max(0.0, at - clock.now()), self._hedge)

    def _hedge(self) -> None:
        self._hedge_timer = None
        if self.finished or self.responded or self.interim_sent or self.service is None:
            return
        now = clock.now()
        for attempt in self.attempts:
            self._exclude(attempt)
        if len(self._tried) < len(self.service.endpoints) and self.service.budget.withdraw(now):
            self.side.stats.hedges += 1
            self._try(now)

    def _exclude(self, attempt: Attempt) -> None:
        """Further attempts go elsewhere; inbound there is no elsewhere."""
        if self.side.retries:
            self._tried |= {attempt.ticket.endpoint}

    def _only(self, attempt: Attempt) -> None:
        """`attempt` has won: the other copy is cancelled and says nothing about its endpoint."""
        if len(self.attempts) == 1:
            return
        for other in self.attempts:
            if other is not attempt:
                other.abandon(clock.now())
        self.attempts = [attempt]

    # -- tunnels

    def _connect_tunnel(self, attempt: Attempt, upstream: Upstream) -> None:
        attempt.first_byte(clock.now())
        self._only(attempt)
        self.responded = self.tunnel = True
        self.status = 200
        self.endpoint = attempt.ticket.endpoint
        self.down.open_tunnel(None, upstream)

    def _upgrade_tunnel(self, attempt: Attempt, head: ResponseHead) -> None:
        assert attempt.upstream is not None  # noqa: S101 (it just answered)
        self.tunnel = True
        head.fields += self.side.response_fields(self)
        self.side.tunnelled(self)
        self.down.open_tunnel(head, attempt.upstream)

    def tunnel_closed(self, sent: int, received: int) -> None:
        """Both directions of the tunnel have ended, after so many bytes to the destination and back."""
        if not self.finished:
            now = clock.now()
            self.received_bytes += sent
            self.sent_bytes += received
            for attempt in self.attempts:
                attempt.succeed(now)
            self.attempts = []
            self._end(now)

    def withdraw(self) -> None:
        """The client of this tunnel speaks HTTP after all: let go of whoever was to be at the other end."""
        for attempt in self.attempts:
            if attempt.upstream is not None:
                attempt.upstream.pipe = None
        self.status = 0
        self._end(clock.now())

    # -- time

    def check(self, now: float) -> float:
        """Act on what has expired; when to look next."""
        timeouts, due = self.side.timeouts, float("inf")
        if timeouts.total_s is not None:
            due = self.started + timeouts.total_s
            if due <= now:
                self.fail(TimedOut(f"not complete within {timeouts.total_s:g} s"))
                return now
        if not self.responded and timeouts.first_byte_s is not None:
            due = min(due, self._check_first_byte(now, timeouts.first_byte_s))
        if timeouts.idle_s is not None and not self.finished:
            if self.last_active + timeouts.idle_s <= now:
                self.fail(TimedOut(f"no byte in either direction for {timeouts.idle_s:g} s"))
            due = min(due, self.last_active + timeouts.idle_s)
        return due

    def _check_first_byte(self, now: float, limit_s: float) -> float:
        due = float("inf")
        for attempt in list(self.attempts):
            since = attempt.sent_at or (attempt.ticket.picked_at if attempt.upstream is None else now)
            if since + limit_s <= now:
                attempt.fail(now, TimedOut(""))
                self._drop(attempt)
            due = min(due, since + limit_s)
        if not self.attempts and self.service is not None and not self.finished:
            self.fail(TimedOut(f"{self.service.name} sent no response byte within {limit_s:g} s"))
        return due

    def _deadline_passed(self) -> None:
        self._deadline_timer = None
        self.fail(TimedOut("the caller's deadline has passed", reason=contract.DEADLINE))

    # -- ends

    def _drop(self, attempt: Attempt) -> None:
        if attempt in self.attempts:
            self.attempts.remove(attempt)

    def _complete(self, attempt: Attempt, now: float) -> None:
        self._drop(attempt)
        attempt.settle(now)
        attempt.leave(now, reusable=self.complete)
        self._end(now)

    def fail(self, error: ExchangeError) -> None:
        """Answer with our own error, or cut a response that has begun."""
        if self.finished:
            return
        now = clock.now()
        for attempt in self.attempts:
            if isinstance(error, TimedOut) and not self.responded:
                attempt.fail(now, error)
            else:
                attempt.abandon(now)
        self.attempts = []
        self.reason = error.reason
        if self.responded:
            self._end(now, cut=True)
            return
        self.side.stats.errors[error.reason] += 1
        self.responded = True
        self.status = error.status
        head, body = reply(error, self.service.name if self.service is not None else self._asked())
        data = b"" if self.head.method == b"HEAD" else body
        self.down.respond(head, self.side.response_fields(self), data, True, None)
        self._end(now)

    def _asked(self) -> str:
        return self.head.authority.decode("latin-1")

    def _end(self, now: float, *, cut: bool = False) -> None:
        """The one way out."""
        self.finished = True
        for attempt in self.attempts:
            attempt.abandon(now)
        self.attempts = []
        for timer in (self._deadline_timer, self._hedge_timer):
            if timer is not None:
                timer.cancel()
        self._deadline_timer = self._hedge_timer = None
        self._body = None
        self.side.stats.in_flight -= 1
        self.side.stats.answered(self.status)
        self.side.finished(self, now)
        if cut:
            self.down.cut()
        else:
            self.down.exchange_done()

    def __repr__(self) -> str:
        state = "finished" if self.finished else "responded" if self.responded else "waiting"
        return f"<Exchange {self.head.method.decode()} {self._asked()} {state} tries={self.tries}>"
