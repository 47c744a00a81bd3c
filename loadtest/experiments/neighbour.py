"""A noisy neighbour: one service that matters, one that takes all it can get, on one node.

A calm first: sidecars learn there what their application's latency is when it has enough. Static limits give each half
of the node, and when it gets busy the one that matters needs a little more; the market knows its budget.
Arms are compared within a repetition; the same arm played twice (A/A) says how much of a ratio is luck.
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

NAME = "neighbour"
TITLE = "A noisy neighbour on one node"
CAPACITY_M = 900
CYCLE_S = 2.0
DEAR, NOISY = "checkout", "report"
DEAR_BUDGET = 5
COST_MS = 10.0
DEAR_RATE, NOISY_RATE = 50.0, 80.0
DEAR_CALM, NOISY_CALM = 20.0, 8.0
DEAR_FLOOR_M = 260
"""Its `min-cpu`: what it needs in the calm, and a little."""
SETTLE_S = 10.0
"""Left out: cycles in which the market finds its level."""
MOST_RATIO = 0.7
ARMS = (arms.STATIC, arms.MARKET)


def script(*, quick: bool) -> Script:
    """What both arms play."""
    noise_s = SETTLE_S + (10.0 if quick else 15.0)
    phases = flow.phases(("calm", 8.0), ("noise", noise_s), trouble=("noise",))
    calm_s, end_s = phases[0].to_s, phases[-1].to_s
    services = [
        Service(
            name=DEAR, limit_m=CAPACITY_M // 2, budget=DEAR_BUDGET, min_cpu_m=DEAR_FLOOR_M, cost_ms=COST_MS
        ),
        Service(name=NOISY, limit_m=CAPACITY_M // 2, cost_ms=COST_MS),
    ]
    flows = [
        Flow(DEAR, DEAR_CALM, 0.0, end_s),
        Flow(NOISY, NOISY_CALM, 0.0, end_s),
        Flow(DEAR, DEAR_RATE - DEAR_CALM, calm_s, end_s),
        Flow(NOISY, NOISY_RATE - NOISY_CALM, calm_s, end_s),
    ]
    return Script(NAME, CAPACITY_M, CYCLE_S, services, flows, phases)


def order(*, quick: bool) -> list[Arm]:
    """Every repetition begins with the other arm; static limits once more at the end, for the A/A."""
    turns = 1 if quick else 2
    return [arm for turn in range(turns) for arm in figures.rotated(ARMS, turn)] + [arms.STATIC]


def planned_s(*, quick: bool) -> float:
    """Starts and all."""
    return len(order(quick=quick)) * (script(quick=quick).seconds + 14.0)


def run(stage: Stage) -> Result:
    """Play all."""
    made = script(quick=stage.quick)
    return judged([play(stage, arm, made) for arm in order(quick=stage.quick)])


def p95_ms(recording: Recording, service: str = DEAR) -> float:
    """Once things have settled."""
    phase = recording.script.phase("noise")
    return measures.percentile_ms(95, measures.within(recording, service, phase, SETTLE_S))


def judged(played: Sequence[Recording]) -> Result:
    """The promises, a table, a figure an arm."""
    about = document.Text(
        f"A node of {CAPACITY_M}m. After a calm, {DEAR} (budget {DEAR_BUDGET}, min-cpu {DEAR_FLOOR_M}m) is asked "
        f"{DEAR_RATE:.0f}/s of {COST_MS:.0f} ms CPU, somewhat more than half the node; {NOISY} (budget 1) "
        f"{NOISY_RATE:.0f}/s, more than it can ever have. The first {SETTLE_S:.0f} s of the noise do not count."
    )
    blocks: list[document.Block] = [about, document.Table(HEAD, [_row(each) for each in played])]
    blocks += tell.rest(played)
    blocks += [plots.arm(each) for each in played[: len(ARMS)]]
    blocks.append(tell.phases(played))
    return Result(NAME, TITLE, verdicts(played), blocks, tell.facts(played))


HEAD = (
    "arm",
    f"{DEAR} p95 ms",
    "failed",
    "throttled",
    f"{NOISY} p95 ms",
    "failed",
    f"limits {DEAR} / {NOISY}",
)


def verdicts(played: Sequence[Recording]) -> list[Verdict]:
    """The market's p95 against static limits', each repetition by itself, the median of them."""
    static, market = ([p95_ms(each) for each in played if each.arm == arm] for arm in ARMS)
    pairs = [with_ / without for with_, without in zip(market, static, strict=False)]
    shown = ", ".join(f"{each:.2f}" for each in pairs)
    again = static[-1] / tell.median(static[:-1])
    return [
        verdict.at_most(
            f"p95 of {DEAR}, against static limits",
            tell.median(pairs),
            MOST_RATIO,
            "×",
            note=f"{tell.median(market):.0f} ms against {tell.median(static):.0f} ms; each {shown}; A/A {again:.2f}",
        ),
        *tell.unharmed(played),
    ]


def _row(recording: Recording) -> list[str]:
    phase = recording.script.phase("noise")
    share, held = measures.throttled(recording, DEAR, phase)
    failed = [
        tell.percent(tell.failed(measures.within(recording, name, phase, SETTLE_S))) for name in (DEAR, NOISY)
    ]
    levels = [
        tell.mean(measures.steps(recording, n, phase.from_s + SETTLE_S, phase.to_s)) for n in (DEAR, NOISY)
    ]
    return [
        recording.arm.title,
        f"{p95_ms(recording):,.0f}",
        failed[0],
        f"{tell.percent(share)}, {held:.2f} s/s",
        f"{p95_ms(recording, NOISY):,.0f}",
        failed[1],
        f"{levels[0]:.0f}m / {levels[1]:.0f}m",
    ]
