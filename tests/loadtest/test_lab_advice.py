"""The lab's advice: arms are what they claim, both ends are the programs' own, and the verdicts are arithmetic."""

import random
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from loadtest.lab import arms as rules
from loadtest.lab import options, report, run, scripts
from loadtest.lab.advice import arms, costs, lies, static, verdict, worlds
from loadtest.lab.advice.council import Council
from loadtest.lab.advice.omniscient import Omniscient, Queues
from loadtest.lab.engine import Engine
from loadtest.lab.outcome import Outcome, pooled
from loadtest.lab.rules.boardmix import BoardMix
from loadtest.lab.rules.ours import Equilibrium
from loadtest.lab.run import Task
from loadtest.lab.scenario import WORKERS, Scenario

SMALL = replace(
    worlds.world("advice-small", "small", 0.6, pods=5), sidecars=4, rate=150.0, seconds=2.0, settle_s=0.0
)


def play(name: str, scenario: Scenario = SMALL) -> Outcome:
    arm = arms.arm(name, scenario, 1)
    whole = replace(scenario, script=scripts.together(scenario.script, arm.script))
    return run.one(whole, name, arm.make, 1, 1)


def council(liar: lies.Liar | None = None, dies_at_s: float = float("inf")) -> Council:
    """One that has run a short play through; its routers are kept."""
    made = Council(1, liar=liar, turns_at_s=0.0, dies_at_s=dies_at_s)
    whole = replace(SMALL, seconds=6.0, script=scripts.together(SMALL.script, made.script))
    run.one(whole, "x", lambda rng: Equilibrium(rng, rules.STRATEGIES["balanced"]), 1, 1)
    return made


# -- worlds


def test_pods_have_their_speeds_from_the_start_and_load_is_of_what_they_really_serve() -> None:
    world = worlds.FRESH[0]
    assert world.requests_per_s == pytest.approx(0.6 * sum(worlds.speeds(50)) * WORKERS / worlds.SERVICE_S)
    engine = Engine(SMALL, run.demand.draw(SMALL, 1), rules.make("random", SMALL), 1)
    SMALL.script(engine)
    assert [pod.speed for pod in engine.pods] == list(worlds.SPEEDS)


def test_requests_are_as_long_as_the_world_says() -> None:
    asked = run.demand.draw(replace(SMALL, rate=5000.0), 1)
    assert np.mean(asked.work_s) == pytest.approx(worlds.SERVICE_S, rel=0.05)


# -- those who know


def test_a_pod_below_its_capacity_takes_its_service_time_and_a_little() -> None:
    idle = static.latency_s(1e-6, 1.0, SMALL)
    busy = static.latency_s(0.9 * WORKERS / SMALL.service_s, 1.0, SMALL)
    assert idle == pytest.approx(SMALL.service_s + 0.001)
    assert busy > 1.1 * idle
    assert static.latency_s(1.01 * WORKERS / SMALL.service_s, 1.0, SMALL) == float("inf")


def test_the_optimum_s_shares_equalise_marginal_costs_and_no_move_lowers_the_total() -> None:
    world = worlds.FRESH[1]
    speeds = worlds.speeds(world.pods)
    shares = static.shares(world, speeds, lean=1.0)
    assert shares.sum() == pytest.approx(1.0)

    def total(of: np.ndarray) -> float:
        rate = world.requests_per_s
        return sum(
            share * static.latency_s(share * rate, speed, world)
            for share, speed in zip(of, speeds, strict=True)
        )

    least = total(shares)
    for one, other in ((4, 2), (2, 4), (2, 1), (4, 0)):
        moved = shares.copy()
        step = min(0.001, moved[one])
        moved[one] -= step
        moved[other] += step
        assert total(moved) >= least - 1e-9, f"from {one} to {other}"


def test_fixed_shares_are_played_evenly() -> None:
    rule = static.Fixed(random.Random(1), [0.5, 0.25, 0.25, 0.0])
    picks = [rule.pick(n, 0.0) for n in range(400)]
    assert [picks.count(pod) for pod in range(4)] == [200, 100, 100, 0]
    assert max(picks[n : n + 8].count(0) for n in range(0, 392, 8)) <= 5, "never a burst"


def test_the_planner_fills_quick_pods_but_leaves_their_queues_to_others() -> None:
    queues = Queues([1.5, 1.0])
    rule = Omniscient(random.Random(1), queues)
    picks = [rule.pick(n, 0.0) for n in range(WORKERS + 3)]
    assert picks[:WORKERS] == [0] * WORKERS
    assert 1 in picks[WORKERS:], "a place in the queue costs three times what it takes"
    rule.settled(0, 0, 1.0, 0.1, ok=True, load=None)
    assert sum(queues.held) == WORKERS + 2


def test_fixed_shares_beat_the_even_ones_and_the_planner_beats_both() -> None:
    """Means of the same requests."""
    busy = replace(SMALL, rate=0.7 * sum(worlds.SPEEDS) * WORKERS / worlds.SERVICE_S, settle_s=0.0)
    random_ = run.one(busy, "random", rules.make("random", busy), 1, 1)
    found = [
        each.total_s / each.requests for each in (play("omniscient", busy), play("optimum", busy), random_)
    ]
    assert found == sorted(found)


# -- the board


def test_on_a_board_the_mix_draws_and_does_not_herd() -> None:
    rule = BoardMix(random.Random(1))
    rule.members(range(4), 0.0)
    rule.board([3.0, 3.0, 3.0, 3.2], 0.0)
    picks = [rule.pick(n, 0.001 * n) for n in range(200)]
    assert all(picks.count(pod) > 10 for pod in range(3)), picks
    rule.members([0, 1, 2], 1.0)
    assert {rule.pick(n, 1.0) for n in range(200, 300)} <= {0, 1, 2}


# -- advice, by the programs' own code


def test_reports_become_columns_that_sidecars_follow() -> None:
    made = council()
    assert any(not game.infeasible for game in made.games), made.games
    advised = [router.advice for router in made.routers.values() if router.advice is not None]
    assert len(advised) == SMALL.sidecars
    assert sum(each.followed for each in advised) > 0


def test_a_dead_coordinator_s_word_expires() -> None:
    made = council(dies_at_s=10.5)
    router = made.routers["gateway-0"]
    until_s = 10.0 + 2 * made.config.epoch_s + 1.0
    told = router.snapshot(until_s)["advice"]
    assert isinstance(told, dict)
    assert not told["obeys"], told
    assert not told["action"], "its own mix, within one expiry"


@pytest.mark.parametrize(
    "kind",
    [lies.Slowest, lies.Herd, lies.Inverted, lies.Crowd, lies.Among, lies.Seldom, lies.Few],
)
def test_lies_are_well_formed(kind: type[lies.Liar]) -> None:
    honest = {"a": ({"0": 0.5, "1": 0.5},) * 3, "b": ({"3": 1.0},) * 3, "c": ()}
    told = kind().columns(honest, 5)
    assert set(told) == set(honest)
    for actions in told.values():
        for action in actions:
            assert sum(action.values()) == pytest.approx(1.0)
            assert all(0 <= int(address) < 5 for address in action)


def test_lies_are_what_they_say() -> None:
    honest = {"a": ({"0": 0.5, "1": 0.5},) * 3, "b": ({"3": 1.0},) * 3}
    assert lies.Slowest().columns(honest, 5)["b"][0] == {"0": 1.0}
    herd = lies.Herd().columns(honest, 5)
    assert herd["a"] == herd["b"]
    assert herd["a"][0] != herd["a"][1]
    assert "3" not in lies.Inverted().columns(honest, 5)["b"][0]
    assert lies.Crowd().columns(honest, 5)["b"] == honest["a"]


def test_a_hidden_lie_is_honest_but_for_a_tenth() -> None:
    honest = {"a": ({"0": 0.5, "1": 0.5},) * 11, "b": ({"3": 1.0},) * 11}
    among = lies.Among().columns(honest, 5)
    assert among["a"][0] == pytest.approx({"0": 0.45, "1": 0.45, "2": 0.1})
    many = {f"gateway-{number:02}": honest["a"] for number in range(20)}
    few = lies.Few().columns(many, 5)
    assert sum(few[sidecar] != many[sidecar] for sidecar in many) == 2
    assert {tuple(few[sidecar][0]) for sidecar in many if few[sidecar] != many[sidecar]} == {("2",)}


def test_a_seldom_lie_says_the_same_of_a_slot_whenever_it_speaks_of_it() -> None:
    honest = {"a": ({"0": 0.5, "1": 0.5},) * 11}
    liar = lies.Seldom()
    said = [liar.columns(honest, 5)["a"] for _ in range(4)]
    for one, other in pairwise(said):
        assert one[lies.STEP :] == other[: len(one) - lies.STEP]
    heard = [action for actions in said for action in actions[: lies.STEP]]
    herded = [slot for slot, action in enumerate(heard) if len(action) == 1]
    assert herded == [5, 15]
    assert heard[5] != heard[15]


def test_a_liar_takes_the_place_of_honest_columns() -> None:
    made = council(lies.Slowest())
    actions = [router.advice.action for router in made.routers.values() if router.advice is not None]
    assert actions
    assert all(not action or action == {"0": 1.0} for action in actions)


# -- verdicts


def outcome(scenario: str, rule: str, seed: int, mean_s: float, requests: int = 1000) -> Outcome:
    cells = report_cells(mean_s, requests)
    return Outcome(scenario, rule, seed, requests, 0, 0, 0, cells, mean_s * requests, 1.0)


def report_cells(mean_s: float, requests: int) -> np.ndarray:
    from loadtest.lab.outcome import histogram

    return histogram(np.full(requests, mean_s))


def results(**means: float) -> verdict.Results:
    """One fresh world and the outage: means in seconds by rule, `_` for `-`."""
    found = {}
    for rule, mean_s in means.items():
        name = rule.replace("_", "-")
        for world in ("advice-0.6", "advice-outage"):
            found[world, name] = [outcome(world, name, seed, mean_s * (1 + seed / 100)) for seed in (1, 2, 3)]
    return found


def test_total_costs_are_compared_by_ratio_and_by_the_gap_closed() -> None:
    assert costs.ratio([1.0, 2.0], [2.0, 4.0]).value == pytest.approx(0.5)
    part = costs.closed([3.5, 3.5], [4.0, 4.0], [3.0, 3.0])
    assert (part.low, part.value, part.high) == (0.5, 0.5, 0.5)


def test_advice_that_costs_more_or_closes_too_little_breaks_its_promise() -> None:
    good = verdict.lines(results(equilibrium=0.040, advised=0.038, optimum=0.037))
    assert [line.holds for line in good] == [True, True]
    poor = verdict.lines(results(equilibrium=0.040, advised=0.0395, optimum=0.037))
    assert [line.holds for line in poor] == [True, False]
    worse = verdict.lines(results(equilibrium=0.040, advised=0.041, optimum=0.037))
    assert [line.holds for line in worse] == [False, False]


def test_a_liar_is_judged_by_the_tail() -> None:
    fine, bad = (verdict.lines(results(equilibrium=0.1, lie_herd=tail)) for tail in (0.11, 0.13))
    assert [line.holds for line in fine] == [True]
    assert [line.holds for line in bad] == [False]


def test_the_command_line_plays_every_arm_where_it_belongs(capsys: pytest.CaptureFixture[str]) -> None:
    chosen = options.parse(["--advice", "--seeds", "2"])
    assert Task("advice-outage", "lie-herd", 2) in chosen.tasks
    assert Task("advice-board", "board-mix", 1) in chosen.tasks
    only = options.parse(["--advice", "--scenario", "*0.6", "--rival", "advised", "--seeds", "1"])
    assert only.tasks == [Task("advice-0.6", "advised", 1)]
    for wrong in (
        ["--advice", "--rival", "nobody"],
        ["--advice", "--scenario", "no"],
        ["--advice", "--ablation"],
    ):
        with pytest.raises(SystemExit):
            options.parse(wrong)
    assert "no arm 'nobody' there" in capsys.readouterr().err


def test_the_report_has_a_table_for_every_advice_world() -> None:
    made = results(equilibrium=0.040, equilibrium_again=0.0401, advised=0.038, optimum=0.037)
    text = report.markdown(made, verdict.lines(made), 3, "make lab")
    assert "| advised | 38.76 | 0.95 (0.95–0.95) |" in text
    assert "A/A: Equilibrium again" in text
    assert pooled(made["advice-0.6", "advised"]).values()["mean_ms"] == pytest.approx(38.76)
