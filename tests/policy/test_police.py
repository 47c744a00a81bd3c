"""Who defects is throttled to a level that deters, is never cut off, and is forgiven; nobody else notices."""

import math
import random
from bisect import bisect_left

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.game.folk import punishment_length
from sidecar.policy.police import Police, PoliceConfig
from tests.policy.street import PATTERNS, START, Pattern, Street, at_once


def flooded(street: Street, seconds: int = 10) -> Street:
    """`flood` offers five times its share (80/s, as `bus` leaves a lot) for so long."""
    street.seconds(seconds, bus=20, flood=400)
    return street


# -- shares


def test_a_caller_within_its_share_never_notices() -> None:
    street = Street()
    street.seconds(60, bus=45, train=55)
    assert len(street.passed["bus"]) == 45 * 60
    assert (street["bus"].score, street["bus"].punished, street["bus"].defections) == (1.0, False, 0)


def test_what_one_caller_leaves_the_others_have() -> None:
    street = Street()
    street.second(bus=20, flood=400)
    assert street["flood"].share == pytest.approx(80.0)
    assert street["bus"].share == pytest.approx(20.0)


def test_budgets_weigh_shares() -> None:
    street = Street()
    street.budgets = {"rich": 3.0, "poor": 1.0}
    street.second(rich=300, poor=300)
    assert [street["rich"].share, street["poor"].share] == pytest.approx([75.0, 25.0])


def test_the_same_rate_is_a_defection_for_a_small_budget_only() -> None:
    street = Street()
    street.budgets = {"rich": 3.0, "poor": 1.0}
    street.seconds(10, rich=70, poor=70)
    assert (street["rich"].punished, street["poor"].punished) == (False, True)


@pytest.mark.parametrize(("offered", "defects"), [(55, False), (62, False), (65, True), (100, True)])
def test_a_tenth_above_the_share_and_what_luck_brings_is_no_defection(offered: int, defects: bool) -> None:
    """Share 50: 55 is tolerated, and √50 more is one standard deviation of arrivals by chance."""
    street = Street(capacity=120.0)
    street.second(bus=offered, train=200, tram=20)
    assert bool(street["bus"].defections) is defects


def test_without_luck_the_tolerance_is_all_there_is() -> None:
    street = Street(PoliceConfig(luck=0.0))
    street.second(bus=55, train=56)
    assert (street["bus"].defections, street["train"].defections) == (0, 1)


def test_nobody_defects_while_the_app_is_not_congested() -> None:
    street = Street()
    street.congested = False
    flooded(street, 60)
    assert (street["flood"].defections, street["flood"].punished) == (0, False)
    assert len(street.passed["flood"]) == 60 * 400


@pytest.mark.parametrize("capacity", [math.nan, 0.0, -1.0])
def test_nobody_can_be_above_a_share_that_nobody_knows(capacity: float) -> None:
    street = flooded(Street(capacity=capacity))
    assert (street["flood"].defections, street["flood"].share) == (0, 400.0)


def test_unbounded_capacity_is_enough_for_all() -> None:
    assert flooded(Street(capacity=math.inf))["flood"].share == 400.0


# -- one flood, from its first request to its forgiveness


def test_a_flooder_is_punished_within_six_seconds() -> None:
    street = Street()
    assert street.until(lambda: street["flood"].punished, 60, bus=20, flood=400) <= 6
    assert street["flood"].punishments == 1


def test_one_bad_second_is_not_punished() -> None:
    street = Street()
    street.seconds(3, bus=20, flood=400)
    street.seconds(30, bus=20, flood=40)
    assert (street["flood"].defections, street["flood"].punishments) == (3, 0)


def test_others_are_not_punished_with_it() -> None:
    street = flooded(Street(), 20)
    assert len(street.passed["bus"]) == 20 * 20
    assert street["bus"].score == 1.0


def test_a_flood_of_twenty_seconds_ends_in_freedom_within_fifteen() -> None:
    street = flooded(Street(), 20)
    account = street["flood"]
    assert account.punished
    assert street.defected_at["flood"] == street.now
    assert street.until(lambda: not account.punished, 60, bus=20) <= 15
    assert street.send("flood", 80) == [0.0] * 80, "free, but not served"


@pytest.mark.parametrize("rate", [0, 60])
def test_after_minutes_of_flood_it_is_forgiven_as_soon(rate: int) -> None:
    """Silent or well behaved alike."""
    street = flooded(Street(), 300)
    assert street["flood"].score < 1e-6
    street.seconds(14, bus=20, flood=rate)
    assert not street["flood"].punished, "punished for longer than 15 s"


def test_a_short_punishment_still_waits_for_the_score() -> None:
    """A third above its share is worth one tick by the theorem; not after a minute of it."""
    street = Street()
    street.seconds(60, bus=20, flood=110)
    flood = street["flood"]
    assert flood.length == 1
    street.seconds(4, bus=20)
    assert flood.punished
    assert flood.score < 0.6
    street.seconds(4, bus=20)
    assert not flood.punished


def test_what_is_above_the_level_but_within_the_share_does_not_prolong_the_punishment() -> None:
    street = flooded(Street())
    until, level = street["flood"].until, street["flood"].level
    street.seconds(5, bus=20, flood=70)
    assert level < 70
    assert (street["flood"].until, street["flood"].punished) == (until, True)


def test_where_everybody_takes_more_there_is_nobody_to_protect() -> None:
    """Overload by all alike is divided, not punished: to throttle everybody would leave the app idle."""
    street = Street(capacity=100.0)
    street.seconds(30, bus=100, tram=120, train=80)
    assert not any(account.punished for account in street.police.accounts.values())
    street.seconds(10, bus=100, tram=120, train=5, ferry=5, taxi=5)
    assert street["bus"].punished, "now there are those who keep to their shares"


def test_punishing_does_not_hide_the_congestion_it_ends() -> None:
    """Throttled, the flooder no longer congests the app; but it would."""
    street = Street(capacity=100.0)
    for _ in range(10):
        street.second(flooder=500, other=20)
    assert street["flooder"].punished
    street.congested = False
    for _ in range(60):
        street.second(flooder=500, other=20)
        assert street["flooder"].punished, "it has never stopped"
    for _ in range(15):
        street.second(other=20)
    assert not street["flooder"].punished


def test_a_further_defection_starts_the_punishment_again() -> None:
    street = flooded(Street())
    street.seconds(8, bus=20, flood=30)
    street.second(bus=20, flood=400)
    assert street["flood"].until == pytest.approx(street.now + street["flood"].length)
    assert street["flood"].punishments == 1, "the same one"


def test_who_floods_again_right_after_is_punished_within_two_seconds() -> None:
    """What was is not forgotten yet: the first time takes four."""
    street = flooded(Street(), 20)
    street.until(lambda: not street["flood"].punished, 60, bus=20)
    assert street.until(lambda: street["flood"].punished, 60, bus=20, flood=400) <= 2


# -- the sentence


def test_level_and_length_are_those_of_the_folk_theorem() -> None:
    street = flooded(Street())
    flood = street["flood"]
    assert flood.share == pytest.approx(80.0)
    assert flood.level == pytest.approx(40.0), "half the share is deep enough"
    assert flood.length == punishment_length(320.0, 40.0, math.exp(-1 / 60)) == 9
    assert flood.certified


@pytest.mark.parametrize(("times", "part"), [(5, 0.5), (7, 0.25), (8, 0.1), (9.5, 0.05)])
def test_a_worse_flood_is_punished_deeper_rather_than_longer(times: float, part: float) -> None:
    """The share is 80."""
    street = Street()
    street.seconds(10, bus=20, flood=int(times * 80))
    assert street["flood"].level == pytest.approx(part * 80.0)
    assert street["flood"].length <= 10
    assert street["flood"].certified


def test_a_flood_that_no_short_punishment_deters_is_held_at_the_floor_without_a_proof() -> None:
    street = Street()
    street.seconds(10, bus=20, flood=100 * 80)
    flood = street["flood"]
    assert (flood.level, flood.length, flood.certified) == (flood.floor, 10, False)
    certificate = flood.certificate
    assert certificate is not None
    assert certificate.deviations["caller"][0] > 0.0, "the flood pays, and it says so"


def test_who_was_never_punished_has_no_level_but_its_floor() -> None:
    street = Street()
    street.budgets = {"bus": 3.0}
    street.second(bus=1)
    bus = street["bus"]
    assert (bus.level, bus.floor, bus.length, bus.certified) == (3.0, 3.0, 0, True)


# -- throttled


def windows(times: list[float], since: float, until: float) -> list[int]:
    """Counts of all ten seconds that begin with a request, or with `since`."""
    begins = [since, *[at for at in times if since <= at <= until - 10.0]]
    return [bisect_left(times, begin + 10.0) - bisect_left(times, begin) for begin in begins]


@pytest.mark.parametrize("pattern", PATTERNS, ids=lambda pattern: pattern.__name__)
@pytest.mark.parametrize("capacity", [12.0, 30.0, 100.0])
def test_a_punished_flooder_gets_its_level_within_a_tenth_over_ten_seconds(
    pattern: Pattern, capacity: float
) -> None:
    street = Street(capacity=capacity)
    street.pattern = pattern
    flood = int(5 * (capacity - 2))
    street.until(lambda: street["flood"].punished, 20, bus=2, flood=flood)
    since = street.now
    street.seconds(40, bus=2, flood=flood)
    level = street["flood"].level
    assert level == pytest.approx((capacity - 2) / 2)
    counts = windows(street.passed["flood"], since, street.now)
    assert max(counts) <= 11.0 * level + 1e-6, "more than a tenth above its level"
    assert min(counts) >= 9.0 * level - 1e-6, "more than a tenth below its level"


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 400), min_size=12, max_size=40))
def test_no_ten_seconds_of_any_arrivals_exceed_the_level_by_more_than_a_tenth(bursts: list[int]) -> None:
    """And one request, as there are no halves."""
    street = flooded(Street())
    street.pattern = at_once
    flood, since = street["flood"], street.now
    for burst in bursts:
        flood.until = street.now + 60.0  # whatever it does
        street.congested = False  # and no new sentence
        flood.score = 0.0
        street.second(bus=20, flood=burst)
    assert flood.punished
    assert max(windows(street.passed["flood"], since, street.now)) <= 11.0 * flood.level + 1.0


def test_who_waits_as_long_as_it_is_told_is_served() -> None:
    street = flooded(Street())
    wait_s = street.send("flood", 100)[-1]
    assert 0.0 < wait_s <= 1.0 / street["flood"].level
    street.pause(0.9 * wait_s)
    assert street.send("flood") != [0.0]
    street.pause(0.1 * wait_s + 1e-6)
    assert street.send("flood") == [0.0]


def test_refusals_are_counted() -> None:
    street = flooded(Street())
    before = street["flood"].refused
    assert street.send("flood", 100).count(0.0) == 100 - (street["flood"].refused - before)


# -- nobody is pushed below its floor


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 120), st.sampled_from([0.5, 1.0, 5.0])), min_size=2, max_size=4),
    st.sampled_from([1.0, 10.0, 100.0]),
)
def test_nobody_is_pushed_below_its_floor(callers: list[tuple[int, float]], capacity: float) -> None:
    """Individual rationality: whatever it offers, and however little there is to share."""
    street = Street(capacity=capacity)
    offered = {f"caller-{n}": rate for n, (rate, _) in enumerate(callers)}
    street.budgets = {f"caller-{n}": budget for n, (_, budget) in enumerate(callers)}
    street.seconds(8, **offered)
    since = street.now
    street.seconds(12, **offered)
    for name, rate in offered.items():
        account = street[name]
        assert account.level >= account.floor > 0.0
        served = sum(at >= since for at in street.passed[name])
        assert served >= 12 * min(rate, account.floor) * 0.9 - 1, f"{name} was pushed below its floor"


def test_who_keeps_to_its_floor_cannot_defect() -> None:
    """Its fair share, 4/s, is less than the 5/s its budget keeps for it. Not even by retries."""
    street = Street(PoliceConfig(luck=0.0, retry_free=0.0), capacity=40.0)
    street.budgets = {"bus": 5.0}
    for _ in range(20):
        street.send("bus", 5, attempt=2)
        street.second(**{f"other-{n}": 100 for n in range(45)})
    assert (street["bus"].defections, street["bus"].score) == (0, 1.0)


# -- noise


def test_an_hour_of_one_false_defection_in_a_hundred_punishes_hardly_anybody() -> None:
    """Twenty callers at 2/s on a capacity of 45/s; in one second of a hundred one sends 40."""
    street, rng = Street(capacity=45.0), random.Random(7)
    callers = [f"caller-{n}" for n in range(20)]
    for _ in range(3600):
        street.second(**{name: 40 if rng.random() < 0.01 else 2 for name in callers})
    defections = sum(street[name].defections for name in callers)
    punishments = [street[name].punishments for name in callers]
    assert defections > 500, "there was no noise to speak of"
    assert max(punishments) <= 1
    assert sum(punishments) <= 2, "less than one false punishment per caller, by far"


def test_poisson_arrivals_at_the_share_are_hardly_ever_punished() -> None:
    """Two callers that each offer half the capacity on average, half an hour."""
    street, rng = Street(), random.Random(11)
    for _ in range(1800):
        counts = [sum(rng.random() < 0.05 for _ in range(1000)) for _ in range(2)]
        street.second(bus=counts[0], train=counts[1])
    assert street["bus"].defections > 0
    assert street["bus"].punishments + street["train"].punishments <= 1


# -- time


def test_silence_is_cooperation() -> None:
    street = Street()
    street.seconds(3, bus=20, flood=400)
    score = street["flood"].score
    street.seconds(5, bus=20)
    assert street["flood"].score == pytest.approx(1.0 - (1.0 - score) / 2.0), "half forgiven in a half-life"
    street.seconds(60, bus=20)
    assert street["flood"].score == 1.0


def test_idle_callers_cost_nothing_per_tick() -> None:
    street = flooded(Street())
    for n in range(500):
        street.send(f"caller-{n}")
    street.seconds(120, bus=20)
    assert set(street.police._watched) == {"bus"}
    assert street["flood"].offered == 0.0, "what metrics show is as old as its last request"


def test_an_hour_without_a_tick_is_an_hour_of_silence() -> None:
    """The first request after it does not wait for the tick."""
    street = flooded(Street())
    street.pause(3600.0)
    assert street.send("flood", 50) == [0.0] * 50
    street.tick()
    assert street["flood"].score == 1.0


@pytest.mark.parametrize(("flood_s", "pause_s"), [(5, 7.0), (60, 3.5)])
def test_a_moment_without_a_tick_frees_nobody(flood_s: int, pause_s: float) -> None:
    """Neither before the time is over nor before the score is back."""
    street = flooded(Street(), flood_s)
    score = street["flood"].score
    street.pause(pause_s)
    street.send("flood", 400)
    assert street["flood"].punished
    assert street["flood"].score == score, "requests must not heal it"


def test_a_late_tick_counts_as_one() -> None:
    """A stalled event loop sees all that waited at once, and must not call it bad faith."""
    street = Street()
    street.second(bus=20)
    street.pause(30.0)
    street.send("bus", 20_000)
    street.send("tram", 10)
    street.tick()
    assert street["bus"].defections == 1
    assert not street["bus"].punished


def test_rates_are_per_second_however_long_the_tick() -> None:
    street = Street()
    street.second(bus=20)
    street.send("bus", 30)
    street.pause(1.5)
    street.tick()
    assert street["bus"].offered == pytest.approx(20.0)


def test_a_tick_right_after_another_judges_nobody() -> None:
    street = Street()
    street.second(bus=20)
    street.send("bus", 30)
    for _ in range(5):
        street.pause(0.01)
        street.tick()
    assert (street["bus"].defections, street["bus"].offered) == (0, 20.0)


def test_a_tick_before_the_first_caller_is_the_beginning_of_time() -> None:
    police = Police()
    police.tick(START, capacity=100.0, congested=True)
    bus = police.account("bus", 1.0, START)
    for n in range(50):
        assert police.request(bus, START + n / 100) == 0.0
    police.tick(START + 1.0, capacity=100.0, congested=True)
    assert bus.offered == pytest.approx(50.0)
