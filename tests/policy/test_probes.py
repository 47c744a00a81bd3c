"""A neglected endpoint is tried again: on a timer, within a budget, never where an answer is still owed."""

import random
from collections.abc import Set
from itertools import pairwise

import pytest

from sidecar.policy.probes import ANSWERED_WELL, AWAITED, BACK_OFF, MOST_TOKENS, TRUSTED, Probes
from sidecar.policy.standing import EJECTED, PROBING, Standing
from sidecar.policy.strategies import RouterConfig

A, B = "10.0.0.1:8080", "10.0.0.2:8080"
CONFIG = RouterConfig()
LATE = 1e6
"""Every timer has run out."""
NOBODY: Set[str] = frozenset()


def standing_of(address: str = A, backoff_s: float = 4.0, failing: bool = False) -> Standing:
    standing = Standing(address, 0.0, CONFIG.error_memory_s, CONFIG.error_price_s)
    standing.backoff_s = backoff_s
    if failing:
        standing.failures.add("GET /", 0.0, failed=True)
    return standing


def probes_of(seed: int = 1) -> Probes:
    return Probes(CONFIG, random.Random(seed))


def requests(probes: Probes, count: int) -> None:
    for _ in range(count):
        probes.count()


def requests_until_a_probe(probes: Probes, *, hedged: bool) -> int:
    count, standing = 0, standing_of()
    while probes.due([standing], LATE, NOBODY, hedged=hedged) is None:
        probes.count()
        count += 1
        assert count < 10_000, "a budget that never fills"
    return count


def intervals(standing: Standing, count: int, seed: int = 1) -> list[float]:
    """Back-off after each of so many probes, budgets aside."""
    probes, found = probes_of(seed), [standing.backoff_s]
    for _ in range(count):
        requests(probes, 1000)
        assert probes.due([standing], LATE, NOBODY, hedged=False) is standing
        found.append(standing.backoff_s)
    return found


# -- which


@pytest.mark.parametrize(("hedged", "due_s"), [(True, 14.0), (False, 10.0 + 4.0 * AWAITED)])
def test_a_timer_must_have_run_out(hedged: bool, due_s: float) -> None:
    probes, standing = probes_of(), standing_of(backoff_s=4.0)
    standing.last_pick = 10.0
    assert probes.due([standing], due_s, NOBODY, hedged=hedged) is None
    assert probes.due([standing], due_s + 0.1, NOBODY, hedged=hedged) is standing


def test_an_endpoint_that_still_owes_an_answer_is_not_probed() -> None:
    hung, other = standing_of(A), standing_of(B)
    hung.in_flight = 1
    assert probes_of().due([hung, other], LATE, NOBODY, hedged=True) is other, (
        "requests pile up on a hung pod"
    )


def test_an_endpoint_that_already_failed_this_request_is_not_probed() -> None:
    probes, standing = probes_of(), standing_of(A)
    assert probes.due([standing], LATE, {A}, hedged=False) is None
    assert probes.due([standing], LATE, {B}, hedged=False) is standing, "asking in vain cost a probe"


def test_the_plan_is_the_earliest_timer() -> None:
    probes, early, late = probes_of(), standing_of(backoff_s=2.0), standing_of(backoff_s=1.0)
    early.last_pick, late.last_pick = 5.0, 7.0
    probes.plan([late, early])
    assert probes.next_at == 7.0
    probes.plan([])
    assert probes.next_at == 0.0


# -- the budget


@pytest.mark.parametrize(
    ("hedged", "share"), [(False, CONFIG.probe_share), (True, CONFIG.hedged_probe_share)]
)
def test_probes_are_a_small_share_of_requests(hedged: bool, share: float) -> None:
    probes = probes_of()
    assert requests_until_a_probe(probes, hedged=hedged) == 0, "the first probe is free"
    apart = [requests_until_a_probe(probes, hedged=hedged) for _ in range(10)]
    assert sum(apart) >= 10 / share - 1, "users pay for more probes than promised"
    assert max(apart) <= 1 / share + 2


def test_a_probe_somebody_waits_for_is_not_paid_by_those_nobody_does() -> None:
    probes = probes_of()
    assert requests_until_a_probe(probes, hedged=True) == 0
    assert requests_until_a_probe(probes, hedged=False) == 0, "the budgets are one"


@pytest.mark.parametrize("hedged", [False, True])
def test_a_busy_hour_does_not_save_up_for_a_volley(hedged: bool) -> None:
    probes, standings = probes_of(), [standing_of(f"10.0.0.{n}:80") for n in range(9)]
    requests(probes, 100_000)
    found = [probes.due([standing], LATE, NOBODY, hedged=hedged) for standing in standings]
    assert sum(one is not None for one in found) == int(MOST_TOKENS)


# -- the timer


@pytest.mark.parametrize(
    ("failing", "most"), [(False, CONFIG.probe_slow_most_s), (True, CONFIG.probe_failing_most_s)]
)
@pytest.mark.parametrize("seed", range(3))
def test_each_probe_is_later_than_the_last_up_to_a_cap(failing: bool, most: float, seed: int) -> None:
    found = intervals(standing_of(backoff_s=1.0, failing=failing), 60, seed)
    for before, after in pairwise(found):
        assert before <= after <= min(most, 1.2 * BACK_OFF * before)
    assert found[-1] == most


def test_sidecars_do_not_probe_in_step() -> None:
    after = {intervals(standing_of(failing=True), 1, seed)[-1] for seed in range(5)}
    assert len(after) == 5, "every sidecar probes a failing pod at the same instant"


# -- the answer


@pytest.mark.parametrize("slowdown", [TRUSTED, 30.0])
def test_a_slow_endpoint_that_answers_well_is_soon_asked_again(slowdown: float) -> None:
    standing = standing_of(backoff_s=5.0)
    standing.slowdown = slowdown
    probes_of().answered(standing, ratio=1.0)
    assert standing.backoff_s == CONFIG.probe_hopeful_s


@pytest.mark.parametrize("health", [EJECTED, PROBING])
def test_an_endpoint_that_is_out_and_answers_well_is_soon_asked_again(health: str) -> None:
    standing = standing_of(backoff_s=60.0)
    standing.health = health
    probes_of().answered(standing, ratio=1.0)
    assert standing.backoff_s == CONFIG.probe_hopeful_s, "recovery would take as long as the fault"


def test_a_trusted_endpoint_is_in_no_hurry() -> None:
    standing = standing_of(backoff_s=CONFIG.probe_hopeful_s)
    probes_of().answered(standing, ratio=1.0)
    assert standing.backoff_s == CONFIG.probe_slow_s


def test_a_slow_answer_is_no_sign_of_recovery() -> None:
    standing = standing_of(backoff_s=4.5)
    standing.slowdown = 30.0
    probes_of().answered(standing, ratio=ANSWERED_WELL)
    assert standing.backoff_s == 4.5


def test_an_endpoint_that_failed_for_long_and_answers_slowly_does_not_wait_as_if_it_still_failed() -> None:
    standing = standing_of(backoff_s=60.0)
    probes_of().answered(standing, ratio=6.0)
    assert standing.backoff_s == RouterConfig().probe_slow_most_s, "a cold cache kept it out for a minute"


@pytest.mark.parametrize(("before", "after"), [(0.75, CONFIG.probe_failing_s), (20.0, 20.0)])
def test_after_a_failure_it_is_left_alone_for_a_while(before: float, after: float) -> None:
    standing = standing_of(backoff_s=before)
    probes_of().failed(standing)
    assert standing.backoff_s == after, "a failure must not bring the next probe forward, nor hasten it"


def test_a_probe_whose_copy_was_faster_is_repeated_soon_but_once() -> None:
    probes, standing = probes_of(), standing_of(backoff_s=5.0)
    after = []
    for _ in range(3):
        probes.undecided(standing)
        after.append(standing.backoff_s)
    assert after == [CONFIG.probe_hopeful_s, CONFIG.probe_slow_s, CONFIG.probe_slow_s], (
        "once is luck, twice may be hanging"
    )


@pytest.mark.parametrize("verdict", ["answered", "failed"])
def test_a_verdict_makes_the_next_lost_probe_the_first_again(verdict: str) -> None:
    probes, standing = probes_of(), standing_of()
    probes.undecided(standing)
    if verdict == "answered":
        probes.answered(standing, ratio=30.0)
    else:
        probes.failed(standing)
    probes.undecided(standing)
    assert standing.backoff_s == CONFIG.probe_hopeful_s
