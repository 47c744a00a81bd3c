"""One request's stay in the policy: handed out by a pick, settled exactly once.

Three outcomes, not two (Netflix concurrency-limits): *abandoned* says nothing about the endpoint, which keeps
cancelled requests and sheds from looking like fast successes or like failures.
"""

import math
from abc import ABC, abstractmethod
from enum import Enum

from sidecar.policy.obedience import Stake


class Outcome(Enum):
    """How a ticket ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    ABANDONED = "abandoned"


class SettledTwiceError(Exception):
    """A ticket was settled a second time: a bug in the caller, never in traffic."""


class Book(ABC):
    """Who keeps the tickets: the router that handed them out."""

    __slots__ = ()

    @abstractmethod
    def on_first_byte(self, ticket: "Ticket", now: float) -> None:
        """The endpoint began to answer."""

    @abstractmethod
    def on_settled(
        self, ticket: "Ticket", outcome: Outcome, now: float, congestion: float | None, kind: str
    ) -> None:
        """The ticket is closed."""


class Ticket:
    """`endpoint` is where the request goes, `reason` why; times are the caller's clock in seconds."""

    __slots__ = (
        "_book",
        "advised",
        "baseline_s",
        "closes",
        "endpoint",
        "first_byte_at",
        "load",
        "newer",
        "older",
        "outcome",
        "picked_at",
        "predicted_s",
        "reason",
        "replayable",
        "replied",
        "retry_after_s",
        "route",
        "stake",
        "waiting_since",
    )

    def __init__(
        self, book: Book | None, endpoint: str, reason: str, route: str, now: float, *, replayable: bool
    ) -> None:
        self._book = book
        self.endpoint = endpoint
        self.reason = reason
        self.route = route
        self.picked_at = now
        self.waiting_since = now  # for its first byte; infinite while the request is still being sent
        self.replayable = replayable
        self.first_byte_at: float | None = None
        self.retry_after_s: float | None = None
        self.outcome: Outcome | None = None
        self.baseline_s = 0.0  # what the route takes, as of the pick; 0: unknown
        self.predicted_s = 0.0  # what the router thought this request would cost
        self.replied = False  # it did answer, only not what was asked for: shed or throttled
        self.closes = False  # the endpoint closed the connection after it
        self.load = 0  # requests in flight at its endpoint when it was picked
        self.advised = ""  # the address that was recommended
        self.stake: Stake | None = None  # in the comparison of advice with our own mix
        self.older: Ticket | None = None  # neighbours in `Waiting`
        self.newer: Ticket | None = None

    def uploading(self) -> None:
        """The request is not complete: its endpoint does not owe an answer yet."""
        self.waiting_since = math.inf

    def sent(self, now: float) -> None:
        """The last request byte was sent: from now on the endpoint is the one we wait for."""
        if self.first_byte_at is None:
            self.waiting_since = now

    def waited(self, now: float) -> float:
        """Seconds its endpoint has owed an answer."""
        return max(0.0, now - self.waiting_since)

    def first_byte(self, now: float) -> None:
        """The first response byte arrived; streams settle long after."""
        if self.first_byte_at is None:
            self.first_byte_at = now
            if self._book is not None:
                self._book.on_first_byte(self, now)

    def succeeded(self, now: float, congestion: float | None = None) -> None:
        """The response is complete. Without `first_byte`, this is the first byte."""
        try:
            self.first_byte(now)
        finally:  # a book that fails to note the first byte must not keep the ticket open
            self._settle(Outcome.SUCCEEDED, now, congestion, "")

    def failed(self, now: float, retry_after_s: float | None = None, kind: str = "status") -> None:
        """The endpoint's fault. `kind`: connect, reset, timeout, status or framing."""
        self.retry_after_s = retry_after_s
        self._settle(Outcome.FAILED, now, None, kind)

    def abandoned(self, now: float) -> None:
        """Ended without a verdict on the endpoint: client gone, shed, hedge lost."""
        self._settle(Outcome.ABANDONED, now, None, "")

    def _settle(self, outcome: Outcome, now: float, congestion: float | None, kind: str) -> None:
        if self.outcome is not None:
            raise SettledTwiceError(f"{self!r} settled again as {outcome.value}")
        self.outcome = outcome
        if self._book is not None:
            self._book.on_settled(self, outcome, now, congestion, kind)

    def __repr__(self) -> str:
        state = self.outcome.value if self.outcome else "open"
        return f"<Ticket {self.endpoint} {self.reason} {state}>"


class Waiting:
    """Tickets of one endpoint without a first byte, oldest first: a list linked through the tickets themselves."""

    __slots__ = ("count", "newest", "oldest")

    def __init__(self) -> None:
        self.oldest: Ticket | None = None
        self.newest: Ticket | None = None
        self.count = 0

    def add(self, ticket: Ticket) -> None:
        """At the end."""
        last = self.newest
        ticket.older = last
        if last is None:
            self.oldest = ticket
        else:
            last.newer = ticket
        self.newest = ticket
        self.count += 1

    def remove(self, ticket: Ticket) -> None:
        """Wherever it stands; it must be in here."""
        older, newer = ticket.older, ticket.newer
        if older is None:
            self.oldest = newer
        else:
            older.newer = newer
        if newer is None:
            self.newest = older
        else:
            newer.older = older
        ticket.older = ticket.newer = None
        self.count -= 1
