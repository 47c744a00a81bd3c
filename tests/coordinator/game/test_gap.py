"""The certificate: by hand on games small enough, and equal in both of its forms."""

import numpy as np
import pytest
from hypothesis import given

from coordinator.game import gap
from tests.coordinator.game.bidding import bounded
from tests.coordinator.game.routes import drawn, parity, parity_pool, seeds
from tests.coordinator.game.textbook import CHICKEN


def test_chicken_by_hand() -> None:
    """Both told to swerve: daring gains 1. Dared half the time: told to dare, the other dares a third of the time."""
    assert gap.of(CHICKEN, [[1.0, 0.0], [0.0, 0.0]]) == 1.0
    mixed = np.array([[0.0, 0.4], [0.4, 0.2]])
    assert gap.of(CHICKEN, mixed) == pytest.approx(0.0, abs=1e-12)
    dearer = np.array([[0.0, 0.25], [0.25, 0.5]])  # told to dare: 7/3, and swerving pays (6 + 4)/3
    assert gap.of(CHICKEN, dearer) == pytest.approx(1.0)
    assert gap.of(CHICKEN, dearer, coarse=True) == pytest.approx(3.0 - 2.25)


def test_advice_that_is_hardly_ever_given_is_not_blown_up_by_rounding() -> None:
    noisy = np.array([[0.5, 0.25], [0.25, 1e-17]])
    assert gap.of(CHICKEN, noisy) <= 1e-7


def test_a_certain_gain_behind_rare_advice_is_seen() -> None:
    rare = np.array([[1e-6, 0.5], [0.5 - 1e-6, 0.0]])
    assert gap.of(CHICKEN, rare) <= 1e-5
    assert gap.of(CHICKEN, [[0.0, 0.5], [0.5 - 1e-6, 1e-6]]) <= 1e-5
    both = np.array(
        [[0.0, 1.0 - 1e-6], [0.0, 1e-6]]
    )  # the column is told to dare only; the row, rarely: loses 2
    assert gap.of(CHICKEN, both) == pytest.approx(2.0)


@bounded(50)
@given(seeds)
def test_a_pool_is_certified_as_its_table_is(seed: int) -> None:
    """Costs a request are payoffs over the rate; both certificates are the largest over groups."""
    game = drawn(seed, groups=3)
    if game.rates.min() <= 0.0:
        return
    rng = np.random.default_rng(seed)
    profiles = np.array([[rng.integers(count) for count in game.counts] for _ in range(6)])
    probabilities = rng.dirichlet(np.ones(6))
    table = game.normal_form()
    for coarse in (False, True):
        worst = 0.0
        for who in range(3):
            distribution = np.zeros(table.actions)
            for profile, share in zip(profiles, probabilities, strict=True):
                distribution[tuple(profile)] += share
            alone = np.zeros_like(table.payoffs)
            alone[who] = table.payoffs[who] / game.rates[who]
            worst = max(worst, gap.of(type(table)(alone), distribution, coarse))
        assert gap.of_pool(game, profiles, probabilities, coarse) == pytest.approx(worst, abs=1e-12)


def test_whoever_knows_the_parity_of_all_endpoints_moves_to_the_other() -> None:
    """Coarse, not correlated: everybody pays 3/2, a fixed endpoint costs 3/2, an empty one costs 1."""
    game, pool = parity(), parity_pool()
    even = np.full(len(pool), 1.0 / len(pool))
    assert game.all_costs(pool).mean(axis=0) == pytest.approx([1.5] * 4)
    assert gap.of_pool(game, pool, even, coarse=True) == pytest.approx(0.0, abs=1e-12)
    assert gap.of_pool(game, pool, even) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("distribution", "words"),
    [
        (np.ones((2, 3)) / 6, "has shape"),
        ([[0.5, 0.4], [0.0, 0.0]], "sum to"),
        ([[1.5, -0.5], [0.0, 0.0]], "≥ 0"),
        ([[np.nan, 1.0], [0.0, 0.0]], "finite"),
    ],
)
def test_what_is_no_distribution_is_not_certified(distribution: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        gap.of(CHICKEN, distribution)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("profiles", "probabilities", "words"),
    [
        ([[0, 1, 2]], [1.0], "4 groups play"),
        ([[0, 1, 2, 3]], [0.5, 0.5], "4 groups play"),
        ([[0, 1, 2, 9]], [1.0], "out of range"),
        ([[0, 1, 2, 3]], [0.9], "sum to"),
    ],
)
def test_what_is_no_pool_is_not_certified(profiles: object, probabilities: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        gap.of_pool(parity(), profiles, probabilities)  # type: ignore[arg-type]
