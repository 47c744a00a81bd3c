"""Routing as a game: costs by the definition, and the potential of affine curves."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from coordinator.game.congestion import CongestionGame, Group
from coordinator.game.latency import Latencies
from sidecar.game.potential import Curve
from tests.coordinator.game.bidding import bounded
from tests.coordinator.game.routes import Square, Together2, drawn, seeds

ROUNDING = 1e-12


def profile_of(game: CongestionGame, seed: int) -> list[int]:
    rng = np.random.default_rng(seed)
    return [int(rng.integers(count)) for count in game.counts]


def by_hand(game: CongestionGame, profile: list[int]) -> list[float]:
    """Sum over sums."""
    endpoints = range(len(game.curves))
    loads = [
        sum(
            group.rate_per_s * float(group.actions[at][k])
            for group, at in zip(game.groups, profile, strict=True)
        )
        for k in endpoints
    ]
    seconds = [float(curve.at(load)) for curve, load in zip(game.curves, loads, strict=True)]  # type: ignore[arg-type]
    return [
        sum(float(group.actions[at][k]) * seconds[k] for k in endpoints)
        for group, at in zip(game.groups, profile, strict=True)
    ]


@bounded(60)
@given(seeds, st.booleans())
def test_a_group_pays_the_mean_latency_of_its_requests(seed: int, curved: bool) -> None:
    game = drawn(seed, curved=curved)
    profile = profile_of(game, seed)
    costs = by_hand(game, profile)
    assert game.costs(profile) == pytest.approx(costs, rel=ROUNDING)
    waiting = sum(group.rate_per_s * cost for group, cost in zip(game.groups, costs, strict=True))
    assert game.total(profile) == pytest.approx(waiting, rel=ROUNDING)


@bounded(60)
@given(seeds, st.booleans())
def test_a_deviation_costs_what_the_group_would_pay_there(seed: int, curved: bool) -> None:
    game = drawn(seed, curved=curved)
    profile = profile_of(game, seed)
    for who, costs in enumerate(game.deviations(profile)):
        assert len(costs) == game.counts[who]
        for action, cost in enumerate(costs):
            moved = [*profile[:who], action, *profile[who + 1 :]]
            assert cost == pytest.approx(game.costs(moved)[who], rel=ROUNDING)


@bounded(100)
@given(seeds)
def test_the_potential_changes_by_what_a_lone_movers_waiting_does(seed: int) -> None:
    """The theorem: exact, in rate × cost, for affine curves and any rates and shares."""
    game = drawn(seed)
    profile = profile_of(game, seed)
    for who, count in enumerate(game.counts):
        for action in range(count):
            moved = [*profile[:who], action, *profile[who + 1 :]]
            waited = game.rates[who] * (game.costs(moved)[who] - game.costs(profile)[who])
            rise = game.potential(moved) - game.potential(profile)
            assert rise == pytest.approx(waited, rel=1e-9, abs=ROUNDING * game.potential(profile))


@bounded(60)
@given(seeds, st.booleans())
def test_who_cares_for_all_lowers_the_total(seed: int, curved: bool) -> None:
    """At care 1 differences between a group's actions are those of the total, per request of its own."""
    game = drawn(seed, curved=curved)
    profile = np.array(profile_of(game, seed))
    for who, count in enumerate(game.counts):
        others = game.loads(profile) - game.flows[who, profile[who]]
        caring = game.alternatives(who, others[None], 1.0)[0] * game.rates[who]
        totals = [game.total([*profile[:who], action, *profile[who + 1 :]]) for action in range(count)]
        assert caring - caring[0] == pytest.approx(
            np.array(totals) - totals[0], abs=1e-11 * max(1.0, *totals)
        )


@bounded(30)
@given(seeds)
def test_the_table_of_a_small_game_holds_minus_rate_times_cost(seed: int) -> None:
    game = drawn(seed)
    table = game.normal_form()
    assert table.actions == game.counts
    profile = tuple(profile_of(game, seed))
    assert table.payoffs[(slice(None), *profile)] == pytest.approx(
        -game.rates * game.costs(profile), abs=ROUNDING
    )


def test_curves_answer_the_same_one_by_one_and_together_in_any_mixture() -> None:
    loads = np.random.default_rng(0).uniform(0.0, 9.0, (5, 4, 3))
    apart = Latencies([Square(1.0, 2.0), Curve(3.0, 0.5), Square(2.0, 0.1)]).at(loads)
    mixed = Latencies([Together2(1.0, 2.0), Curve(3.0, 0.5), Together2(2.0, 0.1)]).at(loads)
    assert np.array_equal(apart, mixed)
    assert apart[..., 1] == pytest.approx(3.0 + 0.5 * loads[..., 1])
    whole = Latencies([Together2(1.0, 2.0), Together2(2.0, 0.1)])
    assert whole.at(loads[..., :2]) == pytest.approx(
        Latencies([Square(1.0, 2.0), Square(2.0, 0.1)]).at(loads[..., :2])
    )


class Broken:
    def __init__(self, answer: float) -> None:
        self.answer = answer

    def at(self, load: NDArray[np.float64], /) -> NDArray[np.float64]:
        return np.full(np.shape(load), self.answer)


@pytest.mark.parametrize("answer", [np.nan, np.inf, -1.0])
def test_a_curve_that_answers_no_time_is_refused(answer: float) -> None:
    game = CongestionGame([Group("a", 1.0, np.eye(2))], [Broken(answer), Curve(0.0, 1.0)])
    with pytest.raises(ValueError, match="not finite and ≥ 0"):
        game.costs([0])


@pytest.mark.parametrize(("base_s", "slope_s"), [(-1.0, 0.0), (0.0, -1.0), (np.nan, 0.0), (0.0, np.inf)])
def test_an_affine_curve_that_is_none_is_refused(base_s: float, slope_s: float) -> None:
    with pytest.raises(ValueError, match="base_s and slope_s must be finite and ≥ 0"):
        CongestionGame([Group("a", 1.0, np.eye(1))], [Curve(base_s, slope_s)])


@pytest.mark.parametrize(
    ("rate_per_s", "actions", "words"),
    [
        (-1.0, np.eye(2), "rate_per_s is -1.0"),
        (np.nan, np.eye(2), "rate_per_s is nan"),
        (1.0, np.zeros((0, 2)), "1 to 16 share vectors"),
        (1.0, np.full((17, 2), 0.5), "1 to 16 share vectors"),
        (1.0, np.ones(2), "1 to 16 share vectors"),
        (1.0, [[0.5, 0.6]], "sum to 1"),
        (1.0, [[1.5, -0.5]], "≥ 0 and sum to 1"),
        (1.0, [[np.nan, 1.0]], "≥ 0 and sum to 1"),
    ],
)
def test_a_group_of_nonsense_is_named(rate_per_s: float, actions: object, words: str) -> None:
    with pytest.raises(ValueError, match=f"group 'web': .*{words}"):
        Group("web", rate_per_s, actions)  # type: ignore[arg-type]


def test_a_game_needs_somebody_and_somewhere_and_they_must_fit() -> None:
    with pytest.raises(ValueError, match="a group and an endpoint"):
        CongestionGame([], [Curve(0.0, 1.0)])
    with pytest.raises(ValueError, match="group 'a': shares of 2 endpoints, curves of 1"):
        CongestionGame([Group("a", 1.0, np.eye(2))], [Curve(0.0, 1.0)])


@pytest.mark.parametrize("profile", [[0], [0, 0, 0], [0, 5], [-1, 0], [0.0, 0.0], "no"])
def test_a_profile_of_another_game_is_refused(profile: object) -> None:
    game = CongestionGame([Group(name, 1.0, np.eye(2)) for name in "ab"], [Curve(0.0, 1.0)] * 2)
    with pytest.raises(ValueError, match="profile"):
        game.costs(profile)  # type: ignore[arg-type]


def test_only_affine_curves_have_the_potential_and_only_small_games_a_table() -> None:
    with pytest.raises(ValueError, match="only affine"):
        drawn(1, curved=True).potential([0, 0, 0, 0])
    large = CongestionGame([Group(str(who), 1.0, np.eye(10)) for who in range(7)], [Curve(0.0, 1.0)] * 10)
    with pytest.raises(ValueError, match="10000000 joint actions are too many"):
        large.normal_form()
