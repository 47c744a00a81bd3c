"""What of an exchange has taken too long: all of it, its first response byte, the silence since its last byte.

Looked at by the wheel and not timed one by one: most requests end long before any of these.
"""

from typing import TYPE_CHECKING

from sidecar.errors import TimedOut

if TYPE_CHECKING:
    from sidecar.proxy.exchange import Exchange


def check(exchange: "Exchange", now: float) -> float:
    """Act on what has expired; when to look next."""
    timeouts, due = exchange.side.timeouts, float("inf")
    if timeouts.total_s is not None:
        due = exchange.started + timeouts.total_s
        if due <= now:
            exchange.fail(TimedOut(f"not complete within {timeouts.total_s:g} s"))
            return now
    if not exchange.responded and timeouts.first_byte_s is not None:
        due = min(due, _check_first_byte(exchange, now, timeouts.first_byte_s))
    if timeouts.idle_s is not None and not exchange.finished:
        if exchange.last_active + timeouts.idle_s <= now:
            exchange.fail(TimedOut(f"no byte in either direction for {timeouts.idle_s:g} s"))
        due = min(due, exchange.last_active + timeouts.idle_s)
    return due


def _check_first_byte(exchange: "Exchange", now: float, limit_s: float) -> float:
    due, attempts = float("inf"), exchange.attempts
    for attempt in list(attempts.under_way):
        since = attempt.sent_at or (attempt.ticket.picked_at if attempt.upstream is None else now)
        if since + limit_s <= now:
            attempt.fail(now, TimedOut(""))
            attempts.drop(attempt)
        due = min(due, since + limit_s)
    if not attempts.under_way and exchange.service is not None and not exchange.finished:
        exchange.fail(TimedOut(f"{exchange.service.name} sent no response byte within {limit_s:g} s"))
    return due
