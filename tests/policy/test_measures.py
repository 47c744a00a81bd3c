"""The matrix of the zero-sum game: what each measure does to each way of attacking, and what the mix makes of it."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.game import minimax
from sidecar.policy.measures import ATTACKS, MEASURES, Stakes, payoffs

FLOOD = Stakes(
    good_per_s=3.0,
    bad_per_s=297.0,
    good_cost_s=0.01,
    bad_cost_s=0.01,
    key_per_s=5.0,
    usual_per_s=3.0,
    delays_per_s=256.0,
)
CROWD = replace(FLOOD, good_per_s=500.0, usual_per_s=500.0)
"""Many honest callers behind the same addresses: hitting them all costs more than the attack."""

rates = st.floats(0.0, 1e4)
costs = st.floats(1e-4, 10.0)
stakes = st.builds(
    Stakes, rates, rates, costs, costs, key_per_s=st.floats(1.0, 100.0), usual_per_s=rates, delays_per_s=rates
)


def loss(of: Stakes, measure: str, attack: str) -> float:
    return -payoffs(of)[MEASURES.index(measure)][ATTACKS.index(attack)]


def test_admitting_costs_what_the_attack_takes() -> None:
    assert loss(FLOOD, "admit", "fixed") == pytest.approx(2.97)


@pytest.mark.parametrize("action", ["delay", "throttle", "drop"])
def test_a_measure_by_caller_does_nothing_against_rotated_identities(action: str) -> None:
    for attack in ("rotate identities", "rotate both"):
        assert loss(FLOOD, f"{action}-caller", attack) == loss(FLOOD, "admit", attack)
    for attack in ("fixed", "rotate paths"):
        assert loss(FLOOD, f"{action}-caller", attack) < loss(FLOOD, "admit", attack)


@pytest.mark.parametrize("action", ["delay", "throttle", "drop"])
def test_a_measure_by_path_does_nothing_against_rotated_paths(action: str) -> None:
    for attack in ("rotate paths", "rotate both"):
        assert loss(FLOOD, f"{action}-path", attack) == loss(FLOOD, "admit", attack)
    for attack in ("fixed", "rotate identities"):
        assert loss(FLOOD, f"{action}-path", attack) < loss(FLOOD, "admit", attack)


def test_a_measure_by_prefix_hits_everybody_in_it() -> None:
    assert [loss(CROWD, "drop-prefix", attack) for attack in ATTACKS] == [pytest.approx(5.0)] * 4
    assert loss(CROWD, "drop-caller", "fixed") == pytest.approx(0.05 * 5.0)


def test_rotating_costs_the_adversary_something() -> None:
    admitted = [loss(FLOOD, "admit", attack) for attack in ATTACKS]
    assert admitted[0] > max(admitted[1:3]) >= min(admitted[1:3]) > admitted[3]


def test_milder_measures_hit_less() -> None:
    bad = replace(FLOOD, good_per_s=0.0)
    by = [loss(bad, f"{action}-prefix", "fixed") for action in ("drop", "throttle", "delay")]
    assert by == sorted(by)
    assert by[-1] < loss(bad, "admit", "fixed"), "there is room for so many delayed ones only"


def test_nobody_honest_there_means_the_prefix_is_dropped() -> None:
    solution = minimax.solve(payoffs(FLOOD))
    assert solution.row[MEASURES.index("drop-prefix")] == pytest.approx(1.0, abs=0.02)
    assert solution.value == pytest.approx(-0.03, abs=0.005), "the value is the good requests lost"


def test_with_many_honest_callers_among_them_the_best_answer_is_a_mix() -> None:
    """By caller and by path both fail against one kind of rotation: neither may be relied on."""
    solution = minimax.solve(payoffs(CROWD))
    by_key = [sum(solution.row[1 + key :: 3]) for key in range(3)]
    assert min(by_key[:2]) >= 0.05, "a pure measure would be rotated around"
    assert by_key[2] <= 0.05, "the cure would be worse than the disease"


@given(stakes)
@settings(max_examples=100, deadline=None)
def test_any_stakes_give_a_game_that_is_solved_to_five_percent(of: Stakes) -> None:
    matrix = payoffs(of)
    solution = minimax.solve(matrix)
    assert all(payoff <= 0.0 for row in matrix for payoff in row)
    assert minimax.certify(matrix, solution.row, solution.column) <= 0.05 * solution.span + 1e-15


@given(stakes)
@settings(max_examples=60, deadline=None)
def test_the_mix_is_never_worse_than_admitting_or_dropping_everything(of: Stakes) -> None:
    matrix = payoffs(of)
    solution = minimax.solve(matrix)
    played = minimax.guaranteed(matrix, solution.row)
    for pure in ("admit", "drop-prefix"):
        assert played >= min(matrix[MEASURES.index(pure)]) - solution.exploitability - 1e-12
