"""The router as simulators use it (wire.md, "The router, for simulators and tests"). No clock, no I/O."""

import inspect
import random
from collections import Counter
from collections.abc import Callable

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.policy.router import NoEndpoint, Router, RouterConfig
from sidecar.policy.strategies import STRATEGIES
from sidecar.policy.ticket import Outcome, Ticket

A, B, C = "10.0.0.1:8080", "10.0.0.2:8080", "10.0.0.3:8080"
ROUTE = "GET /api/lines/{}"
DEFAULTS = {
    (Router.pick, "exclude"): frozenset(),
    (Router.pick, "replayable"): False,
    (Ticket.succeeded, "congestion"): None,
    (Ticket.failed, "retry_after_s"): None,
    (Ticket.failed, "kind"): "status",
}
MEANS: dict[Outcome, Callable[[Ticket, float], None]] = dict(
    zip(Outcome, (Ticket.succeeded, Ticket.failed, Ticket.abandoned), strict=True)
)


def router_of(*addresses: str, config: RouterConfig | None = None) -> Router:
    router = Router(config or RouterConfig(), rng=random.Random(7))
    router.set_endpoints(addresses, now=0.0)
    return router


def in_flight(router: Router) -> dict[str, int]:
    counts = router.snapshot(now=9.0)["in_flight"]
    assert isinstance(counts, dict)
    return counts


def hedging(samples: int = 3) -> Router:
    """A router that has seen `samples` responses of one second."""
    router = router_of(A, B, config=RouterConfig(hedging=True, hedge_samples=3))
    for _ in range(samples):
        router.pick(ROUTE, 0.0).succeeded(1.0)
    return router


# -- the words of the interface


@pytest.mark.parametrize(("method", "name"), DEFAULTS)
def test_everything_after_now_is_optional(method: Callable[..., object], name: str) -> None:
    parameter = inspect.signature(method).parameters[name]
    assert parameter.default == DEFAULTS[method, name], f"wire.md promises another default for {name}"


def test_the_calls_of_the_documentation_work_as_written() -> None:
    router = Router(RouterConfig(), rng=random.Random(7))
    router.set_endpoints([A, B], now=0.0)
    ticket = router.pick(route=ROUTE, now=1.25, exclude=frozenset(), replayable=False)
    assert router.hedge_at(ticket) is None
    ticket.first_byte(now=1.255)
    ticket.succeeded(now=1.26, congestion=0.4)
    router.pick(route=ROUTE, now=1.3).failed(now=1.4, retry_after_s=None, kind="connect")
    router.pick(route=ROUTE, now=1.5).abandoned(now=1.6)
    router.tick(now=2.0)
    assert router.snapshot(now=2.0), "a snapshot says something"


def test_a_router_needs_neither_configuration_nor_randomness() -> None:
    router = Router()
    router.set_endpoints([A], now=0.0)
    assert router.pick(ROUTE, 0.0).endpoint == A


@pytest.mark.parametrize("kind", ["connect", "reset", "timeout", "status", "framing"])
def test_every_kind_of_failure_is_taken(kind: str) -> None:
    ticket = router_of(A).pick(ROUTE, 0.0)
    ticket.failed(now=1.0, kind=kind)
    assert ticket.outcome is Outcome.FAILED


def test_a_ticket_says_where_and_why() -> None:
    ticket = router_of(A).pick(ROUTE, 3.0, replayable=True)
    said = (ticket.endpoint, bool(ticket.reason), ticket.route, ticket.picked_at, ticket.replayable)
    assert said == (A, True, ROUTE, 3.0, True)


# -- picking


def test_without_endpoints_there_is_nothing_to_pick() -> None:
    with pytest.raises(NoEndpoint):
        Router().pick(ROUTE, 0.0)


def test_when_all_are_excluded_there_is_nothing_to_pick() -> None:
    with pytest.raises(NoEndpoint):
        router_of(A, B).pick(ROUTE, 0.0, exclude={A, B})


def test_when_all_have_left_there_is_nothing_to_pick() -> None:
    router = router_of(A)
    router.set_endpoints([], now=1.0)
    with pytest.raises(NoEndpoint):
        router.pick(ROUTE, 1.0)


@given(st.sets(st.sampled_from([A, B, C]), max_size=2))
@settings(max_examples=20)
def test_an_excluded_endpoint_is_not_picked(exclude: set[str]) -> None:
    router = router_of(A, B, C)
    picked = {router.pick(ROUTE, 0.0, exclude=exclude).endpoint for _ in range(6)}
    assert picked == {A, B, C} - exclude


def test_round_robin_gives_each_its_turn() -> None:
    router = router_of(A, B, C, config=STRATEGIES["none"])
    assert Counter(router.pick(ROUTE, 0.0).endpoint for _ in range(30)) == {A: 10, B: 10, C: 10}


def test_sidecars_that_start_together_do_not_walk_in_step() -> None:
    first = set()
    for seed in range(20):
        router = Router(rng=random.Random(seed))
        router.set_endpoints([A, B, C], now=0.0)
        first.add(router.pick(ROUTE, 0.0).endpoint)
    assert first == {A, B, C}, "every sidecar begins at the same endpoint"


def test_equal_seeds_make_equal_picks() -> None:
    def picks() -> list[str]:
        router = router_of(A, B, C)
        return [router.pick(ROUTE, 0.0).endpoint for _ in range(5)]

    assert picks() == picks(), "randomness comes from somewhere else than rng"


def test_an_address_given_twice_is_one_endpoint() -> None:
    assert router_of(A, A, B).snapshot(0.0)["mix"] == {A: 0.5, B: 0.5}


def test_new_endpoints_replace_the_old() -> None:
    router = router_of(A, B)
    router.set_endpoints([C], now=1.0)
    assert {router.pick(ROUTE, 1.0).endpoint for _ in range(4)} == {C}


# -- counting


@pytest.mark.parametrize("outcome", Outcome)
def test_a_request_is_in_flight_until_it_is_settled(outcome: Outcome) -> None:
    router = router_of(A)
    ticket = router.pick(ROUTE, 0.0)
    before = in_flight(router)
    MEANS[outcome](ticket, 1.0)
    assert (before, in_flight(router)) == ({A: 1}, {A: 0})


@pytest.mark.parametrize("outcome", Outcome)
def test_outcomes_are_counted_apart(outcome: Outcome) -> None:
    router = router_of(A)
    MEANS[outcome](router.pick(ROUTE, 0.0), 1.0)
    expected = {other.value: int(other is outcome) for other in Outcome}
    assert router.snapshot(1.0)["settled"] == {A: expected}


def test_counts_of_endpoints_that_stay_are_kept() -> None:
    router = router_of(A)
    router.pick(ROUTE, 0.0)
    router.set_endpoints([B, A], now=1.0)
    assert in_flight(router) == {A: 1, B: 0}


def test_a_ticket_of_an_endpoint_that_left_settles_quietly() -> None:
    router = router_of(A)
    ticket = router.pick(ROUTE, 0.0)
    router.set_endpoints([B], now=1.0)
    ticket.succeeded(2.0)
    assert in_flight(router) == {B: 0}


def test_an_endpoint_that_comes_back_still_has_its_requests_in_flight() -> None:
    router = router_of(A)
    ticket = router.pick(ROUTE, 0.0)
    router.set_endpoints([], now=1.0)
    router.set_endpoints([A], now=2.0)
    before = in_flight(router)
    ticket.succeeded(3.0)
    assert (before, in_flight(router)) == ({A: 1}, {A: 0}), "in flight must never be negative"


def test_an_endpoint_that_left_is_forgotten_with_its_last_ticket() -> None:
    router = router_of(A)
    ticket = router.pick(ROUTE, 0.0)
    router.set_endpoints([], now=1.0)
    ticket.failed(2.0)
    router.set_endpoints([A], now=3.0)
    assert router.snapshot(3.0)["settled"] == {A: {"succeeded": 0, "failed": 0, "abandoned": 0}}


ACTION = st.one_of(
    st.sets(st.sampled_from([A, B, C])).map(sorted),
    st.just("pick"),
    st.tuples(st.sampled_from(Outcome), st.integers(0, 9)),
)


@given(st.lists(ACTION, max_size=40))
@settings(max_examples=60)
def test_in_flight_is_always_the_number_of_open_tickets(actions: list[object]) -> None:
    router = router_of(A, B, C)
    tickets: list[Ticket] = []
    for action in actions:
        if isinstance(action, list):
            router.set_endpoints(action, now=0.0)
        elif isinstance(action, tuple):
            if tickets:
                MEANS[action[0]](tickets.pop(action[1] % len(tickets)), 1.0)
        elif in_flight(router):
            tickets.append(router.pick(ROUTE, 0.0))
        counted = in_flight(router)
        open_now = Counter(ticket.endpoint for ticket in tickets)
        assert counted == {address: open_now[address] for address in counted}


# -- hedging


def test_no_hedge_unless_configured() -> None:
    router = router_of(A)
    for _ in range(50):
        router.pick(ROUTE, 0.0).succeeded(1.0)
    assert router.hedge_at(router.pick(ROUTE, 5.0, replayable=True)) is None, "extra load needs consent"


def test_no_hedge_of_what_may_not_be_replayed() -> None:
    router = hedging()
    assert router.hedge_at(router.pick(ROUTE, 5.0)) is None


def test_no_hedge_before_the_route_is_known() -> None:
    router = hedging(samples=2)
    assert router.hedge_at(router.pick(ROUTE, 5.0, replayable=True)) is None, "two samples make no p95"


def test_no_hedge_by_what_another_route_took() -> None:
    router = hedging()
    assert router.hedge_at(router.pick("GET /other", 5.0, replayable=True)) is None


def test_a_hedge_is_due_at_the_routes_p95_after_the_pick() -> None:
    router = hedging()
    ticket = router.pick(ROUTE, 5.0, replayable=True)
    assert router.hedge_at(ticket) == pytest.approx(6.0, rel=0.05)


def test_a_failure_does_not_teach_the_p95() -> None:
    router = hedging(samples=2)
    router.pick(ROUTE, 0.0).failed(60.0)
    assert router.hedge_at(router.pick(ROUTE, 5.0, replayable=True)) is None


# -- telling


def test_the_mix_sums_to_one() -> None:
    mix = router_of(A, B, C).snapshot(0.0)["mix"]
    assert isinstance(mix, dict)
    assert sum(mix.values()) == pytest.approx(1.0)


def test_health_names_every_endpoint() -> None:
    assert router_of(A, B).snapshot(0.0)["health"] == {A: "admitted", B: "admitted"}


@pytest.mark.parametrize("addresses", [(), (A,), (A, B, C)])
def test_a_snapshot_is_plain_values(addresses: tuple[str, ...]) -> None:
    snapshot = router_of(*addresses).snapshot(now=0.0)
    assert orjson.loads(orjson.dumps(snapshot)) == snapshot


def test_an_old_snapshot_does_not_change() -> None:
    router = router_of(A)
    snapshot = router.snapshot(0.0)
    router.pick(ROUTE, 0.0)
    assert snapshot["in_flight"] == {A: 0}, "a snapshot is a copy, not a view"


@pytest.mark.parametrize(("replied", "slow"), [(True, False), (False, True)])
def test_a_late_reply_that_sheds_is_told_from_silence(replied: bool, slow: bool) -> None:
    router = router_of(A, B)
    for number in range(100):
        router.pick(ROUTE, number / 100).succeeded(number / 100 + 0.01)
    for number in range(10):
        ticket = router.pick(ROUTE, 2.0 + number, exclude={B})
        ticket.replied = replied
        ticket.abandoned(2.0 + number + 0.05)
    slowdown = router.snapshot(now=12.0)["slowdown"]
    assert isinstance(slowdown, dict)
    assert (slowdown[A] > 2.0) is slow, "a pod that throttles us answers; one that nobody waits for may hang"
