import pytest

from loadtest.bench import document, faults, plots, results, tail, tail_report, windows
from loadtest.load import Sample

SPAN = windows.Span(fault_s=100.0, counted_s=101.0, counted_to_s=104.0, healed_s=104.0, end_s=107.0)


def _samples(from_s: float, to_s: float, pods: str, *, outcome: str = "200", ms: float = 5.0) -> list[Sample]:
    """A hundred a second, pods in turn."""
    count = round((to_s - from_s) * 100)
    return [Sample(from_s + i / 100 + 0.001, ms, outcome, f"pod-{pods[i % len(pods)]}") for i in range(count)]


def _played() -> list[Sample]:
    """Pod 0 goes bad at 100, gets nothing from 101, is well at 104 and used again at 105.5."""
    return [
        *_samples(97, 100, "012"),
        *_samples(100, 101, "0", outcome="503", ms=1.0),
        *_samples(101, 104, "12", ms=8.0),
        *_samples(104, 105.5, "12"),
        *_samples(105.5, 107, "012"),
    ]


def _trial(arm: str = "envoy", number: int = 0) -> results.Trial:
    return tail.summarise(arm, faults.FAULTS[0], number, _played(), SPAN, 0.25, ["pod-0"])


def test_only_what_was_due_while_it_counts_is_counted() -> None:
    trial = _trial()
    assert trial.requests == 300
    assert (trial.p99_ms, trial.failed_share) == (8.0, 0.0)
    assert trial.first_failed_share == 1.0


def test_a_window_has_its_beginning_and_not_its_end() -> None:
    samples = [Sample(due_s, 1.0, "200", "") for due_s in (1.0, 1.5, 2.0)]
    assert [sample.due_s for sample in windows.within(samples, 1.0, 2.0)] == [1.0, 1.5]


def test_failed_requests_keep_their_latency() -> None:
    samples = [*_samples(0, 1, "1"), Sample(0.5, 5000.0, "504", "")]
    assert windows.percentile(samples, 99.9) == 5000.0
    assert windows.failed_share(samples) == pytest.approx(1 / 101)


def test_back_is_the_end_of_the_first_slice_with_a_share() -> None:
    assert _trial().back_s == 2.0


def test_never_back_is_none() -> None:
    assert windows.back_s(_samples(97, 107, "12"), SPAN, ["pod-0"]) is None


def test_all_healed_pods_must_be_back() -> None:
    samples = [*_samples(104, 106, "023"), *_samples(106, 107, "0123")]
    assert windows.back_s(samples, SPAN, ["pod-0"]) == 0.5
    assert windows.back_s(samples, SPAN, ["pod-0", "pod-1"]) == 2.5


def test_slices_are_whole_and_leave_out_the_rest() -> None:
    assert [len(each) for each in windows.slices(_samples(0, 2, "0"), 0.0, 1.7)] == [50, 50, 50]


def test_moments_begin_before_the_fault() -> None:
    moments = windows.moments(_played(), SPAN, ["pod-0"])
    assert (moments[0].at_s, moments[-1].at_s) == (-2.0, 6.5)
    assert moments[0].bad_share == pytest.approx(1 / 3, abs=0.02)
    assert moments[4].failed_share == 1.0
    assert moments[6].bad_share == 0.0


def test_shares_are_of_what_was_received_in_between() -> None:
    before, after = {"pod-0": 100, "pod-1": 50}, {"pod-0": 110, "pod-1": 80}
    assert windows.received_share(before, after, ["pod-0"]) == pytest.approx(10 / 40)


def test_a_pod_that_began_anew_has_received_what_it_counts() -> None:
    before, after = {"pod-0": 100, "pod-1": 50}, {"pod-0": 10, "pod-1": 80}
    assert windows.received_share(before, after, ["pod-0"]) == pytest.approx(10 / 40)


def test_a_restart_counts_from_its_instant_every_other_fault_a_second_later() -> None:
    assert {fault.name for fault in faults.FAULTS if not fault.grace_s} == {"restart"}
    assert all(fault.bad < fault.pods for fault in faults.FAULTS)


def _tail(*trials: results.Trial) -> results.Tail:
    return results.Tail(
        titles={"envoy": "Envoy", "equilibrium": "Equilibrium"},
        faults={"slow": "1 of 3 slow"},
        rounds=2,
        rate=100.0,
        delay_ms=5.0,
        fault_s=4.0,
        heal_s=3.0,
        trials=list(trials),
    )


def test_rows_have_a_cell_per_column_and_the_best_p99_first() -> None:
    part = _tail(_trial(), _trial("equilibrium"))
    slower = [results.Trial(**{**_fields(trial), "p99_ms": 500.0}) for trial in part.trials[:1]]
    rows = tail_report.rows(_tail(*slower, part.trials[1]), "slow")
    assert [row[0] for row in rows] == ["Equilibrium", "Envoy"]
    assert {len(row) for row in rows} == {len(tail_report.HEAD)}


def test_once_not_back_is_not_back() -> None:
    away = results.Trial(**{**_fields(_trial(number=1)), "back_s": None})
    assert tail_report.rows(_tail(_trial(), away), "slow")[0][-1] == "not yet"
    assert tail_report.rows(_tail(_trial()), "slow")[0][-1] == "≤ 2.0"


def test_the_part_renders_with_its_figures() -> None:
    part = _tail(_trial(), _trial("equilibrium"))
    blocks = [*tail_report.blocks(part), *plots.tail(part)]
    assert "| Envoy | 8.0 |" in document.markdown(blocks)
    assert "1 of 3 slow: p99 ms" in document.html("t", blocks)


def _fields(trial: results.Trial) -> dict[str, object]:
    return {name: getattr(trial, name) for name in results.Trial.__dataclass_fields__}
