"""Our application's door on the wire: asks the gate, lets queued requests in, turns refusals into answers.

*Fail static*: an exception in the gate is counted and the request goes in; policy can make service worse, never
make a request fail.
"""

import asyncio
from typing import TYPE_CHECKING, Final

from sidecar import clock, contract
from sidecar.errors import ExchangeError, Punished, Shed
from sidecar.policy import gate as gates
from sidecar.policy import signals
from sidecar.policy.ask import Ask
from sidecar.policy.gate import Gate, Knock
from sidecar.policy.services import Service
from sidecar.proxy.message import Fields

if TYPE_CHECKING:
    from sidecar.proxy.exchange import Exchange
    from sidecar.proxy.peer import Peer

_REPUTATION: Final = contract.REPUTATION.encode()
_PUNISHMENT: Final = (contract.PUNISHMENT.encode(), b"true")
_SCORES: Final = [b"%.2f" % (hundredths / 100) for hundredths in range(101)]
_OVERLOADED: Final = (503, 504)
_DETAILS: Final = {
    "red": "the queue is filling up: refused early, so that others are served in time",
    "full": "more is waiting than can be served in time",
    "deadline": "cannot be served before the caller's deadline",
}


class Door:
    """One application's. `policy_failures`: exceptions inside the gate."""

    def __init__(self, gate: Gate, loop: asyncio.AbstractEventLoop) -> None:
        self.gate = gate
        self.policy_failures = 0
        self._loop = loop
        self._letting_in = False
        self._waiting: dict[Knock, tuple[Exchange, Service]] = {}

    def enter(self, exchange: "Exchange", service: Service, peer: "Peer") -> Service | None:
        """The service to go on with; None: it waits, and `found` or `fail` follows. Raises Shed, Punished."""
        try:
            knock = self._knock(exchange, peer)
        except Exception:  # noqa: BLE001 (fail static)
            self.policy_failures += 1
            return service
        exchange.knock = knock
        cause = knock.cause
        if cause == gates.IN or cause == gates.EXEMPT:
            self._turn_out()
            return service
        if cause == gates.QUEUED or cause == gates.DELAYED:
            self._waiting[knock] = (exchange, service)
            self._turn_out()
            if cause == gates.DELAYED:
                self._loop.call_later(self.gate.config.defence.delay_s, self._delay_over, knock)
            return None
        raise refusal(knock)

    def _knock(self, exchange: "Exchange", peer: "Peer") -> Knock:
        head = exchange.head
        attempt, bid = 1, 0.0
        if head.signals is not None:
            attempt, bid = self._said(exchange, head.signals)
        return self.gate.knock(
            peer.caller(),
            head.target,
            exchange.started,
            attempt=attempt,
            key=_key(head.fields) if head.idempotency_key else None,
            bid=bid,
            deadline=exchange.deadline,
        )

    def _said(self, exchange: "Exchange", sent: dict[bytes, bytes]) -> tuple[int, float]:
        """Attempt and bid, where the caller says them well."""
        ignored = exchange.side.stats.ignored_signals
        attempt, bid = 1, 0.0
        if (raw := sent.get(b"x-gt-attempt")) is not None:
            if raw.isdigit() and len(raw) <= 3:
                attempt = int(raw)
            else:
                ignored["attempt"] += 1
        if (raw := sent.get(b"x-gt-bid")) is not None:
            said = signals.parse_float(raw)
            if said is None:
                ignored["bid"] += 1
            else:
                bid = said
        return attempt, bid

    @property
    def waiting(self) -> int:
        """Requests that have been told neither yes nor no."""
        return len(self._waiting)

    # -- later

    def left(self, exchange: "Exchange", now: float) -> None:
        """An exchange is over, however: its place is free."""
        knock, exchange.knock = exchange.knock, None
        if knock is None:
            return
        self._waiting.pop(knock, None)
        try:
            took_s = _took_s(exchange, knock)
            entered = self.gate.left(
                knock,
                now,
                took_s=took_s,
                good=took_s is not None and not exchange.reason,
                overloaded=exchange.status in _OVERLOADED,
            )
        except Exception:  # noqa: BLE001 (fail static)
            self.policy_failures += 1
            return
        self._let_in(entered, now)

    def _let_in(self, ask: Ask | None, now: float) -> None:
        """Whoever the gate lets in, and those after it; one that fails at once makes room for another."""
        if self._letting_in:
            self._enter_later(ask)
            return
        self._letting_in = True
        try:
            while ask is not None:
                self._go_on(ask)
                ask = self.gate.admission.next(now)
        finally:
            self._letting_in = False

    def _enter_later(self, ask: Ask | None) -> None:
        if ask is not None:
            self._loop.call_soon(self._go_on, ask)

    def _go_on(self, ask: Ask) -> None:
        waiting = self._waiting.pop(ask, None) if isinstance(ask, Knock) else None
        if waiting is not None:
            exchange, service = waiting
            exchange.found(service)

    def _delay_over(self, knock: Knock) -> None:
        wanted = knock in self._waiting
        self.gate.undelayed(knock, clock.now(), wanted=wanted)
        self._turn_out()
        if not wanted or knock.cause == gates.QUEUED:
            return
        if knock.cause == gates.IN:
            self._go_on(knock)
        else:
            self._refuse(knock)

    def sweep(self, now: float) -> None:
        """About every 50 ms: refuse those who cannot be served in time, let in whom a larger limit allows."""
        try:
            late = self.gate.sweep(now)
            entered = self.gate.admission.next(now)
        except Exception:  # noqa: BLE001 (fail static)
            self.policy_failures += 1
            return
        for ask in late:
            self._refuse(ask)
        self._let_in(entered, now)

    def _turn_out(self) -> None:
        """Somebody had to leave the queue for this one."""
        evicted = self.gate.admission.evicted
        if evicted is not None:
            self.gate.admission.evicted = None
            self._refuse(evicted)

    def _refuse(self, ask: Ask) -> None:
        if isinstance(ask, Knock):
            waiting = self._waiting.pop(ask, None)
            if waiting is not None:
                waiting[0].fail(refusal(ask))

    # -- what callers are told

    def fields(self, exchange: "Exchange") -> Fields:
        """How we see this caller, and whether it is being punished."""
        knock = exchange.knock
        if knock is None or not knock.proven:
            return []
        account = knock.account
        told = [(_REPUTATION, _SCORES[int(100.0 * account.score + 0.5)])]
        return [*told, _PUNISHMENT] if account.punished else told


def refusal(knock: Knock) -> ExchangeError:
    """The error that says why."""
    cause = knock.cause
    if cause == gates.PUNISHED:
        level = knock.account.level
        return Punished(
            f"{knock.caller} asked for more than its share while we were busy: {level:.3g} requests/s until it stops",
            retry_after_s=max(1, int(knock.retry_after_s + 0.999)),
        )
    if cause == gates.DEFENDED:
        return Punished("requests from there rotate identities or paths", reason=contract.DEFENCE)
    reason = contract.DEADLINE if cause == "deadline" else contract.SHED
    return Shed(_DETAILS.get(cause, "more than can be served"), reason=reason)


def _key(fields: Fields) -> bytes | None:
    for name, value in fields:
        if name.lower() == b"idempotency-key":
            return value
    return None


def _took_s(exchange: "Exchange", knock: Knock) -> float | None:
    """From admission to the first byte of an answer of the application's own."""
    if exchange.answered_at is None or exchange.status >= 500 or exchange.tunnel:
        return None
    return max(0.0, exchange.answered_at - knock.admitted_at)
