import dataclasses
import math

import pytest

from loadtest.load import Sample
from loadtest.scenarios import flood
from loadtest.scenarios.flow import Flow
from loadtest.scenarios.play import Recording
from tests.support import scenarios

CAPACITY = 390.0
LEVEL = 65.0
SCRIPT = flood.written(CAPACITY, "127.70.1", quick=False)
FLOOD = SCRIPT.phase("flood")
CALLER = f'{{caller="default/{flood.FLOODER}",target="default/bus-service"}}'


def held(at_s: float, level: float = LEVEL) -> dict[str, float]:
    """A sidecar that punishes from 5 s into the flood to its end."""
    active = FLOOD.from_s + 5 <= at_s < FLOOD.to_s
    return {
        f"equilibrium_punishment_active{CALLER}": float(active),
        f"equilibrium_punishment_level{CALLER}": level if active else 0.0,
    }


def throttled(flow: Flow, at_s: float, number: int, admitted: float = LEVEL) -> Sample:
    """The flooder gets its level during the flood, everybody else everything."""
    if flow.name != flood.FLOODER or not FLOOD.from_s <= at_s < FLOOD.to_s:
        return scenarios.served(at_s)
    before, now = (int(each * admitted / flow.rate) for each in (number, number + 1))
    return scenarios.served(at_s) if now > before else scenarios.refused(at_s, "429")


def verdicts(recording: Recording) -> list[bool]:
    return [each.held for each in flood.verdicts(recording)]


def test_a_flooder_held_at_its_level_keeps_every_promise() -> None:
    assert verdicts(scenarios.recording(SCRIPT, throttled, held)) == [True] * 4


def test_the_flooder_asks_for_five_times_its_share_and_the_others_for_half() -> None:
    during = {flow.name: flow.rate for flow in SCRIPT.flows if flow.from_s <= FLOOD.from_s < flow.to_s}
    assert during == {
        "gateway": pytest.approx(65.0),
        "trajet-service": pytest.approx(65.0),
        flood.FLOODER: pytest.approx(650.0),
    }


def test_a_slower_tail_of_the_others_breaks_only_that_promise() -> None:
    def rule(flow: Flow, at_s: float, number: int) -> Sample:
        said = throttled(flow, at_s, number)
        slow = flow.name in flood.GOOD and FLOOD.from_s <= at_s < FLOOD.to_s and number % 50 == 0
        return said._replace(latency_ms=40.0) if slow else said

    assert verdicts(scenarios.recording(SCRIPT, rule, held)) == [False, True, True, True]


def test_refusing_the_good_is_no_way_to_serve_the_rest_quickly() -> None:
    def rule(flow: Flow, at_s: float, number: int) -> Sample:
        said = throttled(flow, at_s, number)
        hit = flow.name in flood.GOOD and FLOOD.from_s <= at_s < FLOOD.to_s and number % 60 == 0
        return scenarios.refused(at_s) if hit else said

    assert verdicts(scenarios.recording(SCRIPT, rule, held)) == [True, False, True, True]


@pytest.mark.parametrize("admitted", [LEVEL * 1.2, LEVEL * 0.8])
def test_a_flooder_above_or_below_its_level_breaks_the_promise_of_the_level(admitted: float) -> None:
    recording = scenarios.recording(
        SCRIPT, lambda flow, at_s, number: throttled(flow, at_s, number, admitted), held
    )
    assert verdicts(recording) == [True, True, False, True]


def test_a_flooder_nobody_punishes_has_no_level_to_be_held_at() -> None:
    level = flood.verdicts(scenarios.recording(SCRIPT, throttled))[2]
    assert (level.held, level.measured.partition(" (")[0]) == (False, "no figure")


def test_a_flooder_refused_too_long_after_it_stopped_breaks_the_promise_of_forgiveness() -> None:
    def rule(flow: Flow, at_s: float, number: int) -> Sample:
        said = throttled(flow, at_s, number)
        unforgiven = flow.name == flood.FLOODER and FLOOD.to_s <= at_s < FLOOD.to_s + 16
        return scenarios.refused(at_s, "429") if unforgiven else said

    back = flood.verdicts(scenarios.recording(SCRIPT, rule, held))[3]
    assert (back.held, back.measured) == (False, "16 s")


def test_a_flooder_never_served_again_is_never_forgiven() -> None:
    def rule(flow: Flow, at_s: float, number: int) -> Sample:
        after = flow.name == flood.FLOODER and at_s >= FLOOD.to_s
        return scenarios.refused(at_s) if after else throttled(flow, at_s, number)

    back = flood.verdicts(scenarios.recording(SCRIPT, rule, held))[3]
    assert (back.held, back.measured) == (False, "never")


def test_without_samples_no_promise_is_kept() -> None:
    nothing = dataclasses.replace(
        scenarios.recording(SCRIPT), samples=dict.fromkeys(SCRIPT.names(), ()), readings=()
    )
    assert verdicts(nothing) == [False] * 4


def test_the_result_shows_both_arms_and_holds_plain_values() -> None:
    result = flood.judged(scenarios.both(SCRIPT, scenarios.recording(SCRIPT, throttled, held)))
    assert result.held
    rows = result.facts["rows"]
    assert isinstance(rows, list)
    worst = [row for row in rows if row["phase"] == "flood" and row["arm"] != "Equilibrium"]
    assert {row["served_per_s"] for row in worst} == {0.0}
    assert {row["p99_ms"] for row in worst} == {None}, "nobody was served: there is no latency"
    assert not any(isinstance(value, float) and math.isnan(value) for row in rows for value in row.values())
