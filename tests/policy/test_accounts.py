"""Which callers are remembered: memory is bounded, and forgetting frees no flooder."""

import math

import pytest

from sidecar.policy.police import Police, PoliceConfig
from tests.policy.street import START, Street

FEW = PoliceConfig(most_callers=10)
ALIASES = 100_000


def with_flooder(config: PoliceConfig | None = None) -> Street:
    street = Street(config)
    street.seconds(10, bus=20, flood=400)
    return street


def test_an_account_is_opened_once() -> None:
    police = Police()
    assert police.account("bus", 1.0, START) is police.account("bus", 1.0, START + 9.0)
    assert list(police.accounts) == ["bus"]


def test_a_hundred_thousand_names_free_no_flooder_and_take_no_memory() -> None:
    street = with_flooder()
    police = street.police
    flood = street["flood"]
    for n in range(ALIASES):
        alias = police.account(f"alias-{n}", 1.0, street.now)
        assert police.request(alias, street.now) == 0.0, "an innocent newcomer is served"
    assert len(police.accounts) == 1024
    assert len(police._watched) <= 1024
    assert len(police._book._unmarked) <= 1024
    assert police.forgotten == ALIASES + 2 - 1024
    assert street["flood"] is flood
    assert flood.punished
    assert street.send("flood", 100)[-1] > 0.0


def test_names_do_not_hide_who_floods_in_this_very_second() -> None:
    """Not yet marked, but it asks more than the names do."""
    street = Street()
    street.send("flood", 400)
    flood = street["flood"]
    for n in range(10_000):
        street.send(f"alias-{n}", 2)
    assert street["flood"] is flood
    assert flood.requests == 400


def test_a_defection_is_not_forgotten_for_newcomers() -> None:
    """On its way to a punishment, silent at the moment."""
    street = Street()
    street.seconds(3, bus=20, flood=400)
    score = street["flood"].score
    for n in range(5_000):
        street.send(f"alias-{n}")
    assert street["flood"].score == score < 1.0


def test_the_caller_heard_longest_ago_is_forgotten_first() -> None:
    street = Street(FEW)
    for n in range(10):
        street.second(**{f"caller-{n}": 1})
    street.second(**{"caller-0": 1})
    street.second(newcomer=1)
    assert "caller-0" in street.police.accounts
    assert "caller-1" not in street.police.accounts
    assert len(street.police.accounts) == 10


def test_who_is_forgiven_may_be_forgotten() -> None:
    street = with_flooder(FEW)
    street.seconds(120, bus=1)
    assert street["flood"].score == 1.0
    for n in range(20):
        street.second(**{f"caller-{n}": 1})
    assert "flood" not in street.police.accounts


def test_when_all_are_punished_the_one_nearest_to_forgiveness_is_forgotten() -> None:
    street = Street(PoliceConfig(most_callers=3, cooperating=0.0), capacity=30.0)
    street.seconds(10, a=100, b=100, c=100)
    street.seconds(2, a=100, c=100)
    assert all(street[name].punished for name in "abc")
    street.send("newcomer")
    assert set(street.police.accounts) == {"a", "c", "newcomer"}


# -- connections hold accounts


def test_a_forgotten_caller_whose_connection_lives_is_remembered_again() -> None:
    street = Street(FEW)
    bus = street["bus"]
    street.send("bus", 5)
    for n in range(50):
        street.send(f"alias-{n}", 6)
    assert "bus" not in street.police.accounts
    street.police.request(bus, street.now)
    assert street["bus"] is bus
    assert bus.requests == 1, "counted anew: what was before is forgotten"


def test_requests_by_an_old_connection_count_for_the_account_that_replaced_it() -> None:
    """Two accounts for one caller would be two shares."""
    street = Street(FEW)
    old = street["flood"]
    for n in range(50):
        street.send(f"alias-{n}")
    new = street["flood"]
    assert new is not old
    for _ in range(10):
        for _ in range(200):
            street.police.request(old, street.now)
        street.second(flood=200, bus=20)
    assert new.offered == 400.0
    assert new.punished
    answers = [street.police.request(old, street.now) for _ in range(100)]
    assert answers[-1] > 0.0, "its old connection is a way round the punishment"


# -- budgets


def test_all_that_nobody_knows_share_one_small_budget_whatever_they_claim() -> None:
    police = Police()
    unknown = police.account("unknown", 1000.0, START)
    assert (unknown.budget, unknown.floor) == (0.2, 0.2)
    assert police.account("unknown", 0.1, START) is unknown
    assert unknown.budget == 0.2


@pytest.mark.parametrize("budget", [0.0, -1.0, math.nan, math.inf])
def test_a_budget_that_is_none_counts_as_unknown(budget: float) -> None:
    police = Police()
    assert police.account("bus", budget, START).budget == 0.2


@pytest.mark.parametrize(("budget", "counts"), [(1e-300, 0.01), (1e300, 1e6)])
def test_budgets_beyond_reason_are_bounded(budget: float, counts: float) -> None:
    """Retry-After of a floor of 1e-300/s would be for ever; weights must add up."""
    assert Police().account("bus", budget, START).budget == counts


def test_a_new_budget_counts_at_once() -> None:
    police = Police()
    police.account("bus", 1.0, START)
    bus = police.account("bus", 4.0, START)
    assert (bus.budget, bus.floor, bus.level) == (4.0, 4.0, 4.0)


@pytest.mark.parametrize(("budget", "level"), [(60.0, 60.0), (5.0, 40.0)])
def test_a_new_floor_only_ever_raises_the_level_of_who_is_punished(budget: float, level: float) -> None:
    street = with_flooder()
    street.budgets["flood"] = budget
    assert street["flood"].punished
    assert street["flood"].level == pytest.approx(level)


# -- what it shows


def test_an_account_says_how_it_stands() -> None:
    street = with_flooder()
    assert "punished at 40/s" in repr(street["flood"])
    assert "free" in repr(street["bus"])
    assert "2 callers, 1 punished" in repr(street.police)
