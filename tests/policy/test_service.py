"""Fail static: whatever goes wrong inside a router is counted, and the request goes round robin."""

from collections.abc import Callable

import pytest

from sidecar.policy.endpoints import Endpoint
from sidecar.policy.router import NoEndpoint, Router
from sidecar.policy.services import Service
from sidecar.policy.ticket import Outcome, Ticket

A, B = "10.0.0.1:80", "10.0.0.2:80"
METHODS = ["set_endpoints", "pick", "hedge_at", "on_first_byte", "on_settled"]


class PolicyBugError(Exception):
    """What a mistake in policy looks like."""


def broken(method: str) -> Router:
    """A router in which one method raises."""

    def fail(*args: object, **kwargs: object) -> None:
        raise PolicyBugError(method)

    router = Router()
    setattr(router, method, fail)
    return router


def service_of(router: Router, *addresses: str) -> Service:
    service = Service("bus", "bus", 80, router)
    service.set_endpoints(tuple(map(Endpoint, addresses)), now=0.0)
    return service


def pick(service: Service, *exclude: str) -> Ticket:
    return service.pick("GET /", 1.0, frozenset(exclude), replayable=True)


@pytest.mark.parametrize("method", METHODS)
def test_a_request_is_served_whatever_raises(method: str) -> None:
    service = service_of(broken(method), A, B)
    ticket = pick(service)
    service.hedge_at(ticket)
    service.first_byte(ticket, 2.0)
    service.succeeded(ticket, 3.0, 0.5)
    assert (ticket.endpoint in {A, B}, ticket.outcome) == (True, Outcome.SUCCEEDED)


@pytest.mark.parametrize("method", METHODS)
def test_every_failure_of_policy_is_counted(method: str) -> None:
    service = service_of(broken(method), A, B)
    ticket = pick(service)
    service.hedge_at(ticket)
    service.first_byte(ticket, 2.0)
    service.succeeded(ticket, 3.0, None)
    assert service.policy_failures >= 1, f"nobody would notice that {method} is broken"


def test_a_policy_that_works_counts_no_failures() -> None:
    service = service_of(Router(), A, B)
    ticket = pick(service)
    service.hedge_at(ticket)
    service.succeeded(ticket, 2.0, None)
    assert service.policy_failures == 0


SETTLE: dict[str, Callable[[Service, Ticket], None]] = {
    "succeeded": lambda service, ticket: service.succeeded(ticket, 2.0, None),
    "failed": lambda service, ticket: service.failed(ticket, 2.0, None, "reset"),
    "abandoned": lambda service, ticket: service.abandoned(ticket, 2.0),
}


@pytest.mark.parametrize("settle", SETTLE.values(), ids=SETTLE)
@pytest.mark.parametrize("method", ["on_first_byte", "on_settled"])
def test_a_ticket_closes_even_if_its_book_is_broken(
    method: str, settle: Callable[[Service, Ticket], None]
) -> None:
    service = service_of(broken(method), A)
    ticket = pick(service)
    settle(service, ticket)
    assert ticket.outcome is not None, "the ticket stayed open"


def test_a_broken_hedge_is_no_hedge() -> None:
    service = service_of(broken("hedge_at"), A)
    assert service.hedge_at(pick(service)) is None


def test_without_a_router_all_endpoints_take_turns() -> None:
    service = service_of(broken("pick"), A, B)
    assert [pick(service).endpoint for _ in range(4)] in ([A, B, A, B], [B, A, B, A])


def test_a_static_pick_says_so() -> None:
    assert pick(service_of(broken("pick"), A)).reason == "fail-static"


def test_a_static_pick_respects_what_is_excluded() -> None:
    service = service_of(broken("pick"), A, B)
    assert {pick(service, A).endpoint for _ in range(4)} == {B}


def test_a_static_pick_with_nothing_left_is_no_endpoint() -> None:
    with pytest.raises(NoEndpoint):
        pick(service_of(broken("pick"), A, B), A, B)


def test_no_endpoint_is_an_answer_not_a_failure() -> None:
    service = service_of(Router(), A)
    with pytest.raises(NoEndpoint):
        pick(service, A)
    assert service.policy_failures == 0


def test_a_service_without_endpoints_has_none_to_pick() -> None:
    with pytest.raises(NoEndpoint):
        pick(service_of(Router()))


def departed() -> tuple[Service, Router]:
    """A service that moved from A to B while its router could not be told."""
    router = Router()
    service = service_of(router, A)
    router.set_endpoints = broken("set_endpoints").set_endpoints  # type: ignore[method-assign]
    service.set_endpoints((Endpoint(B),), now=1.0)
    return service, router


def test_an_endpoint_that_left_is_not_used_though_the_router_says_so() -> None:
    service, _ = departed()
    assert pick(service).endpoint == B


def test_a_pick_that_is_not_used_is_closed() -> None:
    service, router = departed()
    pick(service)
    assert router.snapshot(1.0)["in_flight"] == {A: 0}, "the router counts a request that was never sent"


def test_endpoints_the_router_never_heard_of_are_used() -> None:
    service = service_of(broken("set_endpoints"), A)
    assert pick(service).endpoint == A, "a router's NoEndpoint failed a request that could be served"


def test_endpoints_replace_those_before() -> None:
    service = service_of(Router(), A)
    service.set_endpoints((Endpoint(B, name="b"),), now=1.0)
    assert service.endpoints == {B: Endpoint(B, name="b")}
