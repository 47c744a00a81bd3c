"""A spike on one of two services: how soon it gets the CPU it needs, and how much of it too much.

Three arms on the same node: limits as somebody once guessed them (half the node each), a horizontal autoscaler that
adds pods a quarter of the node in size, and the market. What is needed is what the spike costs: requests a second
times the CPU one took, measured where enough was had.
"""

from collections.abc import Sequence

from loadtest import figures
from loadtest.bench import document
from loadtest.experiments import arms, measures, plots, tell
from loadtest.experiments.arms import Arm
from loadtest.experiments.play import Recording, play
from loadtest.experiments.script import Flow, Script
from loadtest.experiments.town import Service
from loadtest.scenarios import flow, verdict
from loadtest.scenarios.result import Result
from loadtest.scenarios.stage import Stage
from loadtest.scenarios.verdict import Verdict

NAME = "spike"
TITLE = "A spike: market, static limits, horizontal autoscaling"
CAPACITY_M = 900
CYCLE_S = 2.0
CALM_RATE, SPIKE_RATE, OTHER_RATE = 15.0, 60.0, 12.0
COST_MS = 10.0
FLOOR_M = 180
"""Their `min-cpu`: what either needs in the calm. The market guarantees nobody more than that."""
HIT, OTHER = "bus", "ticket"
MOST_CYCLES = 3.0
MOST_OVERSHOOT = 1.3
ARMS = (arms.STATIC, arms.HORIZONTAL, arms.MARKET)


def script(arm: Arm, *, quick: bool) -> Script:
    """What is played; the autoscaler's pods are half as large, since it changes their number."""
    calm_s, spike_s = (8.0, 14.0) if quick else (12.0, 24.0)
    size_m = CAPACITY_M // 4 if arm.kind == "horizontal" else CAPACITY_M // 2
    phases = flow.phases(("calm", calm_s), ("spike", spike_s), ("after", 6.0), trouble=("spike",))
    end_s = phases[-1].to_s
    flows = [
        Flow(HIT, CALM_RATE, 0.0, end_s),
        Flow(HIT, SPIKE_RATE - CALM_RATE, calm_s, calm_s + spike_s),
        Flow(OTHER, OTHER_RATE, 0.0, end_s),
    ]
    services = [
        Service(name=name, limit_m=size_m, min_cpu_m=FLOOR_M, cost_ms=COST_MS) for name in (HIT, OTHER)
    ]
    return Script(NAME, CAPACITY_M, CYCLE_S, services, flows, phases)


def planned_s(*, quick: bool) -> float:
    """All arms, starts and all."""
    return turns(quick=quick) * sum(script(arm, quick=quick).seconds + 16.0 for arm in ARMS)


def turns(*, quick: bool) -> int:
    """Repetitions of every arm."""
    return 1 if quick else 2


def run(stage: Stage) -> Result:
    """Play all arms, in another order each time."""
    played = [
        play(stage, arm, script(arm, quick=stage.quick))
        for turn in range(turns(quick=stage.quick))
        for arm in figures.rotated(ARMS, turn)
    ]
    return judged(played)


def judged(played: Sequence[Recording]) -> Result:
    """The promises, a table, every arm's figure."""
    markets = [each for each in played if each.arm == arms.MARKET]
    need_m = needed_m(markets)
    rows = [_row(each, need_m) for each in played]
    blocks: list[document.Block] = [
        document.Text(about(need_m)),
        document.Table(HEAD, rows),
        *tell.rest(played),
    ]
    blocks += [plots.arm(each) for each in played[: len(ARMS)]]
    blocks.append(tell.phases(played))
    return Result(NAME, TITLE, verdicts(played, need_m), blocks, tell.facts(played))


HEAD = (
    "arm",
    "p95 ms, whole spike",
    "second half",
    "failed",
    "90 % of the need after",
    "largest limit / need",
    "throttled",
)


def about(need_m: float) -> str:
    """What was played, in words."""
    return (
        f"Two services on a node of {CAPACITY_M}m. {HIT} is asked {CALM_RATE:.0f}/s, in the spike {SPIKE_RATE:.0f}/s, "
        f"of {COST_MS:.0f} ms CPU each: with what answering costs besides, {need_m:.0f}m. {OTHER} is asked "
        f"{OTHER_RATE:.0f}/s throughout; `min-cpu` is {FLOOR_M}m for both. "
        f"A cycle, or the autoscaler's period, of {CYCLE_S:.0f} s stands for 15 s."
    )


def needed_m(markets: Sequence[Recording]) -> float:
    """Millicores the spike needs: its rate times what a request took, the median of the market's arms."""
    costs = figures.spread([measures.cost_s(each, HIT) for each in markets])
    return float("nan") if costs is None else 1000 * SPIKE_RATE * costs.median


def latency_ms(recording: Recording, *, settled: bool = True) -> float:
    """p95 of the spike's second half, when an arm has done what it can; or of all of it."""
    spike = recording.script.phase("spike")
    after_s = spike.seconds / 2 if settled else 0.0
    return measures.percentile_ms(95, measures.within(recording, HIT, spike, after_s))


def failed(recording: Recording) -> float:
    """Share of all the spike's requests."""
    return tell.failed(measures.within(recording, HIT, recording.script.phase("spike")))


def cycles(recording: Recording, need_m: float) -> float:
    """From when demand shows to 90 % of the need, in cycles."""
    spike = recording.script.phase("spike")
    shows_s = measures.shows_s([each for each in recording.looks if each.service == HIT], spike)
    points = measures.limit_at(recording, HIT, spike.from_s, spike.to_s)
    return measures.reached_s(points, need_m, shows_s) / CYCLE_S


def from_start_s(recording: Recording, need_m: float) -> float:
    """From the spike's first request to 90 % of the need."""
    spike = recording.script.phase("spike")
    points = measures.limit_at(recording, HIT, spike.from_s, spike.to_s)
    return measures.reached_s(points, need_m, spike.from_s)


def overshoot(recording: Recording, need_m: float) -> float:
    """The largest limit in the spike over the need."""
    spike = recording.script.phase("spike")
    return measures.overshoot(measures.limit_at(recording, HIT, spike.from_s, spike.to_s), need_m)


def verdicts(played: Sequence[Recording], need_m: float) -> list[Verdict]:
    """Of the market; the worst repetition has to keep them, latency the median."""
    markets = [each for each in played if each.arm == arms.MARKET]
    slowest = max((cycles(each, need_m) for each in markets), default=float("nan"))
    highest = max((overshoot(each, need_m) for each in markets), default=float("nan"))
    seconds = ", ".join(f"{from_start_s(each, need_m):.1f}" for each in markets)
    note = f"from the first request of the spike: {seconds} s"
    return [
        verdict.at_most(
            "cycles from when demand shows to 90 % of the needed CPU", slowest, MOST_CYCLES, note=note
        ),
        verdict.at_most("largest limit, of the need", highest, MOST_OVERSHOOT, "×"),
        *[each for arm in (arms.STATIC, arms.HORIZONTAL) for each in _against(played, arm)],
        *tell.unharmed(played),
    ]


def _against(played: Sequence[Recording], arm: Arm) -> list[Verdict]:
    """What the market is worth, medians of the repetitions."""
    ours, theirs = ([each for each in played if each.arm == one] for one in (arms.MARKET, arm))
    p95 = [tell.median([latency_ms(each) for each in found]) for found in (ours, theirs)]
    lost = [tell.median([failed(each) for each in found]) for found in (ours, theirs)]
    return [
        verdict.below(
            f"p95 in the second half of the spike, against {arm.title}",
            p95[0] / p95[1],
            1.0,
            "×",
            note=f"{p95[0]:.0f} ms against {p95[1]:.0f} ms",
        ),
        verdict.below(f"requests of the spike that failed, against {arm.title}", lost[0], lost[1], "%"),
    ]


def _row(recording: Recording, need_m: float) -> list[str]:
    spike = recording.script.phase("spike")
    share, held = measures.throttled(recording, HIT, spike)
    return [
        recording.arm.title,
        f"{latency_ms(recording, settled=False):,.0f}",
        f"{latency_ms(recording):,.0f}",
        tell.percent(failed(recording)),
        tell.seconds(from_start_s(recording, need_m)),
        f"{overshoot(recording, need_m):.2f}",
        f"{tell.percent(share)}, {held:.2f} s/s",
    ]
