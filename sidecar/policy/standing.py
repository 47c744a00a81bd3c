"""How one endpoint stands with us: what it does, what it has in flight, what one more request would cost there."""

import math
from typing import Final

from sidecar.game import payoff
from sidecar.game.bayes import TypePosterior, fade_s
from sidecar.game.potential import Moments
from sidecar.policy.failures import Record
from sidecar.policy.ledger import Row
from sidecar.policy.ticket import Ticket, Waiting

ADMITTED: Final = "admitted"
EJECTED: Final = "ejected"
PROBING: Final = "probing"
CLOSING_S: Final = 2.0
"""A draining endpoint is left alone for so long, unless discovery drops it first."""
FRESH_S: Final = 1.0
"""Time constant of a congestion report."""
_SILENT: Final = 2.0
"""Baselines without an answer, before giving up says anything."""
_PATIENCE: Final = 3.0
"""An answer is overdue after so many baselines."""


class Standing:
    """One endpoint of one service; `place` is its index in the learner's vectors."""

    __slots__ = (
        "abandoned",
        "accused",
        "accused_fade_s",
        "address",
        "backoff_s",
        "born",
        "closes",
        "closing_until",
        "congestion",
        "congestion_at",
        "cost_s",
        "curve",
        "failed",
        "failures",
        "forecast",
        "good_in_a_row",
        "health",
        "in_flight",
        "last_pick",
        "load",
        "picked",
        "place",
        "price_s",
        "price_until",
        "row",
        "share",
        "silent",
        "slow_at",
        "slowdown",
        "succeeded",
        "suspect",
        "types",
        "undecided",
        "waiting",
        "would",
    )

    def __init__(self, address: str, now: float, error_memory_s: float, price_s: float) -> None:
        self.address = address
        self.place = 0
        self.born = now
        # in flight
        self.in_flight = 0
        self.waiting = Waiting()
        self.suspect: Ticket | None = None  # the most overdue one, as of the last tick
        self.load = 0.0  # 1 s average of in_flight
        # how fast
        self.slowdown = 1.0
        self.slow_at = now
        self.silent = 0  # requests in a row that nobody waited for to the end
        self.congestion = -1.0  # as reported; negative: never
        self.congestion_at = 0.0
        # how reliable
        self.failures = Record(error_memory_s)
        self.accused = 0.0
        self.accused_fade_s = 1.0
        self.price_s = price_s
        self.price_until = 0.0
        self.health = ADMITTED
        self.good_in_a_row = 0
        self.types = TypePosterior()
        self.closes = 0  # replies in a row after which it closed the connection
        self.closing_until = 0.0
        # when to try it again
        self.last_pick = now
        self.backoff_s = 0.0
        self.undecided = False  # nobody waited for the answer to the last probe
        # told
        self.picked = self.succeeded = self.failed = self.abandoned = self.would = 0
        self.cost_s = 0.0  # as of the last tick
        self.curve = Moments()
        self.forecast = Pair()
        self.row = Row()
        self.share = 0.0  # of the last second's picks

    # -- costs

    def overdue(self, now: float) -> float:
        """`a_k`: how late the latest unanswered request is, in patience (3 × its route's baseline)."""
        worst = 0.0
        oldest = self.waiting.oldest
        if oldest is not None:
            worst = lateness(oldest, now)
        if self.suspect is not None:
            worst = max(worst, lateness(self.suspect, now))
        return worst

    def unreliability(self, now: float) -> float:
        """`ê_k`: failures in excess of its peers', or the fading accusation of failing right now."""
        excess = self.failures.excess
        if self.accused > 0.0:
            age = now - self.failures.last_failed_at
            excess = max(excess, self.accused * math.exp(-age / self.accused_fade_s))
        return excess

    def base(
        self, baseline_s: float, now: float, fastest: float, luck: float, congestion: float, weight: float
    ) -> float:
        """Seconds at no load; `fastest` is the least slowdown among its peers."""
        slow = max(self.slowdown, self.overdue(now)) if self.waiting.count else self.slowdown
        pace = payoff.pace(slow, fastest, luck)
        excess = self.unreliability(now) if self.accused > 0.0 or self.failures.excess > 0.0 else 0.0
        return payoff.base(baseline_s, pace, self.price_s, excess, congestion, weight)

    def congested(self, usual: float, now: float) -> float:
        """`g_k`: the report while it is fresh, then what is usual in the pool."""
        if self.congestion < 0.0:
            return usual
        fresh = math.exp((self.congestion_at - now) / FRESH_S)
        return usual + fresh * (self.congestion - usual)

    # -- learning

    def stop_waiting(self, ticket: Ticket) -> None:
        """It answered, or nobody waits for it any more."""
        if self.suspect is ticket:
            self.suspect = None
        self.waiting.remove(ticket)

    def answered(self, ratio: float, now: float, memory_s: float, most: float) -> None:
        """Time to first byte over its route's baseline: believed at once when worse, gradually when better."""
        self.silent = 0
        ratio = min(ratio, most)
        elapsed = now - self.slow_at
        self.slow_at = now
        if ratio > self.slowdown:
            self.slowdown = ratio
        else:
            step = min(0.5, max(0.02, 1.0 - math.exp(-elapsed / memory_s)))
            self.slowdown += step * (ratio - self.slowdown)

    def unanswered(self, ticket: Ticket, now: float, most: float) -> None:
        """Nobody waits any more: it would have taken at least so long; so many in a row, and it hangs."""
        ratio = _PATIENCE * lateness(ticket, now)
        if ratio < _SILENT:
            return  # a shed reply, a client that left early: it had hardly had the time
        self.silent += 1
        least = min(self.silent * ratio, most)
        if least > self.slowdown:
            self.slowdown = least
            self.slow_at = now

    def accuse(self, posterior: float) -> None:
        """Failures in a row say this much."""
        self.accused = 0.9 * posterior
        self.accused_fade_s = fade_s(self.failures.in_a_row)

    def look(self, now: float, elapsed_s: float) -> None:
        """Once a tick: averages fade, and the most overdue ticket is found (routes differ: not always the oldest)."""
        keep = math.exp(-elapsed_s)
        self.load = keep * self.load + (1.0 - keep) * self.in_flight
        fade = math.exp(-elapsed_s / 10.0)
        self.forecast.fade(fade)
        self.curve.fade(fade)
        self.types.fade(elapsed_s)
        self.suspect, worst = None, 1.0
        ticket = self.waiting.oldest
        while ticket is not None:
            late = lateness(ticket, now)
            if late > worst:
                self.suspect, worst = ticket, late
            ticket = ticket.newer

    def reported(self, congestion: float, now: float) -> None:
        """`X-GT-Congestion` of a response."""
        self.congestion = min(1.0, max(0.0, congestion))
        self.congestion_at = now

    def __repr__(self) -> str:
        return f"<Standing {self.address} {self.health} s={self.slowdown:.2f} q={self.in_flight}>"


class Pair:
    """Predicted and observed cost of the same requests, fading together."""

    __slots__ = ("observed_s", "predicted_s", "weight")

    def __init__(self) -> None:
        self.predicted_s = self.observed_s = self.weight = 0.0

    def add(self, predicted_s: float, observed_s: float) -> None:
        """One settled request."""
        self.predicted_s += predicted_s
        self.observed_s += observed_s
        self.weight += 1.0

    def fade(self, keep: float) -> None:
        """Older ones count less."""
        self.predicted_s *= keep
        self.observed_s *= keep
        self.weight *= keep


def lateness(ticket: Ticket, now: float) -> float:
    """Age over patience; 0 while the request is still being sent."""
    return ticket.waited(now) / (_PATIENCE * ticket.baseline_s) if ticket.baseline_s > 0.0 else 0.0
