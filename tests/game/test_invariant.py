"""Conditional regret matching plays `p = p·Q`: for every Q, also one that falls apart or goes round in circles."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.game.regret import invariant
from tests.game.play import Vector, bounded

LEFT_OVER = 2e-7
"""‖p − p·Q‖₁ ≤ 2ε: p is solved as (1 − ε)·p·Q + ε·before, with ε = 1e-7."""

sizes = st.sampled_from([0.0, 0.0, -1.0, 1e-12, 1e-9, 1e-6, 1e-3, 0.25, 1.0, 7.0])


@st.composite
def games(draw: st.DrawFn) -> tuple[list[Vector], Vector]:
    """Regrets of every size, many of them none, and what was played before."""
    count = draw(st.integers(1, 6))
    pairs = [[draw(sizes) if j != k else 0.0 for k in range(count)] for j in range(count)]
    weights = [draw(st.integers(0, 4)) for _ in range(count)]
    total = sum(weights)
    return pairs, [w / total for w in weights] if total else [1.0 / count] * count


def transition(pairs: list[Vector]) -> list[Vector]:
    """Q as game.md writes it."""
    flow = [[max(0.0, d) for d in row] for row in pairs]
    scale = max(sum(row) for row in flow)
    return [
        [1.0 - sum(row) / scale if j == k else row[k] / scale for k in range(len(row))]
        for j, row in enumerate(flow)
    ]


def after(p: Vector, q: list[Vector]) -> Vector:
    return [sum(p[j] * q[j][k] for j in range(len(p))) for k in range(len(p))]


@bounded(300)
@given(games())
def test_it_is_a_probability_and_invariant(game: tuple[list[Vector], Vector]) -> None:
    pairs, before = game
    p = invariant(pairs, before)
    assert min(p) >= 0.0
    assert sum(p) == pytest.approx(1.0, abs=1e-12)
    if any(d > 0.0 for row in pairs for d in row) and max(map(max, pairs)) > 1e-11:
        q = transition(pairs)
        assert sum(abs(a - b) for a, b in zip(p, after(p, q), strict=True)) <= LEFT_OVER + 1e-9


@bounded(100)
@given(games(), st.floats(1e-3, 1e3))
def test_only_the_proportions_of_regret_count(game: tuple[list[Vector], Vector], factor: float) -> None:
    pairs, before = game
    if max(map(max, pairs)) > 1e-8:
        scaled = [[d * factor for d in row] for row in pairs]
        assert invariant(scaled, before) == pytest.approx(invariant(pairs, before), abs=1e-6)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_without_regret_what_was_played_is_played(count: int) -> None:
    before = [1.0 / count] * count
    assert invariant([[0.0] * count for _ in range(count)], before) == before
    assert (
        invariant([[-1.0 if j != k else 0.0 for k in range(count)] for j in range(count)], before) == before
    )


@pytest.mark.parametrize("count", [2, 3, 6])
def test_going_round_in_circles_is_played_evenly(count: int) -> None:
    """Q is periodic: repeating it converges to nothing."""
    circle = [[1.0 if k == (j + 1) % count else 0.0 for k in range(count)] for j in range(count)]
    start = [1.0] + [0.0] * (count - 1)
    assert invariant(circle, start) == pytest.approx([1.0 / count] * count, abs=1e-6)


@bounded(50)
@given(st.floats(0.0, 1.0), st.floats(0.01, 1.0), st.floats(0.01, 1.0))
def test_islands_keep_the_probability_they_had(share: float, out: float, back: float) -> None:
    """Q is reducible: {0, 1} and {2, 3} have no regret for each other; inside, the balance of flows decides."""
    pairs = [[0.0] * 4 for _ in range(4)]
    pairs[0][1], pairs[1][0], pairs[2][3], pairs[3][2] = out, back, back, out
    p = invariant(pairs, [share, 0.0, 0.0, 1.0 - share])
    stays, goes = back / (out + back), out / (out + back)  # 0 → 1 at `out`; 2 → 3 at `back`
    islands = [share * stays, share * goes, (1.0 - share) * goes, (1.0 - share) * stays]
    assert p == pytest.approx(islands, abs=1e-5)


def test_what_nobody_regrets_leaving_is_left_in_proportion_to_the_regrets() -> None:
    """Action 0 wishes it had been 1 (three parts) or 2 (one part): they inherit its share like that."""
    p = invariant([[0.0, 3.0, 1.0], [0.0] * 3, [0.0] * 3], [0.8, 0.0, 0.2])
    assert p == pytest.approx([0.0, 0.6, 0.4], abs=1e-6)


@bounded(50)
@given(st.lists(st.floats(0.01, 1.0), min_size=2, max_size=6))
def test_flows_that_balance_in_pairs_give_detailed_balance(weights: list[float]) -> None:
    """`D_jk = w_k` has the invariant distribution w/Σw."""
    count = len(weights)
    pairs = [[weights[k] if j != k else 0.0 for k in range(count)] for j in range(count)]
    p = invariant(pairs, [1.0 / count] * count)
    assert p == pytest.approx([w / sum(weights) for w in weights], abs=1e-5)
