"""Large games: what the pool finds is an equilibrium, no dearer than any Nash found; against the exact answer
where there is one."""

import numpy as np
import pytest
from hypothesis import given

from coordinator.game import candidates, correlated, gap, play, pool
from coordinator.game.congestion import CongestionGame, Group
from coordinator.game.linear import Infeasible, Program
from sidecar.game.potential import Curve
from tests.coordinator.game.bidding import bounded
from tests.coordinator.game.routes import Square, drawn, parity, parity_pool, proposed, seeds
from tests.coordinator.game.textbook import pure_nash


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def mean_cost_s(game: CongestionGame, found: pool.Correlated) -> float:
    return found.total / float(game.rates.sum())


@pytest.mark.parametrize(("groups", "endpoints"), [(8, 5), (50, 10)])
@pytest.mark.parametrize("seed", range(2))
def test_the_bars(seed: int, groups: int, endpoints: int) -> None:
    """16 actions each: certified gap ≤ 1e-6 of mean cost, total ≤ the best pure Nash, and near the optimum."""
    game = proposed(seed, groups, endpoints)
    assert set(game.counts) == {16} or endpoints == 5
    found = pool.solve(game, rng())
    assert found.best_nash is not None
    assert found.gap_s <= 1e-6 * mean_cost_s(game, found)
    assert found.optimum <= found.total <= found.best_nash
    assert found.total <= 1.05 * found.optimum


@bounded(40)
@given(seeds)
def test_no_better_than_the_exact_best_and_no_worse_than_any_nash(seed: int) -> None:
    """The table knows all profiles, the pool some: exact ≤ pool ≤ best Nash; coarse ≤ correlated."""
    game = drawn(seed, groups=3, actions=4)
    found, coarse = (pool.solve(game, rng(seed), each) for each in (False, True))
    table = game.normal_form()
    best = -correlated.solve(table).value
    unit = max(best, 1e-12)
    assert found.total >= best - 1e-9 * unit
    assert coarse.total <= found.total + 1e-9 * unit
    assert found.gap_s <= 1e-9 * float(game.all_costs(found.profiles).mean())
    assert found.optimum == pytest.approx(-float(table.payoffs.sum(axis=0).max()), rel=1e-9)
    nash = [game.total(profile) for profile in pure_nash(table)]
    assert found.best_nash is not None
    assert min(nash, default=found.best_nash) <= found.best_nash * (1.0 + 1e-9)


def test_mixing_profiles_is_cheaper_than_the_best_nash_where_traffic_cannot_be_split() -> None:
    """Not only no dearer: on this game (single endpoints for groups of very different rates) by 3 % of the way
    and more."""
    gains = []
    for seed in range(12):
        rates = rng(seed).lognormal(2.0, 0.8, 6)
        speeds = rng(seed + 100).uniform(0.5, 3.0, 4)
        groups = [Group(str(who), float(rate), np.eye(4)) for who, rate in enumerate(rates)]
        game = CongestionGame(groups, [Square(0.01, 1e-4 / speed) for speed in speeds.tolist()])
        found = pool.solve(game, rng())
        assert found.best_nash is not None
        assert found.gap_s <= 1e-9 * mean_cost_s(game, found)
        gains.append(found.best_nash / found.total - 1.0)
    assert max(gains) > 1e-3
    assert min(gains) >= 0.0


def test_the_same_dice_give_the_same_answer() -> None:
    game = proposed(3, 12, 6)
    one, other = (pool.solve(game, rng(5), True) for _ in range(2))
    assert np.array_equal(one.profiles, other.profiles)
    assert np.array_equal(one.probabilities, other.probabilities)
    assert (one.total, one.gap_s, one.best_nash, one.optimum) == (
        other.total,
        other.gap_s,
        other.best_nash,
        other.optimum,
    )


def test_a_slack_comes_nearer_to_the_optimum_and_is_kept() -> None:
    game = proposed(1, 20, 8)
    exact = pool.solve(game, rng())
    slack_s = 0.02 * mean_cost_s(game, exact)
    loose = pool.solve(game, rng(), slack_s=slack_s)
    assert loose.gap_s <= slack_s * (1.0 + 1e-9)
    assert loose.total - loose.optimum < 0.5 * (exact.total - exact.optimum)


def test_a_program_that_takes_longer_than_it_may_is_ended_and_says_how_large_it_is() -> None:
    with pytest.raises(pool.OutOfTime, match=r"rows of \d+ columns"):
        pool.solve(proposed(0, 8, 5), rng(), limit_s=0.0)
    with pytest.raises(pool.OutOfTime):
        pool.solve(proposed(0, 8, 5), rng(), "if-needed", limit_s=0.0)


@pytest.mark.parametrize("limit_s", [-1.0, float("nan"), "soon", None])
def test_a_limit_that_is_none_is_refused(limit_s: float) -> None:
    with pytest.raises(ValueError, match="limit_s"):
        pool.solve(proposed(0, 3, 3), rng(), limit_s=limit_s)


def test_blocks_are_taken_where_they_are_said_to_be_worth_it() -> None:
    """Mean number of endpoints that a group is advised."""
    game = proposed(2, 40, 30)
    slack_s = 0.05 * mean_cost_s(game, pool.solve(game, rng()))

    def used(worth: float) -> float:
        found = pool.solve(game, rng(), slack_s=slack_s, block_worth=worth)
        assert found.gap_s <= slack_s * (1.0 + 1e-9)
        counts = [np.sum(game.shares[np.arange(40), row] > 0.005, axis=1).mean() for row in found.profiles]
        return float(found.probabilities @ np.array(counts))

    assert used(0.1) < 0.5 * used(0.0)


def test_probabilities_are_some_and_the_likeliest_comes_first() -> None:
    found = pool.solve(drawn(11, groups=6, endpoints=4, actions=6, curved=True), rng(), True)
    assert found.probabilities.min() > 0.0
    assert abs(found.probabilities.sum() - 1.0) <= 1e-12
    assert np.all(np.diff(found.probabilities) <= 0.0)
    assert found.profiles.shape == (len(found.probabilities), 6)
    assert len(np.unique(found.profiles, axis=0)) == len(found.profiles)


def test_a_pool_without_an_equilibrium_says_so_or_falls_back_to_a_coarse_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of profiles that use one parity only, somebody shares an endpoint and knows of an empty one."""
    game = parity()
    held = candidates.Pool(parity_pool(), None)
    monkeypatch.setattr(candidates, "gather", lambda *_: held)
    with pytest.raises(
        Infeasible, match=r"no correlated equilibrium among mixtures of 72 profiles, and no pure Nash"
    ):
        pool.solve(game, rng())
    found = pool.solve(game, rng(), "if-needed")
    assert found.coarse
    assert found.gap_s <= 1e-9
    assert found.best_nash is None
    monkeypatch.setattr(candidates, "gather", lambda *_: candidates.Pool(held.profiles[:1], None))
    with pytest.raises(Infeasible, match="no coarse correlated equilibrium among mixtures of 1 profiles"):
        pool.solve(game, rng(), "if-needed")


def test_a_group_alone_takes_what_is_best_for_it() -> None:
    game = CongestionGame(
        [Group("only", 3.0, np.eye(3))], [Curve(0.3, 0.1), Curve(0.1, 0.1), Curve(0.2, 0.0)]
    )
    found = pool.solve(game, rng())
    assert game.groups[0].actions[found.profiles[0, 0]].tolist() == [0.0, 0.0, 1.0]
    assert found.total == pytest.approx(0.6)


def test_nobody_sending_anything_is_no_trouble() -> None:
    game = CongestionGame([Group(name, 0.0, np.eye(2)) for name in "ab"], [Curve(0.2, 0.1), Curve(0.1, 0.1)])
    found = pool.solve(game, rng())
    assert found.total == 0.0
    assert found.gap_s == 0.0


@pytest.mark.parametrize("worth", [-1.0, np.nan, np.inf])
def test_a_slack_or_worth_that_is_none_is_refused(worth: float) -> None:
    for name in ("slack_s", "block_worth"):
        with pytest.raises(ValueError, match=f"{name} is .*; allowed: finite, ≥ 0"):
            pool.solve(parity(), rng(), **{name: worth})


# -- playing


@bounded(40)
@given(seeds)
def test_best_responses_end_in_a_pure_nash_where_curves_are_affine(seed: int) -> None:
    game = drawn(seed, groups=5, endpoints=4, actions=6)
    starts = rng(seed).integers(0, np.array(game.counts), (4, 5))
    ended = play.respond(game, starts, 0.0, range(5))
    assert ended.settled.all()
    for profile in ended.profiles:
        assert gap.of_pool(game, profile[None], [1.0]) <= 1e-11 * float(game.costs(profile).max())


@bounded(30)
@given(seeds)
def test_caring_for_all_ends_where_nobody_alone_can_lower_the_total(seed: int) -> None:
    game = drawn(seed, groups=4, actions=4, curved=seed % 2 == 0)
    ended = play.respond(game, np.zeros((1, 4), dtype=np.intp), 1.0, range(4))
    assert ended.settled.all()
    end = ended.profiles[0].tolist()
    assert game.total(end) <= game.total([0] * 4) * (1.0 + 1e-12)
    for who, count in enumerate(game.counts):
        for action in range(count):
            assert game.total(end) <= game.total([*end[:who], action, *end[who + 1 :]]) * (1.0 + 1e-9)


def test_regret_matching_approaches_a_coarse_equilibrium() -> None:
    """Hart & Mas-Colell 2000: the gap of the time average falls."""
    game = parity()
    played = play.learn(game, np.zeros((1, 4), dtype=np.intp), rng(3), 1500)
    early, late = (
        gap.of_pool(game, part, np.full(len(part), 1.0 / len(part)), True) for part in (played[:20], played)
    )
    assert late < 0.05
    assert late < early


# -- the program below


def test_a_program_is_solved_to_rounding() -> None:
    """Least x₀ + 2x₁ + 3x₂ where x₀ ≤ x₁/3 and x₁ ≤ x₂/7: (1, 3, 21)/25."""
    program = Program(np.array([1.0, 2.0, 3.0]) / 3.0)
    program.add([(np.array([0, 1], dtype=np.int32), np.array([1.0, -1.0 / 3.0]))])
    assert program.solve() == pytest.approx([0.25, 0.75, 0.0], abs=1e-15)
    program.add([(np.array([1, 2], dtype=np.int32), np.array([1.0, -1.0 / 7.0]))])
    assert program.solve() == pytest.approx(np.array([1.0, 3.0, 21.0]) / 25.0, abs=1e-15)


def test_a_program_without_a_solution_says_so() -> None:
    program = Program(np.zeros(2))
    program.add([(np.array([0, 1], dtype=np.int32), np.ones(2))])
    with pytest.raises(Infeasible):
        program.solve()
