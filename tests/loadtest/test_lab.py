"""The lab: pods queue first come first served, every rule faces the same users, and nothing is lost in counting."""

import json
import math
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadtest.lab import (
    arms,
    demand,
    options,
    outcome,
    replay,
    report,
    run,
    scenarios,
    scripts,
    statistics,
    verdict,
)
from loadtest.lab.engine import NETWORK_S, TIME_OUT_S, Engine
from loadtest.lab.outcome import Outcome, pooled
from loadtest.lab.pod import REFUSED_S, Pod
from loadtest.lab.scenario import FAULT_AT_S, SERVICE_S, WORKERS, Scenario

CALM = Scenario("calm", "calm", scripts.calm, pods=3, sidecars=2, rate=200.0, seconds=4.0)


def play(scenario: Scenario, rule: str = "round-robin", seed: int = 1, luck: int = 1) -> Outcome:
    return run.one(scenario, rule, arms.make(rule, scenario), seed, luck)


def hurt(
    retries: int = 0, hedging: bool = False, for_s: float | None = None, **changes: float | bool
) -> Scenario:
    return Scenario(
        "hurt",
        "hurt",
        scripts.fault((0,), for_s, **changes),
        pods=3,
        sidecars=2,
        rate=200.0,
        seconds=6.0,
        retries=retries,
        hedging=hedging,
    )


# -- pods


def test_a_pod_works_on_as_many_requests_as_it_has_workers() -> None:
    pod = Pod()
    ends = [pod.serve(0.0, 1.0, 0.5)[0] for _ in range(WORKERS + 1)]
    assert ends == [1.0] * WORKERS + [2.0], "the next one waits for the first to end"


def test_a_refusal_takes_no_worker() -> None:
    pod = Pod()
    pod.error_share = 1.0
    assert pod.serve(0.0, 1.0, 0.5) == (REFUSED_S, False)
    pod.heal()
    assert pod.serve(0.0, 1.0, 0.5) == (1.0, True)


def test_one_coin_decides_errors_from_below_and_slowness_from_above() -> None:
    pod = Pod()
    pod.error_share, pod.extra_s, pod.extra_share = 0.3, 0.5, 0.1
    told = [pod.serve(0.0, 0.01, coin) for coin in (0.29, 0.31, 0.89, 0.91)]
    assert told == [(REFUSED_S, False), (0.01, True), (0.01, True), (0.51, True)]


@given(st.lists(st.floats(0.001, 0.1), min_size=1, max_size=60))
@settings(max_examples=40)
def test_work_is_conserved(works: list[float]) -> None:
    pod = Pod()
    ends = [pod.serve(0.0, work, 0.5)[0] for work in works]
    assert max(ends) >= sum(works) / WORKERS - 1e-9, "no worker does two things at once"
    assert all(end >= work for end, work in zip(ends, works, strict=True))


# -- users


def test_every_rule_faces_the_same_users() -> None:
    assert demand.draw(CALM, 7) == demand.draw(CALM, 7) != demand.draw(CALM, 8)


def test_users_come_at_the_rate_asked_for_with_the_work_asked_for() -> None:
    asked = demand.draw(scenarios.CALM, 3)
    assert len(asked.at_s) / scenarios.CALM.end_s == pytest.approx(scenarios.CALM.requests_per_s, rel=0.05)
    assert np.mean(asked.work_s) == pytest.approx(SERVICE_S, rel=0.05)
    assert set(asked.sidecar) == set(range(scenarios.CALM.sidecars))


# -- the engine


def test_alone_a_request_takes_its_work_and_the_network_twice() -> None:
    scenario = Scenario("one", "one", scripts.calm, pods=1, sidecars=1, rate=0.5, seconds=20.0, sigma=1e-9)
    assert play(scenario).percentile_ms(50) == pytest.approx(1000 * (SERVICE_S + 2 * NETWORK_S), rel=0.011)


@pytest.mark.parametrize("rule", ["round-robin", "full-scan-5s", "argmin", "prequal", "equilibrium"])
def test_a_run_is_a_fact(rule: str) -> None:
    one, other = play(CALM, rule), play(CALM, rule)
    assert (one.cells == other.cells).all()
    assert one.shares == other.shares


@pytest.mark.parametrize("rule", [*(name for name in arms.names() if not name.startswith("board"))])
def test_every_rule_survives_every_kind_of_trouble(rule: str) -> None:
    troubled = scripts.together(
        scripts.fault((0,), 2.0, hung=True),
        scripts.fault((1,), 3.0, error_share=0.5, extra_s=0.1, extra_share=0.2),
        scripts.crash((2,), 1.5),
        scripts.rolling(0.5, 1.2),
    )
    scenario = Scenario(
        "all",
        "all",
        troubled,
        pods=5,
        sidecars=3,
        rate=150.0,
        seconds=6.0,
        retries=1,
        hedging=True,
        board_s=0.2,
    )
    asked = demand.draw(scenario, 1)
    engine = Engine(scenario, asked, arms.make(rule, scenario), 1)
    told = engine.run().summary(asked.at_s, rule, 1)
    assert told.requests == sum(at >= FAULT_AT_S + 1 for at in asked.at_s), "a request was lost"
    assert int(told.cells.sum()) == told.requests
    assert all(pod.in_flight >= 0 for pod in engine.pods), "an answer was counted twice"


def test_round_robin_sends_a_third_to_a_failing_pod() -> None:
    told = play(hurt(error_share=1.0)).values()
    assert told["errors"] == told["bad_share"] == pytest.approx(1 / 3, abs=0.02)


def test_retries_go_elsewhere() -> None:
    assert play(hurt(retries=2, error_share=1.0)).errors == 0


def test_a_hung_pod_answers_when_it_is_healed_and_not_before() -> None:
    told = play(hurt(hung=True, for_s=3.0))
    assert told.errors == 0
    assert 1000 < told.percentile_ms(99) < 3000, "what was held waits until the healing"


def test_a_request_is_given_up_after_the_time_out() -> None:
    scenario = Scenario(
        "hang", "hang", scripts.fault((0,), hung=True), pods=2, sidecars=1, rate=50.0, seconds=TIME_OUT_S + 4
    )
    told = play(scenario)
    assert told.errors > 0
    assert told.percentile_ms(99.9) == pytest.approx(1000 * TIME_OUT_S, rel=0.02)


def test_a_second_copy_saves_a_request_from_a_hung_pod() -> None:
    assert play(hurt(hedging=True, hung=True), "equilibrium").percentile_ms(99) < 200


def test_a_killed_pod_resets_what_it_held() -> None:
    scenario = Scenario(
        "crash", "crash", scripts.crash((0,), 60.0), pods=2, sidecars=1, rate=400.0, seconds=5.0
    )
    asked = demand.draw(scenario, 1)
    tally = Engine(scenario, asked, arms.make("round-robin", scenario), 1).run()
    assert all(tally.finished[number] for number, at in enumerate(asked.at_s) if at < scenario.end_s - 1)


def test_a_rolling_update_with_draining_loses_nothing() -> None:
    scenario = Scenario(
        "roll", "roll", scripts.rolling(1.0, 2.0), pods=4, sidecars=2, rate=200.0, seconds=6.0, bad=()
    )
    assert play(scenario, "equilibrium").errors == 0


def test_the_router_leaves_a_slow_pod_that_round_robin_does_not() -> None:
    slow = hurt(extra_s=0.5)
    assert play(slow, "equilibrium").values()["bad_share"] < 0.03
    assert play(slow).values()["bad_share"] == pytest.approx(1 / 3, abs=0.02)


# -- figures


@given(st.lists(st.floats(0.0002, 50.0), min_size=20, max_size=300), st.sampled_from([50.0, 90.0, 99.0]))
@settings(max_examples=60)
def test_percentiles_from_cells_are_within_a_cell(seconds: list[float], percent: float) -> None:
    told = outcome.percentile_ms(outcome.histogram(np.array(seconds)), percent)
    ordered = sorted(1000 * value for value in seconds)
    rank = percent / 100 * len(ordered)
    low, high = ordered[max(0, math.ceil(rank) - 2)], ordered[min(len(ordered) - 1, math.floor(rank) + 1)]
    assert low / 1.011 <= told <= high * 1.011


def test_seeds_pool() -> None:
    both = [play(CALM, seed=seed) for seed in (1, 2)]
    assert pooled(both).requests == sum(each.requests for each in both)
    assert (pooled(both).cells == both[0].cells + both[1].cells).all()


def test_a_rule_against_itself_is_one() -> None:
    cells = [play(CALM, seed=seed).cells for seed in (1, 2, 3)]
    told = statistics.ratio(cells, cells, 99)
    assert (told.value, told.low, told.high) == (1.0, 1.0, 1.0)


def test_a_difference_shows_in_the_interval() -> None:
    fast = [outcome.histogram(np.array([0.01] * 100)) for _ in range(4)]
    slow = [outcome.histogram(np.array([0.02] * 100)) for _ in range(4)]
    told = statistics.ratio(slow, fast, 99)
    assert told.low > 1.9
    assert told.high < 2.1


# -- the program


def results_of(names: list[str], rules: list[str]) -> dict[tuple[str, str], list[Outcome]]:
    told = play(CALM)
    return {(name, rule): [told, told] for name in names for rule in rules}


def test_the_bar_is_judged_only_when_all_of_it_was_played() -> None:
    whole = [each.name for each in scenarios.BAR]
    rules = [arms.OURS, arms.RIVAL]
    assert [line.holds for line in verdict.lines(results_of(whole, rules))] == [True, True]
    assert verdict.lines(results_of(whole[1:], rules)) == []


def test_reports_hold_every_scenario_and_rule(tmp_path: Path) -> None:
    results = results_of(["calm", "many"], [arms.OURS, arms.RIVAL, arms.RIVAL + run.AGAIN])
    files = report.write(tmp_path, results, verdict.lines(results), 2, "make lab")
    table = files["table"].read_text()
    assert all(scenarios.by_name()[name].title in table for name in ("calm", "many"))
    assert "A/A" in table
    said = json.loads(files["data"].read_text())
    assert len(said["results"]) == 6
    assert "Plotly.newPlot" in files["plots"].read_text()


def test_a_wrong_name_is_told_with_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    for argv, told in ((["--rival", "nobody"], "full-scan-5s"), (["--scenario", "nothing"], "--list")):
        with pytest.raises(SystemExit) as left:
            options.parse(argv)
        assert left.value.code == 2
        assert told in capsys.readouterr().err


def test_rivals_that_are_not_judged_play_fewer_seeds() -> None:
    tasks = options.parse(["--scenario", "calm"]).tasks
    seeds = {rule: sum(task.rule == rule for task in tasks) for rule in (arms.OURS, arms.RIVAL, "random")}
    assert seeds == {arms.OURS: 8, arms.RIVAL: 8, "random": options.FEW}


def test_names_of_scenarios_are_their_own() -> None:
    every = [*scenarios.BAR, *scenarios.ARMS, scenarios.LARGE]
    assert len({each.name for each in every}) == len(every)


# -- replay


def logged(path: Path, slow: str = "10.0.0.1:80") -> Path:
    rng = random.Random(1)
    lines = []
    for number in range(3000):
        endpoint = f"10.0.0.{number % 3 + 1}:80"
        took_ms = rng.lognormvariate(2.3, 0.3) + (500 if endpoint == slow and number > 600 else 0)
        lines.append(
            json.dumps(
                {
                    "time": 1000 + number / 100 + took_ms / 1000,
                    "listener": "outbound",
                    "service": "bus-service",
                    "route": "GET /",
                    "endpoint": endpoint,
                    "status": 200,
                    "duration_ms": took_ms,
                }
            )
        )
    path.write_text("\n".join(lines))
    return path


def test_a_users_log_says_what_another_rule_would_have_done(tmp_path: Path) -> None:
    log = replay.read(logged(tmp_path / "access.jsonl"))
    was = replay.as_it_was(log)
    ours = replay.play(log, arms.make(arms.OURS, CALM))
    assert was.p99_ms > 500
    assert was.shares["10.0.0.1:80"] == pytest.approx(1 / 3, abs=0.01)
    assert ours.shares["10.0.0.1:80"] < 0.1
    assert ours.p50_ms < was.p50_ms


@pytest.mark.parametrize(
    ("text", "told"),
    [("not json", "access.jsonl:1"), ('{"time": 1}', "duration_ms"), ("", "at least two endpoints")],
)
def test_a_log_that_cannot_be_used_says_why(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "access.jsonl"
    path.write_text(text)
    with pytest.raises(replay.ReplayError, match=told):
        replay.read(path)
