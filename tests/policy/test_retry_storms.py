"""Retries beyond a fifth of the requests and ten a second are a defection, congested or not."""

import pytest

from sidecar.policy.police import PoliceConfig
from sidecar.policy.retry_storms import KeyMemory, excess
from tests.policy.street import Street

SECONDS = 10


def quiet_street() -> Street:
    street = Street()
    street.congested = False
    return street


def storm(street: Street, requests: int, retries: int) -> Street:
    """So many of both in each second, by our own header."""
    for _ in range(SECONDS):
        street.send("bus", retries, attempt=2)
        street.second(bus=requests)
    return street


def test_a_storm_is_punished_though_the_app_is_not_congested() -> None:
    bus = storm(quiet_street(), requests=50, retries=100)["bus"]
    assert bus.punished
    assert bus.defections == SECONDS


def test_the_gain_of_a_storm_is_what_it_has_in_excess() -> None:
    """Of 150, 100 are retries and 40 are allowed: without the other 60 it is due 90, and the level is half of that."""
    bus = storm(quiet_street(), requests=50, retries=100)["bus"]
    assert bus.level == pytest.approx(45.0)
    assert bus.certified


@pytest.mark.parametrize(
    ("requests", "retries", "defects"), [(0, 12, False), (80, 30, False), (80, 36, True)]
)
def test_a_fifth_and_ten_a_second_are_nobodys_storm(requests: int, retries: int, defects: bool) -> None:
    assert bool(storm(quiet_street(), requests, retries)["bus"].defections) is defects


def test_attempts_of_a_sidecar_that_keeps_its_retry_budget_are_no_storm() -> None:
    """It may spend ten seconds' budget in one: that is one defection in ten, and no punishment."""
    street = quiet_street()
    for second in range(300):
        street.send("bus", 300 if second % 10 == 0 else 0, attempt=2)
        street.second(bus=100)
    assert street["bus"].defections == 30
    assert street["bus"].punishments == 0


def test_popular_requests_without_a_key_are_no_storm() -> None:
    street = quiet_street()
    street.seconds(SECONDS, bus=2000)
    assert street["bus"].defections == 0


def test_one_idempotency_key_over_and_over_is_a_storm() -> None:
    street = quiet_street()
    for _ in range(SECONDS):
        street.send("bus", 50, key=b"order-17")
        street.second(bus=1)
    assert street["bus"].punished


def test_ever_new_keys_are_none() -> None:
    street = quiet_street()
    for second in range(SECONDS):
        for n in range(50):
            street.send("bus", key=b"order-%d-%d" % (second, n))
        street.second(bus=1)
    assert street["bus"].defections == 0


def test_two_callers_may_use_the_same_key() -> None:
    street = quiet_street()
    for n in range(30):
        street.send(f"caller-{n}", key=b"1")
    assert [street[f"caller-{n}"].retries for n in range(30)] == [0] * 30


def test_a_marked_retry_with_a_known_key_counts_once() -> None:
    street = quiet_street()
    street.send("bus", 13, key=b"a", attempt=2)
    assert street["bus"].retries == 13


def test_the_allowance_is_configured() -> None:
    street = Street(PoliceConfig(retry_share=0.0, retry_free=1.0))
    street.congested = False
    assert storm(street, requests=50, retries=3)["bus"].defections == SECONDS


# -- the memory for keys


@pytest.mark.parametrize(("later_s", "repeated"), [(0.0, True), (60.0, True), (60.1, False)])
def test_a_key_is_remembered_for_a_minute(later_s: float, repeated: bool) -> None:
    keys = KeyMemory(10)
    assert not keys.repeated(b"a", 100.0)
    assert keys.repeated(b"a", 100.0 + later_s) is repeated


def test_each_repetition_is_a_minute_more() -> None:
    keys = KeyMemory(10)
    assert [keys.repeated(b"a", 50.0 * n) for n in range(5)] == [False, True, True, True, True]


def test_only_the_latest_keys_are_remembered() -> None:
    keys = KeyMemory(10)
    for n in range(10_000):
        keys.repeated(b"first", 0.0)
        keys.repeated(b"%d" % n, 0.0)
    assert len(keys) == 10
    assert keys.repeated(b"first", 0.0), "the one in use is kept"
    assert keys.repeated(b"9999", 0.0)
    assert not keys.repeated(b"9000", 0.0)


def test_excess_is_per_second() -> None:
    assert excess(100, 50, 2.0, share=0.2, free=10.0) == pytest.approx(5.0)
    assert excess(100, 0, 1.0, share=0.2, free=10.0) <= 0.0
