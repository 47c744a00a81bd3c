"""What a sidecar tells the coordinator of a service: measured, plain, and nothing it does not know."""

import random

import orjson
import pytest

from sidecar.policy.advice import Column
from sidecar.policy.reporting import report
from sidecar.policy.router import Router, RouterConfig

A, B = "10.0.0.1:8080", "10.0.0.2:8080"
NAMES = {A: "bus-1"}


def router_after(seconds: float, took: dict[str, float], rate: float = 100.0) -> Router:
    router = Router(RouterConfig(), rng=random.Random(3))
    router.set_endpoints([A, B], 0.0)
    for number in range(int(seconds * rate)):
        now = number / rate
        ticket = router.pick("GET /", now)
        ticket.succeeded(now + took[ticket.endpoint])
    return router


def endpoints(told: dict[str, object]) -> dict[str, dict[str, object]]:
    listed = told["endpoints"]
    assert isinstance(listed, list)
    return {each["address"]: each for each in listed}


def test_rates_and_shares_add_up() -> None:
    told = report("bus.default:8080", router_after(12.0, {A: 0.01, B: 0.01}), NAMES, 12.0)
    each = endpoints(told)
    assert told["service"] == "bus.default:8080"
    assert told["rate_per_s"] == pytest.approx(100.0, rel=0.12)
    assert sum(float(str(e["rate_per_s"])) for e in each.values()) == pytest.approx(told["rate_per_s"])
    assert sum(float(str(e["share"])) for e in each.values()) == pytest.approx(1.0)
    assert sum(float(str(e["mix"])) for e in each.values()) == pytest.approx(1.0)


def test_latency_is_the_mean_of_what_was_seen() -> None:
    """Not the slowdown, which believes the worst at once."""
    router = Router(RouterConfig(), rng=random.Random(3))
    router.set_endpoints([A], 0.0)
    waits = [0.01, 0.03]
    for number in range(1000):
        ticket = router.pick("GET /", number / 100)
        ticket.succeeded(number / 100 + waits[number % 2])
    assert endpoints(report("bus", router, {}, 10.0))[A]["latency_s"] == pytest.approx(0.02, rel=0.02)


def test_endpoints_have_the_names_people_know_them_by() -> None:
    each = endpoints(report("bus", router_after(1.0, {A: 0.01, B: 0.01}), NAMES, 1.0))
    assert (each[A]["name"], each[B]["name"]) == ("bus-1", B)


def test_before_anything_is_known_nothing_is_made_up() -> None:
    router = Router(RouterConfig(), rng=random.Random(3))
    router.set_endpoints([A, B], 0.0)
    told = report("bus", router, NAMES, 0.5)
    assert (told["rate_per_s"], told["gap"], told["nash"], told["p99_s"]) == (0.0, None, None, None)
    assert {e["latency_s"] for e in endpoints(told).values()} == {None}
    assert {e["share"] for e in endpoints(told).values()} == {0.0}


def test_a_service_without_endpoints_has_an_empty_report() -> None:
    told = report("bus", Router(rng=random.Random(1)), {}, 1.0)
    assert told["endpoints"] == []


def test_a_report_is_plain_json() -> None:
    router = router_after(6.0, {A: 0.01, B: 0.02})
    router.advise(Column(1, 0, 1.0, 0.0, ({A: 1.0},) * 60, 60.0), 6.0)
    told = report("bus", router, NAMES, 6.1)
    assert orjson.loads(orjson.dumps(told)) == told
    assert told["obeys"] is True
    assert 0.005 < float(str(told["p99_s"])) < 0.04


def test_who_is_not_advised_obeys_nobody() -> None:
    told = report("bus", router_after(1.0, {A: 0.01, B: 0.01}), NAMES, 1.0)
    assert (told["obeys"], told["conditional_regret"]) == (False, 0.0)
