"""Budgets 5:1 under contention: does the allocation become the market's, and does it stay there?

Both services want more than the node has. What the market should give them is worked out here from their budgets and
from the demand their own sidecars told us, by bisection on the price; nothing of the coordinator's is asked.
"""

from collections.abc import Mapping, Sequence

from loadtest.bench import document
from loadtest.experiments import arms, measures, plots, tell, watch
from loadtest.experiments.play import Recording, play
from loadtest.experiments.script import Flow, Script
from loadtest.experiments.town import Service
from loadtest.scenarios import flow, verdict
from loadtest.scenarios.result import Result
from loadtest.scenarios.stage import Stage
from loadtest.scenarios.verdict import Verdict

NAME = "budgets"
TITLE = "Budgets 5:1 under contention"
CAPACITY_M = 1000
RESERVE = 0.05
"""Of the node: the coordinator's default for the system."""
CYCLE_S = 2.0
RICH, POOR = "gold", "plain"
BUDGETS = {RICH: 5, POOR: 1}
FLOOR_M = 100
COST_MS = 10.0
RATES = {RICH: 110.0, POOR: 60.0}
MOST_OFF = 0.03
MOST_DELTA = 0.02
WITHIN_CYCLES = 10


def script(*, quick: bool) -> Script:
    """What is played: ten cycles to settle, then as long again to look."""
    settle_s = WITHIN_CYCLES * CYCLE_S
    phases = flow.phases(("settling", settle_s), ("steady", settle_s if quick else 2 * settle_s))
    end_s = phases[-1].to_s
    services = [
        Service(name=name, limit_m=CAPACITY_M // 2, budget=BUDGETS[name], min_cpu_m=FLOOR_M, cost_ms=COST_MS)
        for name in BUDGETS
    ]
    flows = [Flow(name, rate, 0.0, end_s) for name, rate in RATES.items()]
    return Script(NAME, CAPACITY_M, CYCLE_S, services, flows, phases)


def planned_s(*, quick: bool) -> float:
    """Starts and all."""
    return script(quick=quick).seconds + 14.0


def run(stage: Stage) -> Result:
    """Play it once: the promise is about a level, not about luck."""
    return judged(play(stage, arms.MARKET, script(quick=stage.quick)))


def solution(capacity_m: float, bids: Mapping[str, float], floor_m: float) -> dict[str, float]:
    """x_i = floor + bid_i/λ with Σ x = capacity (game.md §9), real-valued; nobody is capped here."""
    total = sum(bids.values())
    surplus = capacity_m - floor_m * len(bids)
    return {name: floor_m + surplus * bid / total if total else floor_m for name, bid in bids.items()}


def expected(recording: Recording) -> dict[str, float]:
    """The market's answer to the mean demand of the steady phase."""
    phase = recording.script.phase("steady")
    bids = {}
    for name, budget in BUDGETS.items():
        looks = watch.of(recording.looks, name, phase.from_s, phase.to_s)
        known = [each.demand for each in looks if each.demand is not None]
        bids[name] = budget * tell.mean(known)
    return solution(CAPACITY_M * (1 - RESERVE), bids, FLOOR_M)


def judged(recording: Recording) -> Result:
    """The promises, a table, the figure."""
    wanted, phase = expected(recording), recording.script.phase("steady")
    levels = {name: measures.steps(recording, name, phase.from_s, phase.to_s) for name in BUDGETS}
    rows = [_row(recording, name, levels[name], wanted[name]) for name in BUDGETS]
    about = document.Text(
        f"A node of {CAPACITY_M}m, of which {1 - RESERVE:.0%} are handed out. Both services are asked for more than "
        f"there is ({', '.join(f'{name} {rate:.0f}/s' for name, rate in RATES.items())} of {COST_MS:.0f} ms CPU); "
        f"floors {FLOOR_M}m. Figures are of the steady phase, after {WITHIN_CYCLES} cycles."
    )
    blocks: list[document.Block] = [about, document.Table(HEAD, rows), *tell.rest([recording])]
    blocks += [plots.arm(recording), tell.phases([recording])]
    facts = {**tell.facts([recording]), "expected_m": wanted, "fairness": ratio(levels)}
    return Result(NAME, TITLE, verdicts(recording, levels, wanted), blocks, facts)


HEAD = (
    "service",
    "budget",
    "limit, mean",
    "the market's answer",
    "off by",
    "mean absolute delta",
    "throttled",
    "p95 ms",
)


def off(levels: Sequence[float], wanted_m: float) -> float:
    """How far the mean level is from what it should be."""
    return abs(tell.mean(levels) - wanted_m) / wanted_m


def ratio(levels: Mapping[str, Sequence[float]]) -> float:
    """Fairness of the surpluses to budgets: 1 is proportional."""
    means = {name: tell.mean(found) for name, found in levels.items()}
    return measures.fairness(means, BUDGETS, dict.fromkeys(BUDGETS, FLOOR_M))


def verdicts(
    recording: Recording, levels: Mapping[str, Sequence[float]], wanted: Mapping[str, float]
) -> list[Verdict]:
    """Level, stillness, and that nobody is hurt."""
    worst = max(off(levels[name], wanted[name]) for name in BUDGETS)
    moved = max(measures.mean_absolute_delta(levels[name]) for name in BUDGETS)
    given = " and ".join(f"{name} {tell.mean(levels[name]):.0f}m of {wanted[name]:.0f}m" for name in BUDGETS)
    return [
        verdict.at_most(
            "allocation against the real-valued market solution", worst, MOST_OFF, "%", note=given
        ),
        verdict.below(
            f"mean absolute delta a cycle, after {WITHIN_CYCLES} cycles",
            moved,
            MOST_DELTA,
            "%",
            note=f"fairness ratio of surpluses to budgets {ratio(levels):.2f}",
        ),
        *tell.unharmed([recording]),
    ]


def _row(recording: Recording, name: str, levels: Sequence[float], wanted_m: float) -> list[str]:
    phase = recording.script.phase("steady")
    share, held = measures.throttled(recording, name, phase)
    return [
        name,
        str(BUDGETS[name]),
        f"{tell.mean(levels):.0f}m",
        f"{wanted_m:.0f}m",
        tell.percent(off(levels, wanted_m)),
        tell.percent(measures.mean_absolute_delta(levels)),
        f"{tell.percent(share)}, {held:.2f} s/s",
        f"{measures.percentile_ms(95, measures.within(recording, name, phase)):,.0f}",
    ]
