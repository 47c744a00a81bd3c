import pytest

from loadtest.load import Sample
from loadtest.scenarios import adversary
from loadtest.scenarios.flow import Flow
from tests.support import scenarios

CAPACITY = 400.0
PREFIXES = [f"127.70.{number}" for number in range(2 + adversary.CLIENTS)]
SCRIPT = adversary.written(CAPACITY, PREFIXES, quick=True)
ATTACK = SCRIPT.phase("attack")


def defended(flow: Flow, at_s: float, number: int) -> Sample:
    """The attacker gets nothing, the honest everything."""
    return scenarios.refused(at_s, "429") if flow.name == adversary.ATTACK else scenarios.served(at_s)


def mixed(exploitability: float) -> scenarios.Scrape:
    def scrape(at_s: float) -> dict[str, float]:
        if not ATTACK.from_s + 3 <= at_s < ATTACK.to_s:
            return {
                'equilibrium_defense_probability{measure="admit"}': 1.0,
                "equilibrium_exploitability": 0.9,
            }
        return {
            'equilibrium_defense_probability{measure="admit"}': 0.1,
            'equilibrium_defense_probability{measure="drop-prefix"}': 0.9,
            "equilibrium_exploitability": exploitability,
        }

    return scrape


def verdicts(rule: scenarios.Rule, scrape: scenarios.Scrape) -> list[bool]:
    return [each.held for each in adversary.verdicts(scenarios.recording(SCRIPT, rule, scrape))]


def test_a_defence_that_serves_the_honest_keeps_both_promises() -> None:
    assert verdicts(defended, mixed(0.01)) == [True, True]


def test_a_defence_that_can_be_gamed_breaks_its_promise() -> None:
    assert verdicts(defended, mixed(0.08)) == [True, False]


def test_a_defence_that_did_nothing_has_shown_nothing() -> None:
    idle = {'equilibrium_defense_probability{measure="admit"}': 1.0, "equilibrium_exploitability": 0.0}
    assert verdicts(defended, lambda at_s: idle) == [True, False]


def test_honest_clients_who_are_not_known_count_as_much_as_callers_who_are() -> None:
    def rule(flow: Flow, at_s: float, number: int) -> Sample:
        hit = flow.name == adversary.UNPROVEN_FLOW and ATTACK.from_s <= at_s < ATTACK.to_s and number % 8 == 0
        return scenarios.refused(at_s, "429") if hit else defended(flow, at_s, number)

    assert verdicts(rule, mixed(0.01)) == [False, True]


def test_the_honest_ask_for_half_and_the_attacker_for_three_times_the_capacity() -> None:
    rates = dict.fromkeys(SCRIPT.names(), 0.0)
    for flow in SCRIPT.flows:
        rates[flow.name] += flow.rate
    assert rates == {
        adversary.KNOWN_FLOW: pytest.approx(100.0),
        adversary.UNPROVEN_FLOW: pytest.approx(100.0),
        adversary.ATTACK: pytest.approx(1200.0),
    }


def test_only_known_callers_are_in_discovery_and_nobody_honest_shares_the_attackers_prefix() -> None:
    listed = {caller.ip for caller in SCRIPT.callers}
    by_name = {
        name: {ip for flow in SCRIPT.flows if flow.name == name for ip in flow.sources}
        for name in SCRIPT.names()
    }
    assert listed == by_name[adversary.KNOWN_FLOW]
    hostile = {ip.rpartition(".")[0] for ip in by_name[adversary.ATTACK]}
    honest = {ip.rpartition(".")[0] for name in adversary.HONEST for ip in by_name[name]}
    assert (len(hostile), hostile & honest) == (1, set())
    assert len(by_name[adversary.ATTACK]) == adversary.IDENTITIES
