import dataclasses
import math
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from loadtest import controlgroups, processes
from loadtest.bench import progress
from loadtest.load import Sample
from loadtest.mesh import addresses
from loadtest.scenarios import (
    arms,
    cgroups,
    exposition,
    house,
    memory,
    memory_measures,
    memory_script,
    tenant,
    trial,
)
from loadtest.scenarios.flow import Flow
from loadtest.scenarios.hoarder import Appetite
from loadtest.scenarios.memory_script import LIMIT_BYTES
from loadtest.scenarios.pod import Pod
from loadtest.scenarios.stage import Stage
from loadtest.scenarios.tenant import Death, Tenant
from loadtest.scenarios.trial import Run
from sidecar import clock
from tests.support import scenarios

SCRIPT = memory_script.written("127.70.1", 10.0)
RUSH = SCRIPT.phase("rush")
KILLED_S = RUSH.from_s + 12.0


def _dies(flow: Flow, at_s: float, number: int) -> Sample:
    """Five seconds of nothing after the kill."""
    return scenarios.refused(at_s) if KILLED_S <= at_s < KILLED_S + 5 else scenarios.served(at_s)


def _bends(flow: Flow, at_s: float, number: int) -> Sample:
    """Half of the rush is refused."""
    inside = RUSH.from_s <= at_s < RUSH.to_s
    return scenarios.refused(at_s) if inside and number % 2 else scenarios.served(at_s)


def _scaled(at_s: float) -> float:
    if at_s < RUSH.from_s + 6:
        return 1.0
    return 0.5 if at_s < RUSH.to_s + 4 else 1.0


def _readings(scaled: bool) -> list[exposition.Reading]:
    instants = [number / 4 for number in range(int(4 * SCRIPT.seconds))]
    return [
        exposition.Reading(
            at_s, {(tenant.USED, ()): 0.8, **({(tenant.SCALE, ()): _scaled(at_s)} if scaled else {})}
        )
        for at_s in instants
    ]


def _run(arm: arms.Arm, *, killed: bool, scaled: bool = False) -> Run:
    recording = scenarios.recording(SCRIPT, _dies if killed else _bends, arm=arm)
    recording = dataclasses.replace(recording, readings=_readings(scaled))
    deaths = [Death(KILLED_S, -9)] if killed else []
    return Run(recording, deaths, len(deaths), LIMIT_BYTES if killed else 170 * 2**20)


ON, BLIND, OFF = (
    _run(arms.ON, killed=False, scaled=True),
    _run(memory_script.BLIND, killed=True, scaled=True),
    _run(arms.OFF, killed=True),
)
FAST = [_run(memory_script.FAST_ON, killed=False, scaled=True), _run(memory_script.FAST_OFF, killed=True)]


def test_all_callers_together_need_half_more_than_there_is_and_one_alone_a_quarter() -> None:
    room = LIMIT_BYTES - memory_script.ITSELF_BYTES
    together = sum(flow.rate for flow in SCRIPT.flows)
    assert memory_script.SLOW.needed_bytes(together) == pytest.approx(1.5 * room)
    assert memory_script.FAST.needed_bytes(together) == pytest.approx(1.5 * room, rel=0.01), "fast or slow"
    assert memory_script.SLOW.needed_bytes(SCRIPT.flows[0].rate) == pytest.approx(0.25 * room)


def test_callers_join_one_after_the_other_and_are_known_by_their_address() -> None:
    starts = [flow.from_s for flow in SCRIPT.flows]
    assert starts == sorted(starts)
    assert len(set(starts)) == memory_script.CALLERS
    assert [caller.ip for caller in SCRIPT.callers] == [flow.sources[0] for flow in SCRIPT.flows]
    assert SCRIPT.flows[-1].to_s - SCRIPT.flows[-1].from_s >= memory_script.SLOW.kept_s


def test_surviving_what_kills_without_is_the_promise() -> None:
    assert [each.held for each in memory.verdicts([[ON, BLIND, OFF, *FAST]] * 5)] == [True] * 4


def test_one_kill_in_five_breaks_it() -> None:
    killed = _run(arms.ON, killed=True, scaled=True)
    promises = memory.verdicts([[ON, OFF, *FAST]] * 4 + [[killed, OFF, *FAST]])
    assert [each.measured for each in promises] == ["5 of 5", "4 of 5", "5 of 5", "5 of 5"]
    assert [each.held for each in promises] == [True, False, True, True]


def test_a_trial_that_kills_nobody_proves_nothing() -> None:
    alive = _run(arms.OFF, killed=False)
    assert [each.held for each in memory.verdicts([[ON, alive, *FAST]])] == [False, True, True, True]


@pytest.mark.parametrize(("status", "kills"), [(-9, 0), (1, 1)])
def test_killed_needs_both_the_exit_status_and_the_groups_counter(status: int, kills: int) -> None:
    run = dataclasses.replace(OFF, deaths=[Death(KILLED_S, status)], kills=kills)
    assert not run.killed
    assert not run.survived


def test_the_kill_is_timed_from_the_beginning_of_the_rush() -> None:
    assert memory_measures.first_kill_s(OFF) == 12.0
    assert memory_measures.first_kill_s(ON) is None


def test_seconds_in_which_nobody_was_served_are_dark() -> None:
    assert memory_measures.dark_s(OFF) == 5
    assert memory_measures.dark_s(ON) == 0, "half of every second was served"


def test_what_was_lost_is_of_the_rush_and_counts_refusals() -> None:
    assert memory_measures.lost(ON) == pytest.approx(0.5, abs=0.01)


def test_the_governors_steps_its_lowest_and_its_way_back_are_read_from_the_metrics() -> None:
    assert memory_measures.scales(ON) == [1.0, 0.5, 1.0]
    assert memory_measures.lowest_scale(ON) == 0.5
    assert memory_measures.recovery_s(ON) == pytest.approx(4.0, abs=0.3)
    assert memory_measures.lowest_scale(OFF) is None, "without policing nobody says a scale"


def test_a_scale_that_never_came_back_is_told_as_never() -> None:
    cut = [each for each in ON.recording.readings if each.at_s < RUSH.to_s + 2]
    run = dataclasses.replace(ON, recording=dataclasses.replace(ON.recording, readings=cut))
    assert memory_measures.recovery_s(run) == math.inf


def test_the_scale_is_found_in_the_text_of_metrics() -> None:
    text = f"# HELP {tenant.SCALE} Share\n# TYPE {tenant.SCALE} gauge\n{tenant.SCALE} 0.25\n"
    assert tenant.scale(text) == {(tenant.SCALE, ()): 0.25}
    assert tenant.scale(f"{tenant.SCALE}_other 1.0\n") == {}


def test_the_report_has_a_row_and_a_figure_for_every_arm_and_plain_facts() -> None:
    result = memory.judged([[ON, BLIND, OFF, *FAST], [OFF, *FAST, ON, BLIND]])
    assert [row[0] for row in memory_rows(result.blocks)] == [arm.title for arm in memory_script.ARMS]
    told = orjson.loads(orjson.dumps(dict(result.facts)))
    assert [each["arm"] for each in told["trials"][1]] == ["off", "on-fast", "off-fast", "on", "blind"]
    assert told["trials"][0][2]["deaths"] == [{"at_s": KILLED_S, "exit_status": -9}]


def memory_rows(blocks: object) -> list[list[str]]:
    assert isinstance(blocks, list)
    return next(block.rows for block in blocks if getattr(block, "head", None) == memory.HEAD)


def _stage(directory: Path, *, quick: bool = True) -> Stage:
    return Stage(directory, progress.Progress(1.0, lambda line: None, clock.now), quick=quick)


def test_without_memory_groups_it_is_skipped_and_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(controlgroups, "PROC", tmp_path / "nothing")
    result = memory.run(_stage(tmp_path))
    assert "no /proc" in result.skipped
    assert not result.ran


class Kubelet:
    """Counts starts; what it starts ends at once."""

    def __init__(self, directory: Path) -> None:
        self.starts: list[float] = []
        self.now_s = 0.0
        self._directory = directory

    def start_app(self, *given: object, **more: object) -> processes.Child:
        self.starts.append(self.now_s)
        ended = subprocess.Popen([sys.executable, "-c", ""])
        ended.wait()
        return processes.Child("app", ended, self._directory / "log")


def test_a_killed_application_is_started_again_with_kubelets_back_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kubelet = Kubelet(tmp_path)
    monkeypatch.setattr(house, "start_app", kubelet.start_app)
    app = kubelet.start_app()
    group = cgroups.Group(cgroups.at(tmp_path), LIMIT_BYTES)
    children = processes.Children(tmp_path)
    lived = Tenant(arms.OFF, "127.0.0.1", Appetite(), group, children, app, Pod("127.0.0.1", app))
    for tenth in range(400):
        kubelet.now_s = tenth / 10
        lived.look(kubelet.now_s)
    waits = [later - earlier for earlier, later in zip(kubelet.starts[1:], kubelet.starts[2:], strict=False)]
    assert kubelet.starts[:2] == [0.0, 0.0], "the first time at once"
    assert waits == pytest.approx([10.1, 20.1], abs=0.11), "then after 10 s and 20 s"
    assert [death.status for death in lived.deaths] == [0, 0, 0, 0]


@pytest.mark.slow
def test_ungoverned_the_kernel_kills_it_and_it_is_started_again(tmp_path: Path) -> None:
    if (why := cgroups.missing()) is not None:
        pytest.skip(f"no memory groups here: {why}")
    stage = _stage(tmp_path)
    net = addresses.Net()
    full = memory_script.written(net.prefix, 1.0)
    flows = [dataclasses.replace(flow, from_s=0.0, to_s=12.0) for flow in full.flows]
    phases = [dataclasses.replace(full.phase("rush"), from_s=0.0, to_s=12.0)]
    script = dataclasses.replace(full, flows=flows, phases=phases)
    (run,) = trial.play(stage, [arms.OFF], script, net)
    net.release()
    assert run.killed, (run.deaths, run.kills, run.peak_bytes)
    assert run.peak_bytes > 0.9 * LIMIT_BYTES
    served = [each.due_s for each in memory_measures.in_rush(run) if each.ok]
    assert max(served) > run.deaths[0].at_s, "it was started again"
