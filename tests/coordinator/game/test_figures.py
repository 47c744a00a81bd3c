"""What is no figure is refused by everything public, with a ValueError that says what is allowed."""

import random
from collections.abc import Callable

import numpy as np
import pytest

from coordinator.game import agents, correlated, market, pool
from coordinator.game.congestion import CongestionGame, Group
from coordinator.game.normal_form import Game
from sidecar.game.potential import Curve

NONSENSE: list[object] = [
    {},
    {"a": 1.0},
    ["a", "b"],
    [["1", "2"], ["3", "4"]],
    [[1.0], [1.0, 2.0]],
    float("nan"),
    [[float("nan"), 1.0], [1.0, 1.0]],
    [[float("inf"), 1.0], [1.0, 1.0]],
    [1.0, 2.0, 3.0],
    1j,
    None,
    object,
    b"welfare",
    np.array([["2020", "2021"], ["2022", "2023"]], dtype="M8[Y]"),
]


def game() -> Game:
    return Game([[[3, 0], [5, 1]], [[3, 5], [0, 1]]])


@pytest.mark.parametrize("objective", [*NONSENSE, "social", ""], ids=repr)
def test_an_objective_that_is_none_is_refused_and_all_are_named(objective: object) -> None:
    with pytest.raises(
        ValueError, match=r"objective is .*welfare, worst, egalitarian, or an array .*\(2, 2\)"
    ) as found:
        correlated.solve(game(), objective)  # type: ignore[arg-type]
    assert str(found.value).startswith(f"objective is {repr(objective)[:15]}")


@pytest.mark.parametrize("objective", [[[1, 2], [3, 4]], np.eye(2), [[True, False], [False, True]]], ids=repr)
def test_numbers_over_joint_actions_are_an_objective(objective: object) -> None:
    assert correlated.solve(game(), objective).distribution.shape == (2, 2)  # type: ignore[arg-type]


@pytest.mark.parametrize("least", [{}, "a", [1.0, "x"], [1.0, 2.0, 3.0], float("nan"), 1j], ids=repr)
def test_what_players_must_have_at_least_is_a_payoff(least: object) -> None:
    with pytest.raises(ValueError, match="one finite payoff, or one for each of 2 players"):
        correlated.solve(game(), least=least)  # type: ignore[arg-type]


def test_only_a_game_is_solved() -> None:
    with pytest.raises(ValueError, match=r"a coordinator\.game\.normal_form\.Game"):
        correlated.solve([[1, 2]])  # type: ignore[arg-type]


@pytest.mark.parametrize("payoffs", [each for each in NONSENSE if each is not None], ids=repr)
def test_payoffs_are_numbers(payoffs: object) -> None:
    with pytest.raises(ValueError, match=r"payoffs|a game has two players"):
        Game(payoffs)  # type: ignore[arg-type]


@pytest.mark.parametrize("profile", [(5, 5), (-1, 0), (0,), "ab", (0.5, 0), None], ids=repr)
def test_a_profile_names_an_action_of_every_player(profile: object) -> None:
    with pytest.raises(ValueError, match=r"profile is .*an action number of each player"):
        game().best_replies(profile)  # type: ignore[arg-type]


@pytest.mark.parametrize("distribution", [{}, np.ones(3), [["a", "b"], ["c", "d"]]], ids=repr)
def test_a_distribution_is_over_joint_actions(distribution: object) -> None:
    with pytest.raises(ValueError, match=r"numbers over joint actions, of shape \(2, 2\)"):
        game().expected(distribution)  # type: ignore[arg-type]


@pytest.mark.parametrize("rate", ["x", None, float("nan"), -1.0, 1j, [1.0]], ids=repr)
def test_a_groups_rate_is_a_number(rate: object) -> None:
    with pytest.raises(ValueError, match="group 'g': rate_per_s is"):
        Group("g", rate, [[0.5, 0.5]])  # type: ignore[arg-type]


@pytest.mark.parametrize("actions", [{}, None, "x", [["a", "b"]], [[1j, 0]], [[1.0], [0.5, 0.5]]], ids=repr)
def test_a_groups_actions_are_share_vectors(actions: object) -> None:
    with pytest.raises(ValueError, match="group 'g': actions"):
        Group("g", 1.0, actions)  # type: ignore[arg-type]


@pytest.mark.parametrize("what", ["slack_s", "block_worth", "coarse"])
@pytest.mark.parametrize("value", ["x", None, -1.0, float("nan"), 1j], ids=repr)
def test_what_a_pool_is_asked_is_refused_by_name(what: str, value: object) -> None:
    routes = CongestionGame([Group("g", 1.0, np.array([[0.5, 0.5], [1, 0]]))], [Curve(1, 1), Curve(1, 2)])
    with pytest.raises(ValueError, match=f"{what} is"):
        pool.solve(routes, np.random.default_rng(1), **{what: value})


def bid(**more: object) -> market.Bid:
    said = {"pod": "a", "budget": 1.0, "demand": 0.5, "floor_m": 1, "cap_m": 2} | more
    return market.Bid(**said)  # type: ignore[arg-type]


def agent(**more: object) -> agents.Agent:
    said = {"name": "a", "usage_m": 300, "limit_m": 500, "latency_s": 0.2, "slo_s": 0.1, "price": 1.0} | more
    return agents.Agent(**said)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "asked",
    [
        *(lambda pod=pod: market.clear(4000, [bid(pod=pod), bid(pod="z")]) for pod in (None, 3, ["a"])),
        lambda: market.clear(4000, ["a"]),  # type: ignore[list-item]
        *(
            lambda what=what, value=value: agents.recommend([agent(**{what: value})], 4000, random.Random(1))
            for what in ("usage_m", "limit_m", "latency_s", "slo_s", "price", "floor_m", "cap_m")
            for value in ("x", 1j, [1], float("nan"))
        ),
        *(
            lambda name=name: agents.recommend([agent(name=name), agent(name="z")], 4000, random.Random(1))
            for name in (None, 3)
        ),
        lambda: agents.recommend(["a"], 4000, random.Random(1)),  # type: ignore[list-item]
        lambda: agents.recommend([agent()], 4000, random.Random(1), rounds="x"),  # type: ignore[arg-type]
        lambda: agents.recommend([agent()], "x", random.Random(1)),  # type: ignore[arg-type]
    ],
)
def test_markets_and_agents_say_what_is_allowed(asked: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match="allowed: "):
        asked()
