"""What is proposed to groups: the theorems behind the first positions, and what all rows are."""

import numpy as np
import pytest
from hypothesis import given

from coordinator.game import shares
from coordinator.game.blocks import blocks
from coordinator.game.congestion import CongestionGame, Group
from coordinator.game.latency import AnyCurve
from sidecar.game.potential import Curve
from tests.coordinator.game.bidding import bounded
from tests.coordinator.game.routes import Square, seeds


def scene(seed: int, curved: bool = False) -> tuple[list[AnyCurve], np.ndarray]:
    rng = np.random.default_rng(seed)
    endpoints = int(rng.integers(1, 9))
    base, slope = rng.uniform(0.005, 0.05, endpoints), rng.uniform(1e-5, 1e-3, endpoints)
    kind = Square if curved else Curve
    curves: list[AnyCurve] = [kind(*each) for each in zip(base.tolist(), slope.tolist(), strict=True)]
    return curves, rng.lognormal(2.0, 1.0, int(rng.integers(1, 9)))


def total(curves: list[AnyCurve], rates: np.ndarray, rows: list[np.ndarray]) -> float:
    game = CongestionGame(
        [Group("", float(rate), row[None]) for rate, row in zip(rates, rows, strict=True)], curves
    )
    return game.total([0] * len(rates))


@bounded(60)
@given(seeds)
def test_all_rows_are_shares_and_at_most_sixteen(seed: int) -> None:
    curves, rates = scene(seed, curved=seed % 2 == 0)
    for rows in shares.everyone(curves, rates):
        assert 1 <= len(rows) <= 16
        assert rows.min() >= 0.0
        assert rows.sum(axis=1) == pytest.approx(np.ones(len(rows)))


@bounded(40)
@given(seeds)
def test_no_division_beats_the_splittable_equilibrium(seed: int) -> None:
    """Orda, Rom & Shimkin 1993: against the others no group gains by any division at all."""
    curves, rates = scene(seed)
    rng = np.random.default_rng(seed)
    proposed = [rows[0] for rows in shares.everyone(curves, rates)]
    for who in range(len(rates)):
        others = rng.dirichlet(np.full(len(curves), 0.5), 12)
        near = 0.99 * proposed[who] + 0.01 * others
        rows = [
            np.vstack([proposed[who], others[:3], near])[:16] if at == who else row[None]
            for at, row in enumerate(proposed)
        ]
        game = CongestionGame(
            [Group("", float(rate), row) for rate, row in zip(rates, rows, strict=True)], curves
        )
        costs = game.deviations([0] * len(rates))[who]
        assert costs[0] <= costs.min() * (1.0 + 1e-9)


@bounded(40)
@given(seeds)
def test_no_division_costs_all_together_less_than_the_optimum(seed: int) -> None:
    """In blocks as well as alike, and with curves that are not affine, to what Newton's method leaves."""
    curves, rates = scene(seed, curved=seed % 2 == 0)
    rng = np.random.default_rng(seed)
    proposed = shares.everyone(curves, rates)
    best = [total(curves, rates, [rows[at] for rows in proposed]) for at in (1, 6)]
    assert best[0] == pytest.approx(best[1], rel=1e-6)
    for _ in range(10):
        mixed = 0.95 * proposed[0][6] + 0.05 * rng.dirichlet(np.ones(len(curves)))
        assert best[1] <= total(curves, rates, [mixed] * len(rates)) * (1.0 + 1e-6)


@bounded(40)
@given(seeds)
def test_wardrops_endpoints_are_equally_fast_where_they_are_used(seed: int) -> None:
    curves, rates = scene(seed)
    loads = shares.everyone(curves, rates)[0][8] * rates.sum()
    seconds = np.array([curve.at(float(load)) for curve, load in zip(curves, loads, strict=True)])  # type: ignore[arg-type]
    used = seconds[loads > 1e-9 * rates.sum()]
    assert np.ptp(used) <= 1e-9
    assert seconds.min() >= used.max() - 1e-9


@bounded(60)
@given(seeds)
def test_blocks_add_up_to_the_loads_and_cost_everybody_much_the_same(seed: int) -> None:
    rng = np.random.default_rng(seed)
    loads, rates = rng.uniform(0.0, 5.0, 40), rng.lognormal(0.0, 0.5, 30)
    seconds = rng.uniform(0.01, 0.02, 40)
    rows = blocks(loads, seconds, rates)
    assert rates @ rows / rates.sum() == pytest.approx(loads / loads.sum(), abs=1e-7)
    assert np.sum(rows > 0.0, axis=1).max() < 40 / 2
    means = rows @ seconds
    assert means.max() <= 1.12 * means.min()  # the slowest endpoint is twice the quickest
    assert np.array_equal(rows, blocks(loads, seconds, rates))


def test_who_sends_nothing_has_a_block_too() -> None:
    rows = blocks(np.ones(4), np.arange(1.0, 5.0), np.array([3.0, 0.0, 1.0]))
    assert rows.sum(axis=1) == pytest.approx([1.0, 1.0, 1.0])
    assert blocks(np.ones(2), np.ones(2), np.zeros(2)).sum(axis=1) == pytest.approx([1.0, 1.0])


def test_the_present_comes_first_and_moves_the_rest_down() -> None:
    curves, rates = scene(5)
    present = np.random.default_rng(0).dirichlet(np.ones(len(curves)), len(rates))
    present[0] = 0.0
    without, found = shares.everyone(curves, rates), shares.everyone(curves, rates, present)
    for who in range(1, len(rates)):
        assert found[who][0] == pytest.approx(present[who])
        assert np.array_equal(found[who][1:], without[who][: len(found[who]) - 1])
    assert np.array_equal(found[0][0], without[0][0])  # nothing is known of it


def test_one_groups_proposals_are_those_of_everyone() -> None:
    curves, rates = scene(7)
    assert np.array_equal(shares.proposals(curves, rates, 0, count=4), shares.everyone(curves, rates)[0][:4])


def test_flat_curves_and_silent_groups_are_no_trouble() -> None:
    flat: list[AnyCurve] = [Curve(0.02, 0.0), Curve(0.01, 0.0), Curve(0.03, 0.0)]
    for rows in shares.everyone(flat, [0.0, 0.0]):
        assert rows[0] == pytest.approx([0.0, 1.0, 0.0], abs=1e-6)
    assert len(shares.everyone([Curve(0.0, 0.0)], [1.0, 2.0])[0]) >= 1


@pytest.mark.parametrize(
    ("rates", "present", "count", "words"),
    [
        ([], None, 16, "rates are finite"),
        ([1.0, -1.0], None, 16, "rates are finite"),
        ([1.0, np.nan], None, 16, "rates are finite"),
        ([1.0], None, 0, "count is 0"),
        ([1.0], None, 17, "count is 17"),
        ([1.0], [[0.5, 0.2, 0.3]], 16, r"of shape \(1, 2\)"),
        ([1.0], [[0.5, -0.5]], 16, "finite and ≥ 0"),
    ],
)
def test_nonsense_is_refused(rates: object, present: object, count: int, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        shares.everyone([Curve(0.0, 1.0)] * 2, rates, present, count)  # type: ignore[arg-type]
