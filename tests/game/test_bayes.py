"""What outcomes say about an endpoint: never more than the evidence, and only beyond what its peers do."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.game.bayes import (
    MOST_IN_A_ROW,
    PRIOR_FAILING,
    Z90,
    TypePosterior,
    fade_s,
    failing,
    wilson_lower,
)
from tests.game.play import bounded

EJECT_AT = 0.9
rates = st.floats(0.0, 1.0)
counts = st.tuples(st.floats(0.01, 1e4), st.floats(0.01, 1.0)).map(lambda pair: (pair[0] * pair[1], pair[0]))
"""(failed, tried); discounted, hence fractional."""
evidence = st.lists(st.tuples(st.sampled_from(["fast", "slow", "failed"]), rates), max_size=30)


# -- Wilson's lower bound


@pytest.mark.parametrize(
    ("failed", "tried", "bound"),
    [
        (1.0, 10.0, 0.0304093968),
        (5.0, 10.0, 0.3121983483),
        (1.0, 100.0, 0.0029958085),
        (50.0, 1000.0, 0.0418815440),
        (0.5, 3.2, 0.0313679523),
        (1.0, 1.0, 0.3784297237),
        (3.0, 3.0, 0.6462037546),
    ],
)
def test_wilson_against_values_computed_to_thirty_digits(failed: float, tried: float, bound: float) -> None:
    assert wilson_lower(failed, tried) == pytest.approx(bound, abs=1e-9)


@bounded(200)
@given(counts)
def test_wilson_is_the_rate_from_which_what_was_seen_is_just_z_deviations_away(
    count: tuple[float, float],
) -> None:
    """Its definition: (p − L)² = z²·L(1 − L)/n, L the smaller root."""
    failed, tried = count
    low, seen = wilson_lower(failed, tried), min(1.0, failed / tried)
    assert 0.0 <= low < seen
    assert (seen - low) ** 2 == pytest.approx(Z90**2 * low * (1.0 - low) / tried, rel=1e-6, abs=1e-12)


@bounded(200)
@given(counts, st.floats(1.1, 10.0))
def test_more_failures_or_more_evidence_of_the_same_rate_raise_the_bound(
    count: tuple[float, float], factor: float
) -> None:
    failed, tried = count
    low = wilson_lower(failed, tried)
    assert wilson_lower(min(tried, failed * factor), tried) >= low
    assert wilson_lower(failed * factor, tried * factor) > low
    assert wilson_lower(failed, tried * factor) < low


@pytest.mark.parametrize("count", [(0.0, 0.0), (0.0, 50.0), (-1e-12, 3.0)])
def test_without_failures_there_is_no_accusation(count: tuple[float, float]) -> None:
    assert wilson_lower(*count) == 0.0


def test_rounding_of_discounted_counts_does_no_harm() -> None:
    assert wilson_lower(3.0 + 1e-12, 3.0) == wilson_lower(3.0, 3.0)


@pytest.mark.parametrize("rate", [0.01, 0.05, 0.2, 0.5])
@pytest.mark.parametrize("tried", [15, 30, 100, 200])
def test_an_endpoint_that_fails_as_often_as_the_others_is_hardly_accused(rate: float, tried: int) -> None:
    """Exact binomial sums. "90 %" is nominal: about one chance failure in n tries, the bound is above the true rate in
    up to 27 % of cases. What counts is by how much: 1 % on average, so 50 ms of the price of 5 s.
    """
    excess = [wilson_lower(float(n), float(tried)) - rate for n in range(tried + 1)]
    chance = [math.comb(tried, n) * rate**n * (1.0 - rate) ** (tried - n) for n in range(tried + 1)]
    assert sum(c for c, e in zip(chance, excess, strict=True) if e > 0.0) <= 0.27
    assert sum(c * max(0.0, e) for c, e in zip(chance, excess, strict=True)) <= 0.01


# -- failures in a row


def test_the_second_failure_in_a_row_is_conclusive_where_one_percent_is_normal() -> None:
    assert failing([0.01]) == pytest.approx(0.9 / 1.9)
    assert failing([0.01, 0.01]) == pytest.approx(81.0 / 82.0)
    assert failing([0.01]) < EJECT_AT <= failing([0.01, 0.01])


@bounded(100)
@given(st.lists(st.floats(0.9, 1.0), max_size=MOST_IN_A_ROW))
def test_where_everything_fails_nobody_is_accused(peers: list[float]) -> None:
    assert failing(peers) <= PRIOR_FAILING + 1e-12


@pytest.mark.parametrize(
    ("rate", "needed"), [(0.0, 2), (0.002, 2), (0.02, 2), (0.04, 3), (0.1, 4), (0.25, 6)]
)
def test_the_more_usual_failures_are_the_more_it_takes(rate: float, needed: int) -> None:
    assert failing([rate] * (needed - 1)) < EJECT_AT <= failing([rate] * needed)


@bounded(100)
@given(st.lists(rates, max_size=6), rates, rates)
def test_a_failure_says_more_where_peers_fail_less(before: list[float], one: float, other: float) -> None:
    assert 0.0 < failing(before) < 1.0
    assert failing([*before, min(one, other)]) >= failing([*before, max(one, other)])


@bounded(60)
@given(st.lists(rates, max_size=7))
def test_the_order_of_failures_does_not_matter(peers: list[float]) -> None:
    assert failing(peers) == pytest.approx(failing(sorted(peers)))


def test_an_accusation_fades_more_slowly_each_time_up_to_a_minute() -> None:
    fades = [fade_s(n) for n in range(10)]
    assert fades[:3] == [0.5, 1.0, 2.0]
    assert fades == sorted(fades)
    assert fades[-1] == fade_s(MOST_IN_A_ROW) == 64.0


# -- the posterior of the type


def after(outcomes: list[tuple[str, float]]) -> TypePosterior:
    posterior = TypePosterior()
    for outcome, peers in outcomes:
        learn(posterior, outcome, peers)
    return posterior


def learn(posterior: TypePosterior, outcome: str, peers: float) -> None:
    if outcome == "failed":
        posterior.failed(peers)
    else:
        posterior.answered(peers, slow=outcome == "slow")


def odds(posterior: TypePosterior, one: int, other: int) -> float:
    return posterior.probability[one] / posterior.probability[other]


HEALTHY, DEGRADED, FAILING = 0, 1, 2


@bounded(200)
@given(evidence, st.floats(0.0, 1e3))
def test_it_stays_a_probability_and_never_quite_certain(
    outcomes: list[tuple[str, float]], elapsed_s: float
) -> None:
    posterior = after(outcomes)
    for _ in range(2):
        assert sum(posterior.probability) == pytest.approx(1.0, abs=1e-12)
        assert all(0.0 < p < 1.0 for p in posterior.probability)
        posterior.fade(elapsed_s)


@bounded(100)
@given(evidence, st.floats(0.0, 60.0), st.floats(0.0, 60.0))
def test_it_forgets_towards_the_prior_at_the_rate_of_switching(
    outcomes: list[tuple[str, float]], first_s: float, second_s: float
) -> None:
    """In one go or in two."""
    prior, posterior, other = TypePosterior().probability, after(outcomes), after(outcomes)
    keep = math.exp(-TypePosterior.HAZARD_PER_S * (first_s + second_s))
    expected = [q + keep * (p - q) for p, q in zip(posterior.probability, prior, strict=True)]
    posterior.fade(first_s + second_s)
    other.fade(first_s)
    other.fade(second_s)
    assert posterior.probability == pytest.approx(expected)
    assert other.probability == pytest.approx(expected)


@bounded(100)
@given(evidence, rates)
def test_evidence_points_the_way_it_should(outcomes: list[tuple[str, float]], peers: float) -> None:
    """Odds, before and after; where nine in ten fail anyway, neither failing nor answering says anything of failing."""
    told = {outcome: after([*outcomes, (outcome, peers)]) for outcome in ("fast", "slow", "failed")}
    before, slack = after(outcomes), 1.0 + 1e-5  # of the floor under each type
    assert odds(told["failed"], FAILING, HEALTHY) * slack >= odds(before, FAILING, HEALTHY)
    assert odds(told["fast"], FAILING, HEALTHY) <= odds(before, FAILING, HEALTHY) * slack
    assert odds(told["slow"], DEGRADED, HEALTHY) * slack >= odds(before, DEGRADED, HEALTHY)
    assert odds(told["fast"], DEGRADED, HEALTHY) <= odds(before, DEGRADED, HEALTHY) * slack
    if peers >= 0.9 and 1e-4 < before.probability[FAILING] < 0.99:
        assert odds(told["failed"], FAILING, HEALTHY) == pytest.approx(
            odds(before, FAILING, HEALTHY), rel=0.1
        )


@bounded(100)
@given(rates)
def test_what_may_happen_adds_up_so_belief_moves_only_by_surprise(peers: float) -> None:
    """Likelihoods of the three outcomes sum to 1 for every type: the expected posterior is the present belief."""
    prior = TypePosterior().probability
    told = [after([(outcome, peers)]).probability for outcome in ("fast", "slow", "failed")]
    chances = solved([[p[kind] for p in told] for kind in range(3)], list(prior))
    assert all(chance >= -1e-9 for chance in chances)
    assert sum(chances) == pytest.approx(1.0)


@bounded(60)
@given(st.floats(0.1, 1.0))
def test_where_peers_fail_as_often_as_the_degraded_only_speed_tells_them_apart(peers: float) -> None:
    start = odds(TypePosterior(), DEGRADED, HEALTHY)
    assert odds(after([("failed", peers)]), DEGRADED, HEALTHY) == pytest.approx(start)
    assert odds(after([("slow", peers)]), DEGRADED, HEALTHY) == pytest.approx(12.0 * start)
    assert odds(after([("fast", peers)]), DEGRADED, HEALTHY) == pytest.approx(0.4 / 0.95 * start)


@pytest.mark.parametrize(("outcome", "kind"), [("fast", HEALTHY), ("slow", DEGRADED), ("failed", FAILING)])
def test_enough_of_the_same_convinces_and_is_taken_back(outcome: str, kind: int) -> None:
    posterior = after([(outcome, 0.01)] * 5)
    assert posterior.probability[kind] >= 0.9
    for _ in range(20):
        posterior.answered(0.01, slow=False)
    assert posterior.probability[HEALTHY] >= 0.9


def solved(matrix: list[list[float]], right: list[float]) -> list[float]:
    """Cramer's rule, 3 × 3."""

    def det(m: list[list[float]]) -> float:
        (a, b, c), (d, e, f), (g, h, i) = m
        return a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)

    whole = det(matrix)
    columns = [[[right[r] if c == k else matrix[r][c] for c in range(3)] for r in range(3)] for k in range(3)]
    return [det(column) / whole for column in columns]
