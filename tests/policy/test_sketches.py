"""A crowd in a few hundred bytes: who is new, how evenly it asks; never more memory, whoever comes."""

import math
import random
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.policy.sketches import Novelty, Spread

SLOTS = 2048
BITS = 30


def member(number: int, seed: int = 0) -> int:
    """Its hash (splitmix64)."""
    x = ((number + 1) * 0x9E3779B97F4A7C15 + seed * 0xD1B54A32D192ED03) % 2**64
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB % 2**64
    return int((x ^ (x >> 31)) % 2**BITS)


def share_of_new(novelty: Novelty, members: list[int]) -> float:
    for key in members:
        novelty.add(key)
    share = novelty.take()
    assert share is not None, "so many events are enough to tell"
    return share


# -- who is new


def test_the_first_time_everybody_is_new() -> None:
    assert share_of_new(Novelty(SLOTS), [member(n) for n in range(100)]) >= 0.9


@pytest.mark.parametrize("crowd", [1, 10, 250, 2000, 10_000])
def test_those_who_came_before_are_not_new_however_many(crowd: int) -> None:
    novelty, members = Novelty(SLOTS), [member(n) for n in range(crowd)]
    for _ in range(8):  # the sample finds its size
        share = share_of_new(novelty, members * max(1, 400 // crowd))
    assert share <= 0.1, "regulars pass for newcomers"


@pytest.mark.parametrize("rate", [50, 300, 3000])
def test_those_who_never_come_twice_are_always_new(rate: int) -> None:
    novelty = Novelty(SLOTS)
    shares = []
    for second in range(1, 60):
        for n in range(rate):
            novelty.add(member(n, second))
        share = novelty.take()
        if share is not None:
            shares.append(share)
    assert len(shares) >= 30, "the sample is too small to tell"
    assert min(shares) >= 0.5, "too many newcomers pass for regulars"
    assert sum(shares) / len(shares) >= 0.7


@pytest.mark.parametrize("new", [0.2, 0.5, 0.8])
def test_the_share_is_that_of_the_new_ones(new: float) -> None:
    rng, novelty = random.Random(3), Novelty(SLOTS)
    regulars = [rng.getrandbits(BITS) for _ in range(50)]
    share_of_new(novelty, regulars)
    events = [rng.getrandbits(BITS) if rng.random() < new else rng.choice(regulars) for _ in range(400)]
    assert share_of_new(novelty, events) == pytest.approx(new, abs=0.12)


def test_who_was_not_seen_for_two_generations_is_new_again() -> None:
    novelty, members = Novelty(SLOTS), [member(n) for n in range(100)]
    share_of_new(novelty, members)
    novelty.turn()
    assert share_of_new(novelty, members) == 0.0, "one generation ago is remembered"
    novelty.turn()
    novelty.turn()
    assert share_of_new(novelty, members) >= 0.9, "two generations ago is not"


def test_a_handful_of_events_tells_nothing() -> None:
    novelty = Novelty(SLOTS)
    for n in range(3):
        novelty.add(member(n))
    assert novelty.take() is None


def test_after_a_flood_few_members_are_all_watched_again() -> None:
    novelty = Novelty(SLOTS)
    for n in range(100_000):
        novelty.add(member(n))
    novelty.take()
    for _ in range(10):
        novelty.turn()
    assert novelty._mask == 0, "a sample of a few callers would say nothing"


def test_a_million_members_take_no_more_memory_than_one() -> None:
    rng, novelty = random.Random(1), Novelty(SLOTS)
    novelty.add(1)
    before = sys.getsizeof(novelty._slots)
    for _ in range(1_000_000):
        novelty.add(rng.getrandbits(BITS))
    assert sys.getsizeof(novelty._slots) <= before


# -- how evenly


def evenness(members: list[int], slots: int = 512) -> float:
    spread = Spread(slots)
    for key in members:
        spread.add(key)
    return spread.evenness()


def test_always_the_same_has_no_entropy() -> None:
    assert evenness([7] * 1000) == 0.0
    assert evenness([]) == evenness([7]) == 0.0


@pytest.mark.parametrize("events", [20, 100, 500, 5000])
def test_all_different_is_almost_the_most_there_can_be(events: int) -> None:
    assert evenness([member(n) for n in range(events)]) >= 0.85


@given(st.lists(st.integers(0, 9), min_size=2, max_size=300))
@settings(max_examples=60)
def test_it_is_shannons_entropy(members: list[int]) -> None:
    total = len(members)
    parts = [members.count(n) / total for n in set(members)]
    entropy = -sum(part * math.log(part) for part in parts)
    assert evenness(members) == pytest.approx(entropy / math.log(min(total, 512)), abs=1e-9)


def test_counting_anew_forgets_what_was() -> None:
    spread = Spread(512)
    for n in range(100):
        spread.add(member(n))
    spread.clear()
    for _ in range(100):
        spread.add(7)
    assert (spread.total, spread.evenness()) == (100, 0.0)
