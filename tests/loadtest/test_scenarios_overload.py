import functools

import pytest

from loadtest.load import Sample
from loadtest.scenarios import overload
from loadtest.scenarios.flow import Flow
from tests.support import scenarios

CAPACITY = 400.0
SCRIPT = overload.written(CAPACITY, "127.70.1", quick=True)
TROUBLE = SCRIPT.phase("overload")


def shedding(flow: Flow, at_s: float, number: int, one_in: int = 3) -> Sample:
    """Serves what can be served, a third, in twice the calm time; refuses the rest at once."""
    if at_s < TROUBLE.from_s:
        return scenarios.served(at_s)
    return scenarios.served(at_s, 50.0) if number % one_in == 0 else scenarios.refused(at_s)


def verdicts(rule: scenarios.Rule) -> list[bool]:
    return [each.held for each in overload.verdicts(scenarios.recording(SCRIPT, rule), CAPACITY)]


def test_shedding_what_cannot_be_served_keeps_every_promise() -> None:
    assert verdicts(shedding) == [True] * 3


def test_three_times_the_capacity_is_asked_for_by_four_equals() -> None:
    during = [flow.rate for flow in SCRIPT.flows if flow.from_s == TROUBLE.from_s]
    assert during == [pytest.approx(300.0)] * 4
    assert {caller.budget for caller in SCRIPT.callers} == {1.0}


def test_serving_a_quarter_less_than_possible_breaks_the_goodput() -> None:
    assert verdicts(functools.partial(shedding, one_in=4)) == [False, True, True]


def test_a_long_queue_breaks_the_tail() -> None:
    def rule(flow: Flow, at_s: float, number: int) -> Sample:
        said = shedding(flow, at_s, number)
        return said._replace(latency_ms=80.0) if said.ok and at_s >= TROUBLE.from_s else said

    assert verdicts(rule) == [True, False, True]


def test_refusing_late_breaks_the_promise_to_the_refused() -> None:
    def rule(flow: Flow, at_s: float, number: int) -> Sample:
        said = shedding(flow, at_s, number)
        return said if said.ok or number % 20 else said._replace(latency_ms=15.0)

    assert verdicts(rule) == [True, True, False]


def test_collapse_breaks_the_goodput_and_leaves_nothing_to_say_of_the_rest() -> None:
    assert (
        verdicts(
            lambda flow, at_s, number: (
                scenarios.lost(at_s) if at_s >= TROUBLE.from_s else scenarios.served(at_s)
            )
        )
        == [False] * 3
    )
