import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest import load
from loadtest.scenarios import arms, calibration, exposition, measures, plots, tell
from loadtest.scenarios.flow import Flow, Script, phases
from tests.support import scenarios

SCRIPT = Script("test", [], [Flow("one", 10.0, 0.0, 10.0, ("127.0.0.1",))], phases(("all", 10.0)))
METRICS = """\
# HELP equilibrium_punishment_level requests/s
# TYPE equilibrium_punishment_level gauge
equilibrium_punishment_level{caller="default/a",target="default/bus-service"} 65.5
equilibrium_punishment_level{caller="default/b",target="default/bus-service"} 4
# TYPE equilibrium_drops_total counter
equilibrium_drops_total{cause="red"} 7
equilibrium_drops_total{cause="full"} 5
# TYPE equilibrium_request_latency histogram
equilibrium_request_latency_bucket{le="+Inf"} 5
"""


def test_refusals_are_not_losses_and_neither_is_served() -> None:
    samples = [
        scenarios.served(0.0),
        scenarios.refused(0.1, "429"),
        scenarios.refused(0.2),
        scenarios.lost(0.3),
    ]
    assert measures.refused(samples) == pytest.approx(0.5)
    assert measures.failed(samples) == pytest.approx(0.75)
    assert measures.served_per_s(samples, 2.0) == pytest.approx(0.5)


def test_refusals_do_not_flatter_the_tail_but_time_waited_in_vain_counts() -> None:
    samples = [scenarios.refused(n / 100, latency_ms=1.0) for n in range(99)] + [scenarios.served(1.0, 30.0)]
    assert measures.p99_ms(samples) == pytest.approx(30.0)
    assert measures.p99_ms([*samples, scenarios.lost(2.0)]) == pytest.approx(1000.0)
    assert measures.admitted_p99_ms([*samples, scenarios.lost(2.0)]) == pytest.approx(30.0)
    assert measures.refusal_p99_ms(samples) == pytest.approx(1.0)


@given(st.lists(st.sampled_from(["200", "429", "503", "timeout", "reset"]), max_size=60))
def test_served_refused_and_lost_are_everything(outcomes: list[str]) -> None:
    def rule(flow: Flow, at_s: float, number: int) -> load.Sample:
        outcome = outcomes[number] if number < len(outcomes) else "200"
        return load.Sample(at_s, 10.0, outcome, "")

    (row,) = measures.rows([scenarios.recording(SCRIPT, rule)])
    served = row.served_per_s / row.offered_per_s
    assert served + row.refused + row.lost == pytest.approx(1.0)


def test_the_worst_second_is_found() -> None:
    samples = [scenarios.served(n / 10) for n in range(50) if not 20 <= n < 28]
    assert measures.least_served(samples, 0.0, 5.0) == 2
    assert measures.least_served([], 0.0, 5.0) == 0


def test_flows_that_sent_nothing_in_a_phase_have_no_row() -> None:
    script = Script(
        "test", [], [Flow("late", 10.0, 5.0, 10.0, ("127.0.0.1",))], phases(("before", 5.0), ("after", 5.0))
    )
    assert [row.phase for row in measures.rows([scenarios.recording(script)])] == ["after"]


def test_phases_follow_each_other_and_shade_the_trouble() -> None:
    found = phases(("calm", 2.0), ("flood", 3.0), ("after", 1.0), trouble=["flood"])
    assert all(one.to_s == other.from_s for one, other in itertools.pairwise(found))
    assert [each.trouble for each in found] == [False, True, False]


def test_a_reading_finds_series_by_some_of_their_labels() -> None:
    reading = exposition.read(1.0, METRICS)
    assert reading.get("equilibrium_punishment_level", caller="default/a") == pytest.approx(65.5)
    assert reading.get("equilibrium_punishment_level", caller="default/c") is None
    assert reading.get("equilibrium_drops_total") == pytest.approx(12.0), "without labels: the sum"
    assert reading.by("equilibrium_drops_total", "cause") == {"red": 7.0, "full": 5.0}
    assert not any(name.startswith("equilibrium_request_latency") for name, _ in reading.values)


def test_means_are_of_readings_that_say_something() -> None:
    readings = [exposition.read(0.0, ""), exposition.read(1.0, METRICS)]
    assert exposition.mean(readings, "equilibrium_punishment_level", caller="default/b") == pytest.approx(4.0)
    assert math.isnan(exposition.mean(readings[:1], "equilibrium_punishment_level"))


def test_metrics_nobody_exports_draw_no_panel() -> None:
    lines = plots.Lines(
        "level", [plots.Series("level", "equilibrium_punishment_level", {"caller": "default/a"})]
    )
    silent = plots.arm(scenarios.recording(SCRIPT), [lines]).plain
    said = plots.arm(
        scenarios.recording(
            SCRIPT, scrape=lambda at_s: {'equilibrium_punishment_level{caller="default/a"}': at_s}
        ),
        [lines],
    ).plain
    assert len(said["data"]) == len(silent["data"]) + 1
    assert max(said["data"][-1]["y"]) == pytest.approx(9.5)


def test_every_line_of_a_figure_has_finite_points_or_gaps() -> None:
    recording = scenarios.recording(SCRIPT, lambda flow, at_s, number: scenarios.refused(at_s))
    values = [value for trace in plots.arm(recording).plain["data"] for value in trace["y"]]
    assert values
    assert all(value is None or math.isfinite(value) for value in values)


def test_a_late_generator_and_a_busy_machine_are_noted() -> None:
    recording = scenarios.recording(SCRIPT)
    assert len(tell.notes(recording)) == 1
    late = type(recording)(
        recording.arm, recording.script, recording.samples, recording.readings, recording.cores, 55.0, 3
    )
    told = " ".join(tell.notes(late))
    assert "55 ms late" in told
    assert "3 scrapes" in told


def test_capacity_counts_answers_by_when_they_came_after_the_warm_up() -> None:
    slower = [load.Sample(n / 600, n * (1000 / 400 - 1000 / 600), "200", "") for n in range(3000)]
    assert calibration.saturated(slower, 4.0) == pytest.approx(400, rel=0.01)
    assert calibration.saturated([], 4.0) == 0.0


def test_who_begins_alternates() -> None:
    assert list(arms.in_turn(0)) == [arms.ON, arms.OFF]
    assert list(arms.in_turn(1)) == [arms.OFF, arms.ON]
