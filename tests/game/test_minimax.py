"""Zero-sum games solved: the value a linear program finds, mixes that guarantee it, a certificate that is true."""

import random

import highspy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.game.minimax import Solution, certify, conceded, guaranteed, saddle, solve
from tests.game.play import bounded

Matrix = list[list[float]]
PRECISION = 0.01
"""Of the payoff range: what is promised."""

MATCHING_PENNIES: Matrix = [[1.0, -1.0], [-1.0, 1.0]]
ROCK_PAPER_SCISSORS: Matrix = [[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]]
ODD_OR_EVEN: Matrix = [[-2.0, 3.0], [3.0, -4.0]]
"""Ferguson, Game Theory, II.1: the first player wins 1/12 a round, calling one in 7 of 12."""
BLOTTO: Matrix = [[4, 2, 1, 0], [0, 1, 2, 4], [1, -1, 3, 0], [-1, 1, 0, 3], [-2, -2, 2, 2]]
"""Four regiments against three on two posts (Karlin 1959): 14/9."""


def three_finger_morra() -> Matrix:
    """Show one to three, guess the other's: symmetric, hence worth nothing."""
    moves = [(shown, guess) for shown in (1, 2, 3) for guess in (1, 2, 3)]
    return [[float(((guess == s) - (g == shown)) * (shown + s)) for s, g in moves] for shown, guess in moves]


def lp_value(payoffs: Matrix) -> float:
    """The most that a mix of rows guarantees: highest v with `Σ_i p_i·a_ij ≥ v` for every column."""
    lp = highspy.Highs()  # type: ignore[no-untyped-call]
    lp.silent()
    p = [lp.addVariable(lb=0.0) for _ in payoffs]
    v = lp.addVariable(lb=-1e6, ub=1e6)
    lp.addConstr(sum(p) == 1.0)
    for j in range(len(payoffs[0])):
        lp.addConstr(sum(payoffs[i][j] * p[i] for i in range(len(p))) - v >= 0.0)
    lp.maximize(v)
    return float(lp.val(v))


def is_mix(p: list[float], count: int) -> bool:
    return len(p) == count and min(p) >= 0.0 and sum(p) == pytest.approx(1.0, abs=1e-9)


def assert_solves(payoffs: Matrix, solution: Solution) -> None:
    assert is_mix(solution.row, len(payoffs)), "the row mix is no probability vector"
    assert is_mix(solution.column, len(payoffs[0])), "the column mix is no probability vector"
    assert solution.relative <= PRECISION, "a best reply gains more than 1 % of the payoff range"


@st.composite
def matrices(draw: st.DrawFn) -> Matrix:
    """Up to 16 × 16; small integers, so that ties, dominated rows and saddle points are common."""
    rows, columns = draw(st.integers(1, 16)), draw(st.integers(1, 16))
    high = draw(st.sampled_from([1, 4, 20]))
    seed = draw(st.integers(0, 2**32))
    rng = random.Random(seed)
    return [[float(rng.randint(-high, high)) for _ in range(columns)] for _ in range(rows)]


# -- games with known solutions


@pytest.mark.parametrize(
    ("payoffs", "value"),
    [
        (MATCHING_PENNIES, 0.0),
        (ROCK_PAPER_SCISSORS, 0.0),
        (ODD_OR_EVEN, 1 / 12),
        ([[3.0, -1.0], [-2.0, 1.0]], 1 / 7),
        (three_finger_morra(), 0.0),
    ],
)
def test_the_value_is_the_published_one(payoffs: Matrix, value: float) -> None:
    solution = solve(payoffs)
    assert_solves(payoffs, solution)
    assert abs(solution.value - value) <= solution.exploitability / 2 + 1e-12


@pytest.mark.parametrize(
    ("payoffs", "row"),
    [
        (MATCHING_PENNIES, [1 / 2, 1 / 2]),
        (ROCK_PAPER_SCISSORS, [1 / 3, 1 / 3, 1 / 3]),
        (ODD_OR_EVEN, [7 / 12, 5 / 12]),
        ([[3.0, -1.0], [-2.0, 1.0]], [3 / 7, 4 / 7]),
    ],
)
def test_the_only_optimal_mix_is_found(payoffs: Matrix, row: list[float]) -> None:
    assert solve(payoffs).row == pytest.approx(row, abs=0.02)


def test_a_dominated_row_is_hardly_ever_played() -> None:
    payoffs = [[3.0, -1.0], [-2.0, 1.0], [-3.0, -2.0]]
    solution = solve(payoffs)
    assert_solves(payoffs, solution)
    assert solution.row[2] <= 0.01, "never better than the others, so it only loses"


def test_colonel_blotto_is_worth_what_the_linear_program_says() -> None:
    solution = solve(BLOTTO)
    assert_solves(BLOTTO, solution)
    assert solution.value == pytest.approx(lp_value(BLOTTO), abs=solution.exploitability / 2 + 1e-9)


# -- any game


@bounded(100)
@given(matrices())
def test_the_value_is_the_linear_programs(payoffs: Matrix) -> None:
    solution = solve(payoffs)
    assert_solves(payoffs, solution)
    assert abs(solution.value - lp_value(payoffs)) <= solution.exploitability / 2 + 1e-6


@bounded(60)
@given(matrices())
def test_weak_duality_brackets_the_value(payoffs: Matrix) -> None:
    """What the row mix guarantees ≤ value ≤ what the column mix concedes, whatever the mixes."""
    solution, value = solve(payoffs, rounds=3), lp_value(payoffs)
    assert guaranteed(payoffs, solution.row) <= value + 1e-6
    assert conceded(payoffs, solution.column) >= value - 1e-6


@bounded(60)
@given(matrices(), st.integers(0, 2**32))
def test_the_certificate_is_what_the_best_replies_gain(payoffs: Matrix, seed: int) -> None:
    """Against any two mixes, by hand: each side's best pure reply."""
    rng = random.Random(seed)
    p = [rng.random() for _ in payoffs]
    q = [rng.random() for _ in payoffs[0]]
    p, q = [x / sum(p) for x in p], [x / sum(q) for x in q]
    paid = sum(p[i] * q[j] * payoffs[i][j] for i in range(len(p)) for j in range(len(q)))
    row_gains = max(sum(q[j] * line[j] for j in range(len(q))) for line in payoffs) - paid
    column_gains = paid - min(sum(p[i] * payoffs[i][j] for i in range(len(p))) for j in range(len(q)))
    assert certify(payoffs, p, q) == pytest.approx(row_gains + column_gains, abs=1e-9)


@bounded(60)
@given(matrices(), st.sampled_from([1e-6, 0.5, 1e9]), st.sampled_from([-3.0, 0.0, 7.0]))
def test_units_and_a_constant_do_not_matter(payoffs: Matrix, unit: float, constant: float) -> None:
    moved = [[unit * (payoff + constant) for payoff in line] for line in payoffs]
    before, after = solve(payoffs), solve(moved)
    assert_solves(moved, after)
    slack = (before.exploitability + after.exploitability / unit) / 2
    assert abs(after.value / unit - constant - before.value) <= slack + 1e-6


@bounded(60)
@given(matrices())
def test_exchanging_the_players_turns_the_value_round(payoffs: Matrix) -> None:
    turned = [[-line[j] for line in payoffs] for j in range(len(payoffs[0]))]
    one, other = solve(payoffs), solve(turned)
    assert abs(one.value + other.value) <= (one.exploitability + other.exploitability) / 2 + 1e-9


@pytest.mark.parametrize("seed", range(20))
def test_sixteen_by_sixteen_needs_no_more_than_the_usual_rounds(seed: int) -> None:
    rng = random.Random(seed)
    payoffs = [[rng.gauss(0.0, 1.0) for _ in range(16)] for _ in range(16)]
    assert_solves(payoffs, solve(payoffs, rounds=300))


# -- saddle points and games that are hardly one


@bounded(100)
@given(matrices())
def test_where_pure_strategies_suffice_the_solution_is_exact(payoffs: Matrix) -> None:
    lower = max(min(line) for line in payoffs)
    upper = min(max(line[j] for line in payoffs) for j in range(len(payoffs[0])))
    assert (saddle(payoffs) is not None) is (lower == upper), "a saddle point is where maximin is minimax"
    if lower == upper:
        solution = solve(payoffs)
        assert (solution.value, solution.exploitability) == (lower, 0.0)
        assert max(solution.row) == max(solution.column) == 1.0


@pytest.mark.parametrize(
    ("payoffs", "value"),
    [([[2.0]], 2.0), ([[3.0, 1.0, 2.0]], 1.0), ([[3.0], [1.0], [5.0]], 5.0), ([[4.0, 4.0], [4.0, 4.0]], 4.0)],
    ids=["1x1", "1xn", "nx1", "constant"],
)
def test_a_game_with_nothing_to_mix_is_solved_exactly(payoffs: Matrix, value: float) -> None:
    solution = solve(payoffs)
    assert (solution.value, solution.exploitability, solution.relative) == (value, 0.0, 0.0)


@pytest.mark.parametrize(
    "payoffs",
    [[], [[]], [[1.0], [1.0, 2.0]], [[float("nan")]], [[float("inf"), 0.0]], [[1e308, -1e308]]],
    ids=["no rows", "no columns", "ragged", "nan", "inf", "range overflows"],
)
def test_what_is_no_game_is_refused(payoffs: Matrix) -> None:
    with pytest.raises(ValueError, match="payoffs must be"):
        solve(payoffs)
