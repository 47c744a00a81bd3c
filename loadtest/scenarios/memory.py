"""Load drives an application's memory over its limit: the kernel kills it, unless the sidecar bends first.

Callers join one after the other; with all of them the application would need half more than it has. All arms play at
the same time: the sidecar told where the application's memory is to be read (game.md: AIMD governor), the same sidecar
not told, and no policing at all; the first and the last once more before an application that keeps as much but answers
fast. Application and sidecar have a memory group each: neither can see the other's.
"""

from collections.abc import Sequence

from loadtest import figures
from loadtest.bench import document
from loadtest.scenarios import cgroups, memory_measures, memory_script, plots, tell, tenant, trial, verdict
from loadtest.scenarios.arms import Arm
from loadtest.scenarios.hoarder import MIB
from loadtest.scenarios.memory_script import ARMS, LIMIT_BYTES
from loadtest.scenarios.result import Result
from loadtest.scenarios.stage import Stage
from loadtest.scenarios.trial import Run
from loadtest.scenarios.verdict import Verdict

NAME = memory_script.NAME
TITLE = "Memory runs out"
TRIALS, QUICK_TRIALS = 5, 1
AFTER_S, LONG_AFTER_S = 3.0, 45.0
"""The first trial waits until the governor is back at work as usual."""
HEAD = (
    "arm",
    "survived",
    "kills by the kernel",
    "first, s into the rush",
    "peak use",
    "served in the rush",
    "lost",
    "dark seconds",
    "lowest scale",
    "back at scale 1",
)
PANELS = (
    plots.Lines(
        "memory of the application, of its limit; the governor's scale",
        [plots.Series("memory", tenant.USED), plots.Series("scale", tenant.SCALE)],
        {"range": [0, 1.05], "tickformat": ".0%"},
    ),
)


def run(stage: Stage) -> Result:
    """Play every trial; skipped where this machine gives us no memory groups."""
    if (why := cgroups.missing()) is not None:
        return Result(NAME, TITLE, skipped=why)
    trials = []
    for number in range(round(stage.seconds(TRIALS, QUICK_TRIALS))):
        with stage.nets(1) as (net,):
            script = memory_script.written(net.prefix, LONG_AFTER_S if number == 0 else AFTER_S)
            trials.append(trial.play(stage, figures.rotated(ARMS, number), script, net))
    return judged(trials)


def judged(trials: Sequence[Sequence[Run]]) -> Result:
    """The promise is about all trials; the figures show the first."""
    about = document.Text(
        f"An application with {LIMIT_BYTES // MIB} MiB, {memory_script.CALLERS} callers of"
        f" {memory_script.rate():.0f}/s that join every {memory_script.JOIN_EVERY_S:.0f} s: together they need"
        f" {memory_script.EXCESS:g} × what it has for them. {len(trials)} trials;"
        " killed, it is started again at once, then after 10 s, 20 s, as kubelet would. Lost: not served, refusals"
        " included."
    )
    table = document.Table(HEAD, [row(arm, of(trials, arm)) for arm in ARMS])
    first = [of(trials[:1], arm)[0].recording for arm in ARMS]
    blocks: list[document.Block] = [about, table, *tell.blocks(first, PANELS)]
    facts = {"trials": [[memory_measures.facts(each) for each in runs] for runs in trials]}
    return Result(NAME, TITLE, verdicts(trials), blocks, facts)


def of(trials: Sequence[Sequence[Run]], arm: Arm) -> list[Run]:
    """One arm's, trial by trial."""
    return [each for runs in trials for each in runs if each.arm is arm]


def verdicts(trials: Sequence[Sequence[Run]]) -> list[Verdict]:
    """It survives what kills it otherwise; a trial that does not kill it proves nothing."""
    found, every = [], len(trials)
    for on, off in memory_script.PAIRS:
        killed, survived = (
            sum(each.killed for each in of(trials, off)),
            sum(each.survived for each in of(trials, on)),
        )
        found.append(
            _all(f"{off.title}: killed by the kernel (exit status −9, the group's counter)", killed, every)
        )
        found.append(_all(f"{on.title}: the application survives the same run", survived, every))
    return found


def _all(claim: str, count: int, every: int) -> Verdict:
    return Verdict(claim, f"{every} of {every}", f"{count} of {every}", every > 0 and count == every)


def row(arm: Arm, runs: Sequence[Run]) -> list[str]:
    """One arm over all trials: medians and extremes."""
    return [
        arm.title,
        f"{sum(each.survived for each in runs)} of {len(runs)}",
        str(sum(each.kills for each in runs)),
        _spread([memory_measures.first_kill_s(each) for each in runs], " s"),
        _spread([100 * each.peak_bytes / LIMIT_BYTES for each in runs], " %", 0),
        _spread([memory_measures.served_per_s(each) for each in runs], "/s", 0),
        _spread([100 * memory_measures.lost(each) for each in runs], " %", 0),
        _spread([float(memory_measures.dark_s(each)) for each in runs], " s", 0),
        _spread([memory_measures.lowest_scale(each) for each in runs], "", 2),
        _back([memory_measures.recovery_s(each) for each in runs[:1]]),
    ]


def _spread(values: Sequence[float | None], unit: str, digits: int = 1) -> str:
    found = figures.spread(values)
    return "–" if found is None else f"{found.text(digits)}{unit}"


def _back(waited: Sequence[float | None]) -> str:
    """Of the trial that waited for it."""
    known = [value for value in waited if value is not None]
    return verdict.figure(known[0], "s") if known else "–"
