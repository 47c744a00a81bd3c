"""The budget: 20 % of the requests plus 10 a second, over ten one-second buckets, in virtual time."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.policy import retries
from sidecar.policy.retries import RetryBudget

START = 1000.0


def drain(budget: RetryBudget, now: float) -> int:
    """Take all there is."""
    taken = 0
    while taken < 100_000 and budget.withdraw(now):
        taken += 1
    return taken


def funded(ratio: float, min_per_s: float, deposits: int) -> RetryBudget:
    budget = RetryBudget(ratio, min_per_s)
    for _ in range(deposits):
        budget.deposit(START)
    return budget


def test_an_idle_service_may_retry_ten_a_second() -> None:
    assert drain(RetryBudget(), START) == 100, "10 a second over 10 s"


def test_a_fifth_of_the_requests_comes_on_top() -> None:
    assert drain(funded(0.2, 10.0, deposits=1000), START) == 300


def test_ratio_and_floor_are_the_callers_choice() -> None:
    assert drain(funded(0.5, 1.0, deposits=40), START) == 30


@given(st.floats(0.0, 2.0), st.floats(0.0, 20.0), st.integers(0, 300))
@settings(max_examples=60)
def test_never_more_than_ratio_and_floor_allow(ratio: float, min_per_s: float, deposits: int) -> None:
    allowed = ratio * deposits + 10 * min_per_s
    taken = drain(funded(ratio, min_per_s, deposits), START)
    assert allowed - 1 < taken <= allowed, "all of the budget, and not a fraction more"


def test_without_a_floor_one_request_pays_for_no_retry() -> None:
    assert not funded(0.2, 0.0, deposits=1).withdraw(START), "a fifth of a retry is none"


def test_a_budget_that_is_spent_stays_spent() -> None:
    budget = RetryBudget()
    drain(budget, START)
    assert not budget.withdraw(START + 0.9)


# -- the edges of the window: the current second and the nine before it


@pytest.mark.parametrize("later_s", [0.0, 1.0, 9.0, 9.999])
def test_a_retry_counts_until_its_second_has_left_the_window(later_s: float) -> None:
    budget = RetryBudget()
    drain(budget, START)
    assert drain(budget, START + later_s) == 0


@pytest.mark.parametrize("later_s", [10.0, 11.0, 19.5, 20.0, 1e6])
def test_a_retry_is_forgotten_with_its_second(later_s: float) -> None:
    budget = RetryBudget()
    drain(budget, START)
    assert drain(budget, START + later_s) == 100


@pytest.mark.parametrize("later_s", [0.0, 9.0, 9.999])
def test_a_request_funds_retries_for_ten_seconds(later_s: float) -> None:
    assert drain(funded(0.2, 0.0, deposits=100), START + later_s) == 20


@pytest.mark.parametrize("later_s", [10.0, 15.0, 25.0])
def test_a_request_funds_no_retry_later(later_s: float) -> None:
    assert drain(funded(0.2, 0.0, deposits=100), START + later_s) == 0


def test_seconds_leave_the_window_one_by_one() -> None:
    budget = RetryBudget(ratio=0.0)
    for second in range(10):
        for _ in range(10):
            assert budget.withdraw(START + second)
    freed = [drain(budget, START + 10 + second) for second in range(10)]
    assert freed == [10] * 10, "each second brings back what was taken ten seconds before"


def test_a_deposit_after_a_long_silence_clears_what_was_before() -> None:
    budget = funded(0.2, 0.0, deposits=100)
    for _ in range(10):
        budget.deposit(START + 100)
    assert drain(budget, START + 100) == 2


# -- any traffic at all

TRAFFIC = st.lists(
    st.tuples(st.floats(0.0, 12.0), st.integers(0, 60), st.integers(0, 140)), min_size=1, max_size=25
)


@given(TRAFFIC, st.sampled_from([0.0, 0.2, 1.0]), st.sampled_from([0.0, 1.0, 10.0]))
@settings(max_examples=80)
def test_retries_stay_within_what_the_window_deposited(
    traffic: list[tuple[float, int, int]], ratio: float, min_per_s: float
) -> None:
    budget, now = RetryBudget(ratio, min_per_s), START
    deposits: list[int] = []  # the second of each
    taken: list[int] = []
    for wait_s, requests, wanted in traffic:
        now += wait_s
        oldest = int(now) - 9
        for _ in range(requests):
            budget.deposit(now)
            deposits.append(int(now))
        taken += [int(now) for _ in range(wanted) if budget.withdraw(now)]
        allowed = ratio * sum(second >= oldest for second in deposits) + 10 * min_per_s
        window = sum(second >= oldest for second in taken)
        if taken and taken[-1] == int(now):
            assert window <= allowed, "retries exceed the budget of the window in which they were taken"


@given(st.lists(st.floats(0.0, 3.0), min_size=1, max_size=200))
@settings(max_examples=40)
def test_no_ten_seconds_in_a_row_see_more_than_the_floor(waits_s: list[float]) -> None:
    budget, now = RetryBudget(ratio=0.2, min_per_s=1.0), START
    taken: list[int] = []
    for wait_s in waits_s:
        now += wait_s
        taken += [int(now)] * drain(budget, now)
    most = max(sum(first <= second < first + 10 for second in taken) for first in set(taken))
    assert most <= 10, "ten whole seconds never hold more than min * 10 without requests"


@given(TRAFFIC)
@settings(max_examples=40)
def test_a_request_pays_for_a_retry_only_once(traffic: list[tuple[float, int, int]]) -> None:
    budget, now, requests_sent, taken = RetryBudget(ratio=0.2, min_per_s=0.0), START, 0, 0
    for wait_s, requests, wanted in traffic:
        now += wait_s
        for _ in range(requests):
            budget.deposit(now)
        requests_sent += requests
        taken += sum(budget.withdraw(now) for _ in range(wanted))
    assert taken <= 0.2 * requests_sent, "over any time, a fifth of the requests at most"


# -- the rules


@pytest.mark.parametrize("status", [502, 503, 504])
def test_gateway_errors_are_worth_another_attempt(status: int) -> None:
    assert status in retries.RETRYABLE_STATUS


@pytest.mark.parametrize("status", [200, 400, 404, 408, 425, 429, 500, 501, 505])
def test_no_other_status_is(status: int) -> None:
    assert status not in retries.RETRYABLE_STATUS


def test_a_request_makes_three_attempts_at_most() -> None:
    assert retries.MAX_FURTHER_ATTEMPTS == 2
