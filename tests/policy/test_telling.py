"""A router explains itself: why an endpoint costs what it costs, why it was picked, how good predictions were."""

import random

import pytest

from sidecar.game.nash import TOLERANCE
from sidecar.policy.prices import median
from sidecar.policy.router import REMEMBERED, Router
from sidecar.policy.standing import Standing
from sidecar.policy.strategies import STRATEGIES, RouterConfig
from sidecar.policy.telling import LEAST_FORECASTS, prediction_errors
from tests.policy.world import World

A, B, C = "10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80"
NAMES = {A: "bus-a", B: "bus-b", C: "bus-c"}
ROUTE = "GET /lines"
COUNTED = {"advice", "strategy", "mode", "health", "in_flight", "settled", "reasons", "events", "last_picks"}
LEARNED = {"mix", "regrets", "costs", "slowdown", "types", "would", "prediction_error"}
AT_EQUILIBRIUM = {"shares", "gap", "nash", "lyapunov", "potential", "convergence"}
BY_ENDPOINT = LEARNED | {"health", "in_flight", "settled"}


def router_of(config: RouterConfig | None = None) -> Router:
    router = Router(config, rng=random.Random(7))
    router.set_endpoints([A, B, C], now=0.0)
    return router


def ask(router: Router, address: str, now: float, took_s: float = 0.01) -> None:
    """One good answer of this endpoint."""
    router.pick(ROUTE, now, exclude={A, B, C} - {address}).succeeded(now + took_s)


def fail(router: Router, times: int) -> None:
    for _ in range(times):
        router.pick(ROUTE, 1.0, exclude={B, C}).failed(1.0)


def row_of(router: Router, now: float, name: str = "bus-a") -> str:
    (row,) = [line for line in router.explain(NAMES, now).splitlines() if line.startswith(name)]
    return row


def last_words(router: Router, now: float) -> list[str]:
    _, _, told = router.explain(NAMES, now).partition("The last requests:\n")
    return told.splitlines()


def told_of(*forecasts: tuple[float, float, float]) -> list[float | None]:
    """Prediction errors of endpoints by (requests, predicted, observed seconds each)."""
    standings = []
    for number, (weight, predicted_s, observed_s) in enumerate(forecasts):
        standing = Standing(f"10.0.0.{number}:80", 0.0, 10.0, 5.0)
        for _ in range(int(weight)):
            standing.forecast.add(predicted_s, observed_s)
        standings.append(standing)
    return list(prediction_errors(standings).values())


# -- the state of an endpoint in words


def test_an_endpoint_without_fault_is_just_admitted() -> None:
    assert row_of(router_of(), 0.0).endswith("  admitted")


def test_a_slow_endpoint_is_called_slow() -> None:
    router = router_of()
    for number in range(20):
        ask(router, (A, B, C)[number % 3], 0.1 * number)
    ask(router, A, 2.0, took_s=0.2)
    assert row_of(router, 2.2).endswith("admitted, slow")
    assert row_of(router, 2.2, "bus-b").endswith("admitted")


def test_an_endpoint_that_owes_an_answer_is_told_before_it_answers() -> None:
    router = router_of()
    router.pick(ROUTE, 0.0, exclude={B, C})
    assert row_of(router, 1.0).endswith("admitted, an answer is overdue")


@pytest.mark.parametrize(
    ("failures", "words"),
    [
        (1, "admitted, fails more than its peers"),
        (2, "ejected, fails more than its peers (2 in a row)"),
        (5, "ejected, fails more than its peers (5 in a row)"),
    ],
)
def test_a_failing_endpoint_says_so_and_how_often_in_a_row(failures: int, words: str) -> None:
    router = router_of()
    fail(router, failures)
    assert row_of(router, 1.1).endswith(words)


def test_a_good_answer_takes_the_accusation_back() -> None:
    router = router_of()
    for number in range(50):
        ask(router, A, 0.01 * number)
    fail(router, 1)
    ask(router, A, 1.1)
    assert row_of(router, 2.0).endswith("  admitted"), "one failure of fifty is nobody's habit"


def test_draining_explains_more_than_anything_else() -> None:
    router = router_of()
    fail(router, 1)
    ticket = router.pick(ROUTE, 1.0, exclude={B, C})
    router.closing(ticket, 1.0, certain=True)
    assert row_of(router, 1.5).endswith("admitted, draining")
    assert not row_of(router, 4.0).endswith("draining"), "it is left alone for two seconds, not for good"


# -- why a pick was made


def test_before_the_first_request_there_are_none_to_tell() -> None:
    assert last_words(router_of(), 0.0) == ["  none yet"]


def test_a_pick_says_where_why_and_what_the_others_would_have_cost() -> None:
    router = router_of()
    router.pick(ROUTE, 0.0, exclude={B, C})
    (line,) = last_words(router, 0.0)
    assert line == (
        "  GET /lines → bus-a, cheapest of a few drawn from the mix, predicted 10.0 ms"
        "; the others would have cost: bus-b 10.0 ms, bus-c 10.0 ms"
    )


def test_the_last_few_requests_are_told_newest_first() -> None:
    router = router_of()
    for number in range(REMEMBERED + 3):
        router.pick(f"GET /{number}", 0.0)
    told = [line.split(" → ")[0].strip() for line in last_words(router, 0.0)]
    assert told == [f"GET /{number}" for number in range(REMEMBERED + 2, 2, -1)]


def test_a_probe_is_told_as_one() -> None:
    router = router_of()
    router.pick(ROUTE, 60.0)
    (line,) = last_words(router, 60.0)
    assert "a probe: it had not been tried for a while, predicted" in line
    assert "the others" not in line, "a probe is not chosen by its cost"


def test_panic_is_told() -> None:
    router = router_of()
    for address in (A, B):
        for _ in range(2):
            router.pick(f"GET /{address}", 1.0, exclude={A, B, C} - {address}).failed(1.0)
    router.pick(ROUTE, 1.0)
    assert "panic: too few endpoints are healthy, so all are played" in last_words(router, 1.0)[0]


def test_observing_is_told() -> None:
    router = router_of(RouterConfig(observe=True))
    router.pick(ROUTE, 0.0)
    told = router.explain(NAMES, 0.0)
    assert told.startswith("strategy balanced, observing only: requests go round robin")
    assert "in turn (observe mode)" in told


def test_what_a_request_usually_takes_is_told_once_something_answered() -> None:
    router = router_of()
    before = router.explain(NAMES, 0.0).splitlines()[0]
    router.baselines.service_s = 0.0123
    after = router.explain(NAMES, 0.0).splitlines()[0]
    assert (before, after) == (
        "strategy balanced",
        "strategy balanced; a request usually takes 12.3 ms to its first byte",
    )


def test_round_robin_has_nothing_more_to_say() -> None:
    router = router_of(STRATEGIES["none"])
    router.pick(ROUTE, 0.0)
    told = router.explain(NAMES, 0.0)
    assert told == "strategy none\n\nEndpoints take turns; nothing is learned."


# -- equilibrium


def test_too_few_requests_are_no_equilibrium() -> None:
    router = router_of()
    ask(router, A, 0.0)
    assert "Too few requests in the last 5 s to speak of an equilibrium." in router.explain(NAMES, 0.1)
    snapshot = router.snapshot(0.1)
    assert (snapshot["nash"], snapshot["gap"], snapshot["shares"]) == (None, None, {})


def test_a_calm_service_is_at_equilibrium_in_words_and_in_figures() -> None:
    world = World(3, rate=100, seed=2).run(12.0)
    router, now = world.routers[0], world.now
    snapshot, told = router.snapshot(now), router.explain(NAMES, now)
    gap, convergence = snapshot["gap"], snapshot["convergence"]
    assert isinstance(gap, float)
    assert isinstance(convergence, dict)
    assert (gap <= TOLERANCE, snapshot["nash"], convergence["converged"]) == (True, 1, True)
    assert f"At equilibrium: the best deviation would gain {gap:.1%}; shares move by" in told


def test_just_after_a_pod_went_slow_there_is_no_equilibrium() -> None:
    world = World(3, rate=100, seed=2).run(12.0)
    world.pods[A].extra_s = 0.5
    router, now = world.run(1.0).routers[0], world.now
    assert router.snapshot(now)["nash"] == 0
    assert "Not at equilibrium: the best deviation would gain" in router.explain(NAMES, now)


def test_an_ejected_endpoint_is_no_part_of_an_equilibrium() -> None:
    world = World(3, rate=100, seed=2).run(12.0)
    router, now = world.routers[0], world.now + 0.1
    for _ in range(2):
        router.pick(ROUTE, now, exclude={B, C}).failed(now)
    assert row_of(router, now + 0.1).split("  ")[-1].startswith("ejected")
    assert router.snapshot(now)["nash"] == 1, (
        "what it cost before it was put out is no deviation to gain from"
    )
    assert "At equilibrium" in router.explain(NAMES, now)


# -- plain values


def test_a_snapshot_has_every_word_of_the_admin_page() -> None:
    assert set(router_of().snapshot(0.0)) == COUNTED | LEARNED | AT_EQUILIBRIUM | {"routes"}


def test_round_robin_tells_what_it_counts_and_an_even_mix() -> None:
    snapshot = router_of(STRATEGIES["none"]).snapshot(0.0)
    assert set(snapshot) == COUNTED | {"mix", "gap", "nash"}
    assert snapshot["mix"] == {A: 1 / 3, B: 1 / 3, C: 1 / 3}


@pytest.mark.parametrize("key", sorted(BY_ENDPOINT))
def test_what_is_told_of_endpoints_names_each_of_them(key: str) -> None:
    told = router_of().snapshot(0.0)[key]
    assert isinstance(told, dict)
    assert list(told) == [A, B, C]


def test_a_decision_is_told_with_its_alternatives() -> None:
    router = router_of()
    router.pick(ROUTE, 0.0, exclude={B, C})
    assert router.snapshot(0.0)["last_picks"] == [
        {
            "endpoint": A,
            "reason": "best-of-mix",
            "route": ROUTE,
            "predicted_s": 0.01,
            "would_have_cost_s": {A: 0.01, B: 0.01, C: 0.01},
        }
    ]


def test_what_observing_would_have_played_is_counted() -> None:
    router = router_of(RouterConfig(observe=True))
    fail(router, 2)
    for _ in range(30):
        router.pick(ROUTE, 1.0)
    snapshot = router.snapshot(1.0)
    would, reasons = snapshot["would"], snapshot["reasons"]
    assert isinstance(would, dict)
    assert (snapshot["mode"], reasons, sum(would.values())) == ("observe", {"observe": 32}, 32)
    assert would[A] == 2, "a failing endpoint was played in thought"


def test_observing_tells_the_shares_that_were_played_not_those_that_would_have_been() -> None:
    world = World(3, rate=100, seed=2, config=RouterConfig(observe=True))
    world.pods["10.0.0.1:80"].extra_s = 0.5
    shares = world.run(12.0).routers[0].snapshot(12.0)["shares"]
    assert isinstance(shares, dict)
    assert shares["10.0.0.1:80"] == pytest.approx(1 / 3, abs=0.02), "requests go round robin"


def test_routes_are_told_by_what_they_take() -> None:
    router = router_of()
    for number in range(20):
        ask(router, A, 0.1 * number, took_s=0.04)
    routes = router.snapshot(3.0)["routes"]
    assert isinstance(routes, dict)
    assert routes[ROUTE]["samples"] == 20
    assert routes[ROUTE]["median_s"] == pytest.approx(0.04, rel=0.1)


# -- how good predictions were


def test_predictions_are_judged_from_twenty_requests_on() -> None:
    assert told_of((LEAST_FORECASTS - 1, 0.1, 0.1), (LEAST_FORECASTS, 0.1, 0.1)) == [None, 0.0]


def test_one_factor_for_all_is_no_error() -> None:
    assert told_of((30, 0.1, 0.2), (60, 0.2, 0.4)) == [pytest.approx(0.0), pytest.approx(0.0)], (
        "costs rank endpoints: their unit does not matter"
    )


def test_an_endpoint_out_of_proportion_is_an_error() -> None:
    """0.1 s predicted of both, 0.1 and 0.3 s observed: the factor is 2."""
    assert told_of((30, 0.1, 0.1), (30, 0.1, 0.3)) == [pytest.approx(1.0), pytest.approx(1 / 3)]


def test_an_endpoint_asked_too_little_moves_no_factor() -> None:
    assert told_of((30, 0.1, 0.1), (19, 0.1, 9.0)) == [0.0, None]


@pytest.mark.parametrize("forecast", [(30, 0.0, 0.1), (30, 0.1, 0.0)])
def test_without_a_prediction_or_an_observation_there_is_no_error(
    forecast: tuple[float, float, float],
) -> None:
    assert told_of(forecast) == [None]


def test_the_median_of_two_is_the_upper_one() -> None:
    assert [median([]), median([3.0]), median([5.0, 1.0]), median([9.0, 1.0, 5.0])] == [0.0, 3.0, 5.0, 5.0]
