"""One request's stay in the policy ends exactly once, in one of three ways."""

from collections.abc import Callable

import pytest

from sidecar.policy.ticket import Book, Outcome, SettledTwiceError, Ticket

SETTLE: dict[Outcome, Callable[[Ticket], None]] = {
    Outcome.SUCCEEDED: lambda ticket: ticket.succeeded(2.0),
    Outcome.FAILED: lambda ticket: ticket.failed(2.0),
    Outcome.ABANDONED: lambda ticket: ticket.abandoned(2.0),
}


class Notes(Book):
    """Writes down what a ticket tells."""

    def __init__(self) -> None:
        self.first_bytes: list[float] = []
        self.settled: list[tuple[Outcome, float, float | None, str]] = []

    def on_first_byte(self, ticket: Ticket, now: float) -> None:
        self.first_bytes.append(now)

    def on_settled(
        self, ticket: Ticket, outcome: Outcome, now: float, congestion: float | None, kind: str
    ) -> None:
        self.settled.append((outcome, now, congestion, kind))


class ForgetfulBook(Notes):
    """Fails to note first bytes."""

    def on_first_byte(self, ticket: Ticket, now: float) -> None:
        raise ValueError("a bug in policy")


def ticket_of(book: Book | None) -> Ticket:
    return Ticket(book, "10.0.0.1:80", "probe", "GET /", 1.0, replayable=False)


@pytest.fixture
def book() -> Notes:
    return Notes()


@pytest.fixture
def ticket(book: Notes) -> Ticket:
    return ticket_of(book)


@pytest.mark.parametrize("outcome", Outcome)
def test_settling_is_told_to_the_book_once(ticket: Ticket, book: Notes, outcome: Outcome) -> None:
    SETTLE[outcome](ticket)
    assert [settled[0] for settled in book.settled] == [outcome], "the book must hear each outcome once"


@pytest.mark.parametrize("second", Outcome)
@pytest.mark.parametrize("first", Outcome)
def test_settling_twice_is_refused(ticket: Ticket, first: Outcome, second: Outcome) -> None:
    SETTLE[first](ticket)
    with pytest.raises(SettledTwiceError, match=second.value):
        SETTLE[second](ticket)


def test_the_first_outcome_stands_when_a_second_is_refused(ticket: Ticket, book: Notes) -> None:
    ticket.abandoned(2.0)
    with pytest.raises(SettledTwiceError):
        ticket.failed(3.0)
    assert (ticket.outcome, len(book.settled)) == (Outcome.ABANDONED, 1), "a settled ticket does not change"


def test_an_open_ticket_has_no_outcome(ticket: Ticket) -> None:
    assert ticket.outcome is None


def test_success_without_first_byte_counts_as_the_first_byte(ticket: Ticket, book: Notes) -> None:
    ticket.succeeded(now=2.5)
    assert (ticket.first_byte_at, book.first_bytes) == (2.5, [2.5])


def test_success_after_the_first_byte_does_not_move_it(ticket: Ticket, book: Notes) -> None:
    ticket.first_byte(now=1.5)
    ticket.succeeded(now=9.0)
    assert (ticket.first_byte_at, book.first_bytes) == (1.5, [1.5]), "streams settle long after"


def test_the_first_byte_is_the_first(ticket: Ticket, book: Notes) -> None:
    ticket.first_byte(now=1.5)
    ticket.first_byte(now=1.7)
    assert (ticket.first_byte_at, book.first_bytes) == (1.5, [1.5])


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.ABANDONED])
def test_only_success_implies_a_first_byte(ticket: Ticket, book: Notes, outcome: Outcome) -> None:
    SETTLE[outcome](ticket)
    assert (ticket.first_byte_at, book.first_bytes) == (None, []), "a failure's latency teaches nothing"


def test_success_tells_the_congestion_the_endpoint_reported(ticket: Ticket, book: Notes) -> None:
    ticket.succeeded(now=2.0, congestion=0.4)
    assert book.settled == [(Outcome.SUCCEEDED, 2.0, 0.4, "")]


def test_failure_tells_its_kind(ticket: Ticket, book: Notes) -> None:
    ticket.failed(now=2.0, kind="connect")
    assert book.settled == [(Outcome.FAILED, 2.0, None, "connect")]


def test_failure_is_a_matter_of_status_unless_told_otherwise(ticket: Ticket, book: Notes) -> None:
    ticket.failed(now=2.0)
    assert book.settled == [(Outcome.FAILED, 2.0, None, "status")]


def test_failure_keeps_when_to_come_back(ticket: Ticket) -> None:
    ticket.failed(now=2.0, retry_after_s=7.0)
    assert ticket.retry_after_s == 7.0


@pytest.mark.parametrize("outcome", Outcome)
def test_a_ticket_without_a_book_settles_too(outcome: Outcome) -> None:
    ticket = ticket_of(None)
    SETTLE[outcome](ticket)
    assert ticket.outcome is outcome, "fail-static tickets have nobody to tell"


def test_a_book_that_loses_the_first_byte_still_closes_the_ticket() -> None:
    book = ForgetfulBook()
    with pytest.raises(ValueError, match="a bug in policy"):
        ticket_of(book).succeeded(2.0)
    assert [settled[0] for settled in book.settled] == [Outcome.SUCCEEDED], "the ticket stayed open"


def test_repr_shows_where_why_and_how_it_ended(ticket: Ticket) -> None:
    before = repr(ticket)
    ticket.abandoned(2.0)
    assert (before, repr(ticket)) == (
        "<Ticket 10.0.0.1:80 probe open>",
        "<Ticket 10.0.0.1:80 probe abandoned>",
    )
