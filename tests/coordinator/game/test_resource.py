"""The resource game has an exact potential, and better responses end where nobody gains."""

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.game.resource import Agent, Game, lateness, levels
from tests.coordinator.game.bidding import bounded


def agent(rng: random.Random, name: str) -> Agent:
    return Agent(
        name=name,
        usage_m=rng.uniform(0.0, 900.0),
        limit_m=rng.uniform(50.0, 1500.0),
        latency_s=rng.choice([0.0, rng.uniform(0.001, 2.0)]),
        slo_s=rng.uniform(0.01, 0.5),
        price=rng.choice([0.0, rng.uniform(0.1, 5.0)]),
        floor_m=rng.choice([10.0, 55.0, 200.0]),
    )


@st.composite
def games(draw: st.DrawFn, most: int = 6) -> tuple[Game, random.Random]:
    rng = random.Random(draw(st.integers(0, 10**6)))
    crew = [agent(rng, f"a{index}") for index in range(draw(st.integers(1, most)))]
    return Game(crew, rng.randint(300, 9000), rng.choice([0.0, rng.uniform(0.0, 3.0)])), rng


def anywhere(game: Game, rng: random.Random) -> list[int]:
    return [rng.choice(choices) for choices in game.levels]


@bounded(150)
@given(games())
def test_every_unilateral_deviation_changes_the_potential_by_what_the_mover_gains(
    played: tuple[Game, random.Random],
) -> None:
    """Monderer and Shapley's definition, to the last digit."""
    game, rng = played
    profile = anywhere(game, rng)
    for who, choices in enumerate(game.levels):
        for level in choices:
            moved = [level if index == who else at for index, at in enumerate(profile)]
            gained = game.utility(who, moved) - game.utility(who, profile)
            assert game.potential(moved) - game.potential(profile) == gained


@bounded(100)
@given(games())
def test_utility_is_performance_less_cost_less_congestion(played: tuple[Game, random.Random]) -> None:
    """Written out once more, in cores."""
    game, rng = played
    profile = anywhere(game, rng)
    for who, each in enumerate(game.agents):
        cores, node = profile[who] / 1000, game.capacity_m / 1000
        congestion = cores * (sum(profile) / 1000) / node
        expected = -lateness(each, profile[who]) - (each.price + game.price) * cores - congestion
        assert game.utility(who, profile) / game.unit == pytest.approx(expected, rel=1e-9, abs=1e-9)


@bounded(100)
@given(games())
def test_better_responses_in_turn_never_lower_the_potential_and_end_in_a_pure_nash(
    played: tuple[Game, random.Random],
) -> None:
    """Whoever moves, and whichever better level it takes, not only the best."""
    game, rng = played
    profile = anywhere(game, rng)
    for _ in range(10_000):
        before = game.potential(profile)
        better = [
            (who, level)
            for who, choices in enumerate(game.levels)
            for level in choices
            if _with(game, profile, who, level) > game.utility(who, profile)
        ]
        if not better:
            break
        who, level = rng.choice(better)
        profile[who] = level
        assert game.potential(profile) > before
    assert game.gap(profile) == 0


def _with(game: Game, profile: list[int], who: int, level: int) -> int:
    return game.utility(who, [level if index == who else at for index, at in enumerate(profile)])


@bounded(60)
@given(games(most=3))
def test_the_gap_is_what_all_could_gain_alone(played: tuple[Game, random.Random]) -> None:
    game, rng = played
    profile = anywhere(game, rng)
    gains = [
        max(_with(game, profile, who, level) for level in choices) - game.utility(who, profile)
        for who, choices in enumerate(game.levels)
    ]
    assert game.gap(profile) == sum(gains)


@bounded(40)
@given(games(most=2), st.data())
def test_the_expected_potential_is_the_mean_over_what_may_be_drawn(
    played: tuple[Game, random.Random], data: st.DataObject
) -> None:
    game, rng = played
    weights = [[rng.random() for _ in choices] for choices in game.levels]
    mixes = [[weight / sum(row) for weight in row] for row in weights]
    mean = 0.0
    for profile in itertools.product(*(range(len(choices)) for choices in game.levels)):
        chance = 1.0
        for mix, index in zip(mixes, profile, strict=True):
            chance *= mix[index]
        held = [choices[index] for choices, index in zip(game.levels, profile, strict=True)]
        mean += chance * game.potential(held) / game.unit
    assert game.mean_potential(mixes) == pytest.approx(mean)


@bounded(200)
@given(st.integers(0, 10**6), st.integers(1, 4000), st.integers(1, 4000))
def test_more_cpu_never_makes_an_agent_later(seed: int, one: int, other: int) -> None:
    each = agent(random.Random(seed), "a")
    low, high = sorted((one, other))
    assert lateness(each, high) <= lateness(each, low) * (1 + 1e-12)


def test_at_the_present_limit_an_agent_is_as_late_as_it_was_seen_to_be() -> None:
    each = Agent(name="a", usage_m=300.0, limit_m=500.0, latency_s=0.2, slo_s=0.1, price=1.0)
    assert lateness(each, 500.0) == pytest.approx(2.0)


@bounded(200)
@given(st.integers(0, 10**6), st.integers(300, 9000))
def test_levels_are_steps_of_ten_within_floor_and_node(seed: int, capacity_m: int) -> None:
    each = agent(random.Random(seed), "a")
    choices = levels(each, capacity_m)
    assert all(level % 10 == 0 and each.floor_m <= level <= capacity_m for level in choices)
    assert list(choices) == sorted(set(choices))
