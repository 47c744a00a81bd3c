"""The door of the application in virtual time: which of the three games has the say, and in what order."""

import random

import pytest

from sidecar.policy import gate as gates
from sidecar.policy.ask import AdmissionConfig
from sidecar.policy.gate import Caller, Gate, GateConfig, Knock

TICKET = Caller("default/ticket", 1.0, "10.0.1.0/24", proven=True)
BUS = Caller("default/bus", 1.0, "10.0.2.0/24", proven=True)


def a_gate(concurrency: int = 2, *, enforce: bool = True) -> Gate:
    admission = AdmissionConfig(least_queue=2, queue_share=0.0, probe_paths=(b"/healthz",))
    config = GateConfig(limit="fixed", concurrency=concurrency, enforce=enforce, admission=admission)
    return Gate(config, rng=random.Random(5))


def over(gate: Gate, knock: Knock, now: float) -> object:
    return gate.left(knock, now, took_s=0.01, good=True, overloaded=False)


def test_who_finds_room_goes_in_and_who_does_not_waits_its_turn() -> None:
    gate = a_gate(1)
    first, second = gate.knock(TICKET, b"/x", 1.0), gate.knock(BUS, b"/x", 1.1)
    assert (first.cause, second.cause) == (gates.IN, gates.QUEUED)
    assert over(gate, first, 1.2) is second, "the next goes in when one is over"


def test_who_waited_and_went_in_gives_its_place_back_too() -> None:
    gate = a_gate(1)
    knocks = [gate.knock(TICKET, b"/x", 1.0 + i / 100) for i in range(3)]
    for i, knock in enumerate(knocks):
        over(gate, knock, 2.0 + i)
    assert (gate.admission.in_flight, gate.admission.queued) == (0, 0)


def test_who_leaves_while_waiting_is_not_let_in_later() -> None:
    gate = a_gate(1)
    first, second = gate.knock(TICKET, b"/x", 1.0), gate.knock(TICKET, b"/x", 1.0)
    over(gate, second, 1.1)
    assert over(gate, first, 1.2) is None
    assert gate.admission.in_flight == 0


def test_probes_come_first_even_of_the_punished_but_only_so_many() -> None:
    gate = a_gate(1)
    gate.knock(TICKET, b"/x", 1.0)
    causes = [gate.knock(TICKET, b"/healthz", 1.0).cause for _ in range(30)]
    assert causes.count(gates.EXEMPT) == 10, "ten a second, no more"


def test_a_retry_storm_is_punished_though_there_is_room() -> None:
    gate = a_gate(1000)
    said = []
    for tenth in range(300):
        now = 1.0 + tenth / 10.0
        gate.sweep(now)
        for _ in range(10):
            knock = gate.knock(TICKET, b"/x", now, attempt=3)
            said.append(knock.cause)
            over(gate, knock, now)
    assert gates.PUNISHED in said, "a hundred retries a second are a storm"
    assert gate.knock(BUS, b"/x", 31.0).cause == gates.IN, "others pay nothing for it"


def test_the_same_key_again_and_again_is_a_storm_and_popular_pages_are_none() -> None:
    gate = a_gate(1000)
    for tenth in range(300):
        now = 1.0 + tenth / 10.0
        gate.sweep(now)
        for _ in range(10):
            over(gate, gate.knock(TICKET, b"/x", now, key=b"order-7"), now)
            over(gate, gate.knock(BUS, b"/x", now), now)
    assert gate.police.accounts["default/ticket"].punished
    assert not gate.police.accounts["default/bus"].punished


def test_observing_lets_everybody_in_and_counts_what_it_would_have_done() -> None:
    gate = a_gate(1, enforce=False)
    knocks = [gate.knock(TICKET, b"/x", 1.0) for _ in range(5)]
    assert {knock.cause for knock in knocks} == {gates.IN}
    assert sum(gate.decisions.values()) == 5
    assert gate.decisions[gates.IN] == 1
    for knock in knocks:
        over(gate, knock, 1.1)
    assert gate.admission.in_flight == 0


def test_an_application_that_says_it_is_too_much_gets_less() -> None:
    config = GateConfig(limit="aimd", concurrency=40)
    gate = Gate(config, rng=random.Random(1))
    before = gate.admission.slots
    for i in range(50):
        now = 1.0 + i
        knock = gate.knock(TICKET, b"/x", now)
        gate.left(knock, now, took_s=None, good=False, overloaded=True)
    assert gate.admission.slots < before


@pytest.mark.parametrize("measure", ["delay", "throttle", "drop"])
def test_a_measure_of_the_defence_is_carried_out_on_strangers_only(
    measure: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = a_gate(10)
    monkeypatch.setattr(gate.defence, "judge", lambda *_, proven, **__: "admit" if proven else measure)
    stranger = Caller("unknown", 1.0, "203.0.113.0/24", proven=False)
    cause = gate.knock(stranger, b"/x", 1.0).cause
    assert cause == (gates.DELAYED if measure == "delay" else gates.DEFENDED)
    assert gate.knock(TICKET, b"/x", 1.0).cause == gates.IN


def test_the_delayed_hold_no_place_and_are_few(monkeypatch: pytest.MonkeyPatch) -> None:
    gate = a_gate(1)
    monkeypatch.setattr(gate.defence, "judge", lambda *_, **__: "delay")
    stranger = Caller("unknown", 1.0, "203.0.113.0/24", proven=False)
    knocks = [gate.knock(stranger, b"/x", 1.0) for _ in range(100)]
    delayed = [knock for knock in knocks if knock.cause == gates.DELAYED]
    assert len(delayed) == gate.config.defence.most_delayed
    assert gate.admission.in_flight == 0
    gate.undelayed(delayed[0], 1.25, wanted=True)
    assert delayed[0].cause == gates.IN
    for knock in delayed[1:]:
        gate.undelayed(knock, 1.3, wanted=False)
    assert gate.defence.delayed(1), "their room is free again"


def test_state_tells_who_asks_for_what() -> None:
    gate = a_gate(1)
    gate.knock(TICKET, b"/x", 1.0)
    told = gate.snapshot()
    callers = told["callers"]
    assert isinstance(callers, dict)
    assert callers["default/ticket"]["reputation"] == 1.0
    assert told["slots"] == 1


def test_nobody_bids_more_than_its_budget() -> None:
    gate = a_gate(1)
    assert gate.knock(TICKET, b"/x", 1.0, bid=50.0).bid == TICKET.budget
    assert gate.knock(TICKET, b"/x", 1.0, bid=0.5).bid <= 0.5
