"""One request and its response, whatever the codec: what passes between its two sides, and the one outcome.

An exchange stands between two streams it never looks inside. `Downstream` is the client's side, `Upstream` one
connection to an endpoint; both speak in heads, data, trailers, resets and credit, so that HTTP/2 can take
either place. Whom to ask, and whether to ask again, is `attempts`; what takes too long, `timeouts`. Every ticket is
settled exactly once, client gone and shutdown included.
"""

import asyncio

from sidecar import clock, contract
from sidecar.errors import ExchangeError, TimedOut
from sidecar.policy.gate import Knock
from sidecar.policy.retries import RETRYABLE_STATUS
from sidecar.policy.services import Service
from sidecar.proxy.attempt import Attempt
from sidecar.proxy.attempts import Attempts
from sidecar.proxy.message import Fields, RequestHead, ResponseHead
from sidecar.proxy.replay import Replay
from sidecar.proxy.replies import reply
from sidecar.proxy.sides import Downstream, Side
from sidecar.proxy.upstream import Upstream


class Exchange:
    """See the module. Created by a downstream codec when a request head is complete."""

    __slots__ = (
        "_deadline_timer",
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
        "replay",
        "request_trailers",
        "responded",
        "route",
        "sent_bytes",
        "service",
        "side",
        "started",
        "status",
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
        self.attempts = Attempts(fresh=head.method == b"CONNECT")
        self.replay = Replay(data, side.limits.replay_bytes)
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
        self._deadline_timer: asyncio.TimerHandle | None = None

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
        self.attempts.next(self, self.started)

    def request_data(self, data: bytes, end: bool, trailers: Fields | None) -> None:
        """More of the request body."""
        if self.finished:
            return
        self.received_bytes += len(data)
        self.complete = end
        self.request_trailers = trailers
        self.last_active = clock.now()
        taken = self.attempts.send_data(data, end, trailers, self.last_active)
        if self.replay.add(data, taken=taken):
            self.down.pause_request()

    def client_gone(self) -> None:
        """The client closed or reset: nobody is waiting, nothing is anybody's fault."""
        if not self.finished:
            self.reason = "client-gone"
            self._end(clock.now())

    # -- from the endpoint's side

    def on_connected(self, attempt: Attempt, upstream: Upstream) -> None:
        """The attempt has a connection: send what there is of the request."""
        attempt.upstream = upstream
        if self.head.method == b"CONNECT":
            self._connect_tunnel(attempt, upstream)
            return
        body = self.replay.body()
        extra = self.side.request_fields(self, attempt)
        upstream.send_request(self.head, extra, body, self.complete, self.request_trailers)
        if self.complete:
            attempt.sent(clock.now())
            self.attempts.plan_hedge(self, attempt)
        else:
            attempt.ticket.uploading()
        if self.replay.taken():
            self.down.resume_request()

    def on_interim(self, attempt: Attempt, head: ResponseHead) -> None:
        """A 1xx goes straight through; from then on this attempt is the one."""
        self.attempts.only(attempt)
        self.interim_sent = True
        self.last_active = clock.now()
        self.down.send_interim(head)

    def on_head(self, attempt: Attempt, head: ResponseHead, data: bytes, end: bool) -> None:
        """The final response begins."""
        now = self.last_active = attempt.upstream.arrived if attempt.upstream is not None else clock.now()
        attempt.answered(head, now)
        if head.status in RETRYABLE_STATUS and self.attempts.instead_of(self, attempt, head, end, now):
            return
        self.attempts.only(attempt)
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
        if self.attempts.made == 1 and attempt.sent_at is not None and attempt.upstream is not None:
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
        if not self.attempts.lost(self, attempt, error, clock.now()):
            self.fail(error)

    # -- tunnels

    def _connect_tunnel(self, attempt: Attempt, upstream: Upstream) -> None:
        attempt.first_byte(clock.now())
        self.attempts.only(attempt)
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
            self.attempts.succeed(now)
            self._end(now)

    def withdraw(self) -> None:
        """The client of this tunnel speaks HTTP after all: let go of whoever was to be at the other end."""
        self.attempts.unpipe()
        self.status = 0
        self._end(clock.now())

    # -- ends

    def _deadline_passed(self) -> None:
        self._deadline_timer = None
        self.fail(TimedOut("the caller's deadline has passed", reason=contract.DEADLINE))

    def _complete(self, attempt: Attempt, now: float) -> None:
        self.attempts.drop(attempt)
        attempt.settle(now)
        attempt.leave(now, reusable=self.complete)
        self._end(now)

    def fail(self, error: ExchangeError) -> None:
        """Answer with our own error, or cut a response that has begun."""
        if self.finished:
            return
        now = clock.now()
        if isinstance(error, TimedOut) and not self.responded:
            self.attempts.fail(now, error)
        self.attempts.end(now)
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
        self.attempts.end(now)
        if self._deadline_timer is not None:
            self._deadline_timer.cancel()
            self._deadline_timer = None
        self.replay.forget()
        self.side.stats.in_flight -= 1
        self.side.stats.answered(self.status)
        self.side.finished(self, now)
        if cut:
            self.down.cut()
        else:
            self.down.exchange_done()

    def __repr__(self) -> str:
        state = "finished" if self.finished else "responded" if self.responded else "waiting"
        return f"<Exchange {self.head.method.decode()} {self._asked()} {state} tries={self.attempts.made}>"
