"""The arithmetic and the verdicts of the experiments, on made-up recordings."""

import math
from collections.abc import Sequence
from pathlib import Path

import pytest

from loadtest.demo.recording import Cores
from loadtest.experiments import (
    arms,
    autoscaling,
    budgets,
    coordinator,
    measures,
    memory,
    neighbour,
    options,
    plots,
    spike,
    watch,
)
from loadtest.experiments.arms import Arm
from loadtest.experiments.autoscaling import Autoscaler, Behaviour
from loadtest.experiments.play import Recording
from loadtest.experiments.script import PATIENCE_S, Flow, Script
from loadtest.experiments.watch import Look
from loadtest.load import Sample
from loadtest.mesh.node import Throttling

HALF_S = 0.5


def look(at_s: float, service: str, limit_m: float, demand: float = 0.5, cpu_m: float = 100.0) -> Look:
    held = Throttling(int(10 * at_s), int(5 * at_s), at_s / 10)
    return Look(at_s, f"{service}-0", service, int(limit_m), cpu_m * at_s / 1000, held, demand)


def recorded(
    script: Script,
    looks: Sequence[Look],
    *,
    arm: Arm = arms.MARKET,
    latency_ms: float = 20.0,
    failing: bool = False,
    restarts: int = 0,
) -> Recording:
    samples = {
        service.name: [
            Sample(n / 20, latency_ms, "503" if failing and n % 10 == 0 else "200", f"{service.name}-0")
            for n in range(int(20 * script.seconds))
        ]
        for service in script.services
    }
    cores = Cores(0.5, 0.1, 2)
    return Recording(arm, script, samples, looks, cores, 1.0, restarts, 0, Throttling(1, 0, 0.0))


def every(script: Script) -> list[float]:
    return [n * HALF_S for n in range(int(script.seconds / HALF_S))]


# -- latency


def test_who_fails_is_as_late_as_patience_lasts() -> None:
    quick, failed = Sample(0.0, 5.0, "200", ""), Sample(0.0, 1.0, "503", "")
    assert measures.percentile_ms(95, [quick] * 9 + [failed]) == 1000 * PATIENCE_S
    assert measures.percentile_ms(50, [quick] * 9 + [failed]) == 5.0


def test_an_arm_without_requests_has_no_figure() -> None:
    assert math.isnan(measures.percentile_ms(95, []))


# -- levels


def test_the_time_to_the_need_counts_from_when_demand_shows() -> None:
    points = [(0.0, 100.0), (2.0, 300.0), (4.0, 560.0), (6.0, 650.0)]
    assert measures.reached_s(points, 600, 1.0) == 3.0, "540 of 600 are 90 %"
    assert measures.reached_s(points, 800, 1.0) == math.inf
    assert measures.reached_s(points, 600, 5.0) == 1.0


def test_demand_shows_halfway_from_its_calm_mean_to_its_peak() -> None:
    phase = spike.script(arms.MARKET, quick=True).phase("spike")
    looks = [look(at_s, "bus", 100, 0.1) for at_s in (1, 2, 3)]
    looks += [look(phase.from_s + n, "bus", 100, demand) for n, demand in enumerate((0.2, 0.4, 0.6, 0.9))]
    assert measures.shows_s(looks, phase) == phase.from_s + 2
    assert math.isnan(measures.shows_s([], phase))


def test_pods_of_a_service_are_added_up_round_by_round() -> None:
    rounds = [look(at_s, "bus", 200)._replace(pod=pod) for at_s in (1.0, 2.0) for pod in ("bus-0", "bus-1")]
    assert watch.limits(rounds) == [(1.0, 400), (2.0, 400)]


def test_mean_absolute_delta_is_a_share_of_the_level() -> None:
    assert measures.mean_absolute_delta([100, 110, 100, 110]) == pytest.approx(10 / 105)
    assert measures.mean_absolute_delta([100, 100, 100]) == 0.0
    assert math.isnan(measures.mean_absolute_delta([100]))


def test_fairness_is_one_when_surpluses_follow_budgets() -> None:
    floors = {"a": 100.0, "b": 100.0}
    assert measures.fairness({"a": 600, "b": 200}, {"a": 5, "b": 1}, floors) == pytest.approx(1.0)
    assert measures.fairness({"a": 350, "b": 350}, {"a": 5, "b": 1}, floors) == pytest.approx(0.2)
    assert math.isnan(measures.fairness({"a": 100, "b": 100}, {"a": 5, "b": 1}, floors))


# -- the rival


def test_the_autoscaler_follows_the_ratio_within_its_tolerance() -> None:
    scaler = Autoscaler(Behaviour(2.0))
    assert scaler.wanted(2, 0.75, 0.0) == 2, "within 10 % of the target"
    assert scaler.wanted(2, 1.0, 2.0) == 3, "2 · 1.0 / 0.7, rounded up"
    assert scaler.wanted(1, 50.0, 4.0) == 5, "at most 4 more a period"
    assert scaler.wanted(10, 5.0, 6.0) == 20, "or twice as many"


def test_the_autoscaler_goes_down_only_to_the_highest_wish_of_its_window() -> None:
    scaler = Autoscaler(Behaviour(2.0))
    scaler.wanted(3, 0.7, 0.0)
    assert scaler.wanted(3, 0.1, 2.0) == 3
    assert scaler.wanted(3, 0.1, 2.0 + Behaviour(2.0).stabilisation_s) == 1
    assert Behaviour(15.0).stabilisation_s == 300, "Kubernetes' default at its own period"
    assert autoscaling.TOLERANCE == 0.1


# -- verdicts


def _spiking(
    limit_in_spike: Sequence[float], *, latency_ms: float = 20.0, arm: Arm = arms.MARKET
) -> Recording:
    script = spike.script(arm, quick=True)
    phase = script.phase("spike")
    looks = []
    for at_s in every(script):
        inside = phase.from_s <= at_s < phase.to_s
        step = min(len(limit_in_spike) - 1, int((at_s - phase.from_s) / script.cycle_s)) if inside else 0
        level = limit_in_spike[step] if inside else 200
        looks.append(look(at_s, spike.HIT, level, 0.9 if inside else 0.0, cpu_m=200))
        looks.append(look(at_s, spike.OTHER, 200, 0.0))
    return recorded(script, looks, arm=arm, latency_ms=latency_ms, failing=arm != arms.MARKET)


def _need(recording: Recording) -> float:
    return spike.needed_m([recording])


def test_a_market_that_gives_enough_soon_keeps_the_spikes_promises() -> None:
    need = _need(_spiking([200]))
    played = [
        _spiking([450], latency_ms=900, arm=arms.STATIC),
        _spiking([230], latency_ms=900, arm=arms.HORIZONTAL),
        _spiking([200, 0.7 * need, need]),
    ]
    assert all(each.held for each in spike.judged(played).verdicts)


@pytest.mark.parametrize(
    ("levels", "broken"),
    [
        ([1.0, 1.0, 1.0, 1.0, 1.0], "cycles from"),
        ([0.0, 0.0, 0.0, 0.0, 0.0, 0.0], "cycles from"),
        ([0.5, 1.6], "largest limit"),
    ],
)
def test_one_that_is_late_or_too_generous_does_not(levels: Sequence[float], broken: str) -> None:
    need = _need(_spiking([200]))
    limits = [200.0] * 4 + [need] if levels[0] == 1.0 else [max(200.0, each * need) for each in levels]
    played = [
        _spiking([450], latency_ms=900, arm=arms.STATIC),
        _spiking([230], latency_ms=900, arm=arms.HORIZONTAL),
        _spiking(limits),
    ]
    missed = [each.claim for each in spike.judged(played).verdicts if not each.held]
    assert [each for each in missed if each.startswith(broken)]


def _beside(latency_ms: float, arm: Arm, restarts: int = 0) -> Recording:
    script = neighbour.script(quick=True)
    looks = [look(at_s, name, 400) for at_s in every(script) for name in (neighbour.DEAR, neighbour.NOISY)]
    return recorded(script, looks, arm=arm, latency_ms=latency_ms, restarts=restarts)


def test_the_neighbours_promise_is_a_ratio_within_repetitions() -> None:
    def held(market_ms: float) -> bool:
        played = [_beside(100, arms.STATIC), _beside(market_ms, arms.MARKET), _beside(100, arms.STATIC)]
        return neighbour.judged(played).held

    assert held(69)
    assert not held(71)


def test_a_restart_breaks_every_experiments_promise() -> None:
    played = [_beside(100, arms.STATIC), _beside(10, arms.MARKET, restarts=1), _beside(100, arms.STATIC)]
    missed = [each.claim for each in neighbour.judged(played).verdicts if not each.held]
    assert missed == ["containers restarted"]


def test_the_markets_answer_is_proportional_above_the_floors() -> None:
    found = budgets.solution(950, {"gold": 5.0, "plain": 1.0}, 100)
    assert found == {"gold": pytest.approx(725), "plain": pytest.approx(225)}
    assert budgets.solution(950, {"gold": 0.0, "plain": 0.0}, 100) == {"gold": 100, "plain": 100}


@pytest.mark.parametrize(("off_m", "wobble_m", "held"), [(0, 0, True), (30, 0, False), (0, 30, False)])
def test_budgets_are_judged_by_level_and_stillness(off_m: float, wobble_m: float, held: bool) -> None:
    script = budgets.script(quick=True)
    wanted = budgets.solution(
        950, {name: each * 0.5 for name, each in budgets.BUDGETS.items()}, budgets.FLOOR_M
    )
    looks = []
    for at_s in every(script):
        moved = wobble_m * (int(at_s / script.cycle_s) % 2) + off_m
        looks += [look(at_s, name, wanted[name] + moved) for name in wanted]
    assert budgets.judged(recorded(script, looks)).held is held


MIB = 1 << 20


def _remembered(limit_after: int, refusals: int = 2, used_after: int = 30) -> memory.Told:
    moments = []
    for service in memory.SERVICES:
        for at_s, used, limit in ((0.0, 220, 236), (5.0, used_after, limit_after)):
            if service.name == memory.REFUSES:
                used, limit = 220, 236
            moments.append(memory.Moment(at_s, f"{service.name}-0", used * MIB, limit * MIB))
    line = {"phase": "negotiate", "pod": f"default/{memory.REFUSES}-0", "minimum_memory_bytes": 1}
    return memory.Told(moments, [line] * refusals, 0, 0)


def test_memory_is_judged_by_what_the_kernel_counts_and_what_was_asked() -> None:
    assert memory.judged(_remembered(240)).held
    missed = [each.claim for each in memory.judged(_remembered(200)).verdicts if not each.held]
    assert "memory limits lowered" in missed
    assert not memory.judged(_remembered(240, refusals=0)).held, "somebody has to have refused"
    assert not memory.judged(_remembered(240, refusals=15)).held, "and not to have been asked every cycle"
    assert not memory.judged(_remembered(240, used_after=200)).held, "the hook has to have done something"


def test_of_a_log_the_json_lines_count(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b'ready at=127.0.0.1:1\n{"phase": "act"}\n[1]\n{broken\n{"cycle": 2}\n')
    assert coordinator.lines(log) == [{"phase": "act"}, {"cycle": 2}]


# -- what is shown


def test_every_arm_has_a_figure_with_all_its_services() -> None:
    figure = plots.arm(_spiking([200, 600])).plain
    names = {trace["name"] for trace in figure["data"]}
    assert {"bus may use", "bus uses", "ticket may use", "bus p95"} <= names
    throttled = [t for t in figure["data"] if t["name"] == "bus" and t["y"] and t["yaxis"] == "y4"]
    assert throttled[0]["y"][1:] == pytest.approx([0.5] * (len(throttled[0]["y"]) - 1))


def test_streams_of_a_flow_add_up_to_its_rate_and_are_out_of_step() -> None:
    plans = Flow("bus", 60.0, 5.0, 10.0).plans("127.0.0.1:1", 100.0)
    assert sum(each.rate for each in plans) == pytest.approx(60, rel=0.02)
    assert len({each.start_s for each in plans}) == len(plans)
    assert all(each.start_s is not None and 105.0 <= each.start_s < 105.2 for each in plans)


def test_options_name_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    chosen = options.parse(["--only", "budgets,spike", "--quick"])
    assert [each.NAME for each in chosen.experiments] == ["spike", "budgets"]
    assert 0 < chosen.planned_s < options.parse([]).planned_s
    with pytest.raises(SystemExit) as left:
        options.parse(["--only", "spikes"])
    assert left.value.code == 2
    assert "there are spike" in capsys.readouterr().err
