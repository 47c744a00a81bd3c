"""admitted → ejected → probing → admitted, and panic when that would leave too few."""

import random

import pytest

from sidecar.policy.health import Health
from sidecar.policy.router import Router
from sidecar.policy.standing import ADMITTED, EJECTED, PROBING, Standing
from sidecar.policy.strategies import RouterConfig

A, B, C = "10.0.0.1:8080", "10.0.0.2:8080", "10.0.0.3:8080"
SURE = RouterConfig().eject_at


@pytest.fixture
def health() -> Health:
    return Health(RouterConfig())


@pytest.fixture
def standing() -> Standing:
    return Standing(A, 0.0, 10.0, 5.0)


def out(health: Health, standing: Standing) -> Standing:
    health.accuse(standing, SURE)
    return standing


def pool(out_of_it: int, size: int) -> list[Standing]:
    standings = [Standing(f"10.0.0.{n}:80", 0.0, 10.0, 5.0) for n in range(size)]
    for standing in standings[:out_of_it]:
        standing.health = EJECTED
    return standings


# -- out


def test_a_conclusive_failure_ejects_at_once(health: Health, standing: Standing) -> None:
    assert health.accuse(standing, SURE), "a change nobody hears of"
    assert (standing.health, health.ejected) == (EJECTED, 1)


def test_a_failure_that_may_be_luck_ejects_nobody(health: Health, standing: Standing) -> None:
    assert not health.accuse(standing, SURE - 0.01)
    assert (standing.health, health.ejected) == (ADMITTED, 0)


def test_more_failures_of_one_that_is_out_change_nothing(health: Health, standing: Standing) -> None:
    """Requests that were under way when it was ejected."""
    out(health, standing)
    assert not health.accuse(standing, 1.0)
    assert (standing.health, health.ejected) == (EJECTED, 1)


# -- and in again


def test_the_first_probe_of_an_ejected_endpoint_begins_its_trial(health: Health, standing: Standing) -> None:
    health.probed(out(health, standing))
    assert standing.health == PROBING


def test_an_admitted_endpoint_may_be_probed_without_losing_its_place(
    health: Health, standing: Standing
) -> None:
    health.probed(standing)
    assert standing.health == ADMITTED


def test_two_good_answers_in_a_row_admit_it_again(health: Health, standing: Standing) -> None:
    health.probed(out(health, standing))
    told = [(health.answered(standing), standing.health) for _ in range(2)]
    assert told == [(False, PROBING), (True, ADMITTED)], "one good answer is luck, two are recovery"
    assert health.readmitted == 1


def test_a_late_answer_counts_as_the_first_of_the_two(health: Health, standing: Standing) -> None:
    health.answered(out(health, standing))
    assert standing.health == PROBING


@pytest.mark.parametrize("posterior", [0.0, 1.0])
def test_a_failure_on_trial_ejects_it_again_whatever_it_proves(
    health: Health, standing: Standing, posterior: float
) -> None:
    health.probed(out(health, standing))
    health.accuse(standing, posterior)
    assert standing.health == EJECTED, "an endpoint on trial has no credit"
    assert health.ejected == 1, "it was never in again: one fault is one ejection"


def test_a_failure_between_two_good_answers_starts_the_count_again(
    health: Health, standing: Standing
) -> None:
    out(health, standing)
    health.answered(standing)
    health.accuse(standing, 0.0)
    health.answered(standing)
    assert standing.health == PROBING, "two in a row, not two in all"


def test_good_answers_of_before_do_not_count(health: Health, standing: Standing) -> None:
    for _ in range(5):
        assert not health.answered(standing)
    out(health, standing)
    health.answered(standing)
    assert standing.health == PROBING


def test_each_time_it_must_prove_itself_anew(health: Health, standing: Standing) -> None:
    for _ in range(3):
        out(health, standing)
        assert [health.answered(standing) for _ in range(2)] == [False, True]
    assert (health.ejected, health.readmitted) == (3, 3)


# -- panic


@pytest.mark.parametrize(
    ("out_of_it", "size", "panic"),
    [
        (0, 0, False),
        (0, 3, False),
        (1, 1, True),
        (1, 2, False),
        (1, 3, False),
        (2, 3, True),
        (2, 4, False),
        (3, 4, True),
    ],
)
def test_panic_is_when_more_than_half_are_out(health: Health, out_of_it: int, size: int, panic: bool) -> None:
    health.review(pool(out_of_it, size))
    assert health.panic is panic


def test_an_endpoint_on_trial_is_still_out(health: Health) -> None:
    standings = pool(2, 3)
    health.probed(standings[0])
    health.review(standings)
    assert health.panic


def test_panic_ends_with_its_reason_and_is_counted_once(health: Health) -> None:
    for size in (3, 3, 4, 3):
        health.review(pool(2, size))
    assert (health.panic, health.panics) == (True, 2), "off with a fourth endpoint, on again without"


# -- in a router


def failing(*addresses: str) -> Router:
    """These fail twice, each on a route of its own: the others may well serve it."""
    router = Router(rng=random.Random(7))
    router.set_endpoints([A, B, C], now=0.0)
    for address in addresses:
        for now in (0.1, 0.2):
            router.pick(f"GET /{address}", now, exclude={A, B, C} - {address}).failed(now)
    return router


def test_one_of_three_is_out_and_gets_nothing() -> None:
    router = failing(A)
    picked = [router.pick("GET /", 0.3) for _ in range(30)]
    assert {(ticket.endpoint == A, ticket.reason) for ticket in picked} == {(False, "best-of-mix")}


def test_two_of_three_are_not_put_out() -> None:
    router = failing(A, B)
    assert {router.pick("GET /", 0.3).reason for _ in range(30)} == {"panic"}
    assert router.snapshot(0.3)["events"] == {"ejected": 2, "readmitted": 0, "panic": 1}


def test_an_endpoint_that_leaves_can_end_a_panic() -> None:
    router = failing(A, B)
    router.set_endpoints([A, C], now=0.3)
    assert {router.pick("GET /", 0.3).endpoint for _ in range(10)} == {C}
