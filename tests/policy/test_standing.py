"""How one endpoint stands with us: slow at once, forgiven gradually, late before it answers, accused for a while."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.policy.standing import FRESH_S, Pair, Standing
from sidecar.policy.ticket import Ticket

A = "10.0.0.1:8080"
MEMORY_S, MOST = 2.0, 32.0
FAST_S, SLOW_S = 0.01, 1.0
"""What two routes usually take."""
PATIENCE = 3.0


def standing_of(slowdown: float = 1.0) -> Standing:
    standing = Standing(A, 0.0, error_memory_s=10.0, price_s=5.0)
    standing.slowdown = slowdown
    return standing


def answer(standing: Standing, ratio: float, now: float) -> float:
    standing.answered(ratio, now, MEMORY_S, MOST)
    return standing.slowdown


def ask(standing: Standing, now: float, baseline_s: float = FAST_S) -> Ticket:
    ticket = Ticket(None, A, "best-of-mix", "GET /", now, replayable=False)
    ticket.baseline_s = baseline_s
    standing.waiting.add(ticket)
    return ticket


def cost_s(standing: Standing, now: float = 0.0, fastest: float = 1.0, luck: float = 2.0) -> float:
    return standing.base(FAST_S, now, fastest, luck, congestion=0.0, weight=0.0)


def accused_of(failures: int, now: float = 0.0) -> Standing:
    standing = standing_of()
    for _ in range(failures):
        standing.failures.add("GET /", now, failed=True)
    standing.accuse(1.0)
    return standing


# -- slowdown


def test_a_slow_answer_is_believed_at_once() -> None:
    assert answer(standing_of(), 12.0, now=0.0) == 12.0


@pytest.mark.parametrize(
    ("elapsed_s", "step"),
    [
        (0.0, 0.02),
        (0.01, 0.02),
        (0.4, 1.0 - math.exp(-0.2)),
        (1.0, 1.0 - math.exp(-0.5)),
        (2.0, 0.5),
        (1e6, 0.5),
    ],
)
def test_a_better_answer_is_believed_by_its_share_of_the_memory(elapsed_s: float, step: float) -> None:
    standing = standing_of()
    answer(standing, 11.0, now=5.0)
    assert answer(standing, 1.0, now=5.0 + elapsed_s) == pytest.approx(11.0 - 10.0 * step)


@given(st.lists(st.tuples(st.floats(0.0, 1e3), st.floats(0.0, 10.0)), max_size=30))
@settings(max_examples=60, deadline=None)
def test_slowdown_stays_between_the_best_and_the_worst_answer(answers: list[tuple[float, float]]) -> None:
    standing, now = standing_of(), 0.0
    for ratio, pause in answers:
        before, now = standing.slowdown, now + pause
        after = answer(standing, ratio, now)
        seen = min(ratio, MOST)
        assert min(before, seen) <= after <= max(before, seen)
        assert after >= seen, "better than anything it has shown"


def test_being_worse_than_the_worst_is_not_worse() -> None:
    assert answer(standing_of(), 1e6, now=0.0) == MOST, "it would only take longer to forgive"


# -- an answer is overdue


def test_an_endpoint_that_owes_nothing_is_not_late() -> None:
    standing = standing_of()
    ticket = ask(standing, now=0.0)
    late = standing.overdue(1.0)
    standing.stop_waiting(ticket)
    assert (late > 1.0, standing.overdue(1.0)) == (True, 0.0)


def test_lateness_is_age_in_three_baselines() -> None:
    standing = standing_of()
    ask(standing, now=0.0)
    assert [standing.overdue(at * FAST_S) for at in (0.0, 3.0, 30.0)] == [
        0.0,
        pytest.approx(1),
        pytest.approx(10),
    ]


def test_a_request_still_being_sent_is_not_owed_an_answer() -> None:
    standing = standing_of()
    ticket = ask(standing, now=0.0)
    ticket.uploading()
    uploading = standing.overdue(60.0)
    ticket.sent(60.0)
    assert [uploading, standing.overdue(60.0 + PATIENCE * FAST_S)] == [0.0, pytest.approx(1.0)]


def test_without_a_baseline_nothing_is_late() -> None:
    standing = standing_of()
    ask(standing, now=0.0, baseline_s=0.0)
    assert standing.overdue(1e6) == 0.0


def test_a_hung_endpoint_costs_more_before_it_answers() -> None:
    standing = standing_of()
    ask(standing, now=0.0)
    assert cost_s(standing, now=20 * PATIENCE * FAST_S) == pytest.approx(20 * cost_s(standing_of()))


def test_an_overdue_answer_makes_no_slow_endpoint_cheaper() -> None:
    standing = standing_of(slowdown=25.0)
    ask(standing, now=0.0)
    assert cost_s(standing, now=20 * PATIENCE * FAST_S) == cost_s(standing_of(slowdown=25.0))


def test_the_suspect_is_the_most_overdue_not_the_oldest() -> None:
    standing = standing_of()
    ask(standing, now=0.0, baseline_s=SLOW_S)
    suspect = ask(standing, now=0.5, baseline_s=FAST_S)
    ask(standing, now=0.9, baseline_s=FAST_S)
    standing.look(1.0, 0.05)
    assert standing.suspect is suspect, "a fast route hangs unseen behind a slow one"
    late = standing.overdue(1.0)
    standing.stop_waiting(suspect)
    assert late == pytest.approx(0.5 / (PATIENCE * FAST_S))
    assert standing.overdue(1.0) == pytest.approx(1.0 / (PATIENCE * SLOW_S)), "it has answered"


def test_a_request_in_its_time_is_no_suspect() -> None:
    standing = standing_of()
    ask(standing, now=0.0)
    standing.look(PATIENCE * FAST_S * 0.9, 0.05)
    assert standing.suspect is None


@pytest.mark.parametrize(
    ("before", "age_s", "after"), [(1.0, 0.1, 10.0), (20.0, 0.1, 20.0), (1.0, 60.0, MOST)]
)
def test_who_gives_up_waiting_has_learned_how_long_at_least(
    before: float, age_s: float, after: float
) -> None:
    standing = standing_of(slowdown=before)
    standing.unanswered(ask(standing, now=0.0), age_s, MOST)
    assert standing.slowdown == pytest.approx(after)


def test_nobody_waiting_for_it_again_and_again_means_that_it_hangs() -> None:
    standing = standing_of()
    for number in range(3):
        standing.unanswered(ask(standing, now=float(number)), number + 0.03, MOST)
    assert standing.slowdown == pytest.approx(3 * 3.0), "each alone says only three times its baseline"
    standing.answered(1.0, 4.0, 2.0, MOST)
    standing.slowdown = 1.0
    standing.unanswered(ask(standing, now=5.0), 5.03, MOST)
    assert standing.slowdown == pytest.approx(3.0), "an answer begins the count anew"


def test_a_reply_that_sheds_is_no_silence() -> None:
    """One that punishes us must not look slow for it, however often, however slow the route usually is."""
    standing = standing_of()
    for number in range(100):
        standing.unanswered(ask(standing, now=float(number)), number + FAST_S, MOST)
    assert (standing.slowdown, standing.silent) == (1.0, 0)


# -- failures


@pytest.mark.parametrize(("failures", "fade_s"), [(1, 1.0), (2, 2.0), (4, 8.0)])
def test_an_accusation_fades_later_with_each_failure_in_a_row(failures: int, fade_s: float) -> None:
    standing = accused_of(failures, now=7.0)
    assert standing.unreliability(7.0) == pytest.approx(0.9)
    assert standing.unreliability(7.0 + fade_s) == pytest.approx(0.9 / math.e)


def test_an_accusation_never_hides_what_was_counted() -> None:
    standing = accused_of(2)
    standing.failures.excess = 0.3
    assert [standing.unreliability(now) for now in (0.0, 100.0)] == [pytest.approx(0.9), 0.3]


def test_unreliability_costs_its_price() -> None:
    assert cost_s(accused_of(1)) == pytest.approx(FAST_S + 0.9 * 5.0), "failing fast must not look cheap"


# -- what it costs, what it reports


def test_slowness_within_luck_costs_as_much_as_the_fastest() -> None:
    costs = [cost_s(standing_of(slowdown), fastest=1.5) for slowdown in (1.5, 2.9, 3.1)]
    assert costs == [pytest.approx(1.5 * FAST_S), pytest.approx(1.5 * FAST_S), pytest.approx(3.1 * FAST_S)]


def test_who_never_reported_congestion_is_as_congested_as_usual() -> None:
    assert standing_of().congested(usual=0.4, now=0.0) == 0.4, "endpoints without a sidecar are not punished"


def test_a_congestion_report_fades_to_what_is_usual() -> None:
    standing = standing_of()
    standing.reported(0.9, now=3.0)
    found = [standing.congested(0.1, 3.0 + age) for age in (0.0, FRESH_S, 100.0)]
    assert found == [pytest.approx(0.9), pytest.approx(0.1 + 0.8 / math.e), pytest.approx(0.1)]


@pytest.mark.parametrize(("report", "kept"), [(-3.0, 0.0), (7.0, 1.0)])
def test_a_congestion_report_is_a_share(report: float, kept: float) -> None:
    standing = standing_of()
    standing.reported(report, now=0.0)
    assert standing.congested(0.5, now=0.0) == kept


@pytest.mark.parametrize("ticks", [1, 20])
def test_the_load_is_the_average_of_about_a_second(ticks: int) -> None:
    standing = standing_of()
    standing.in_flight = 4
    for _ in range(ticks):
        standing.look(0.0, 1.0 / ticks)
    assert standing.load == pytest.approx(4 * (1 - math.exp(-1.0))), "however often somebody looks"


def test_predictions_and_what_became_of_them_fade_together() -> None:
    pair = Pair()
    pair.add(0.2, 0.1)
    pair.fade(0.5)
    pair.add(0.4, 0.3)
    assert [pair.predicted_s, pair.observed_s, pair.weight] == pytest.approx([0.5, 0.35, 1.5])


def test_predictions_fade_over_ten_seconds() -> None:
    standing = standing_of()
    standing.forecast.add(0.2, 0.1)
    standing.look(10.0, 10.0)
    assert standing.forecast.weight == pytest.approx(1 / math.e)


def test_repr_shows_how_it_stands() -> None:
    assert repr(standing_of(2.5)) == f"<Standing {A} admitted s=2.50 q=0>"
