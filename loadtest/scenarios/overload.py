"""Everybody asks for more than there is: what cannot be served is refused at once, what is admitted is served in time.

Four callers of equal budget ask for three times the capacity. Off: the queue in the application grows without end,
clients give up, and the workers go on with requests nobody waits for.
"""

from collections.abc import Sequence

from loadtest.bench import document
from loadtest.scenarios import arms, measures, play, plots, tell, verdict
from loadtest.scenarios.flow import PATIENCE_S, Flow, Script, phases
from loadtest.scenarios.pod import Caller
from loadtest.scenarios.result import Result
from loadtest.scenarios.stage import Stage
from loadtest.scenarios.verdict import Verdict

NAME = "overload"
TITLE = "Three times the capacity"
CALLERS = ("gateway", "trajet-service", "user-service", "ticket-service")
CALM, EXCESS = 0.5, 3.0

PANELS = (
    plots.Lines(
        "queue fill, RED's probability",
        [
            plots.Series("queue fill", "equilibrium_queue_fill"),
            plots.Series("RED", "equilibrium_red_drop_probability"),
        ],
    ),
    plots.Lines("concurrency limit", [plots.Series("limit", "equilibrium_concurrency_limit")]),
)


def run(stage: Stage) -> Result:
    """Play both arms."""
    capacity = stage.capacity()
    with stage.nets(1) as (net,):
        script = written(capacity, net.prefix, quick=stage.quick)
        recordings = [play.play(stage, arm, script, net) for arm in arms.in_turn(1)]
    return judged(recordings, capacity)


def written(capacity: float, prefix: str, *, quick: bool) -> Script:
    """What is sent when."""
    calm_s, trouble_s = (6.0, 20.0) if quick else (12.0, 60.0)
    found = phases(("calm", calm_s), ("overload", trouble_s), trouble=["overload"])
    part = capacity / len(CALLERS)
    flows = [
        Flow(name, times * part, phase.from_s, phase.to_s, (f"{prefix}.{number}",))
        for phase, times in zip(found, (CALM, EXCESS), strict=True)
        for number, name in enumerate(CALLERS, 21)
    ]
    callers = [Caller(f"default/{name}", f"{prefix}.{number}") for number, name in enumerate(CALLERS, 21)]
    return Script(NAME, callers, flows, found)


def judged(recordings: Sequence[play.Recording], capacity: float) -> Result:
    """The promises are about the arm with Equilibrium; the capacity is the application's own."""
    on = next(each for each in recordings if each.arm is arms.ON)
    about = document.Text(
        f"The application alone answers {capacity:.0f}/s. {len(CALLERS)} callers of equal budget ask for half of that,"
        f" then for three times as much. Clients give up after {PATIENCE_S:g} s; an answer after that is no use."
    )
    facts = {"capacity_per_s": capacity, **tell.facts(recordings)}
    blocks = [about, document.Bullets(_goodput(recordings, capacity)), *tell.blocks(recordings, PANELS)]
    return Result(NAME, TITLE, verdicts(on, capacity), blocks, facts)


def _goodput(recordings: Sequence[play.Recording], capacity: float) -> list[str]:
    told = []
    for each in recordings:
        trouble = each.script.phase("overload")
        samples = measures.of(each, CALLERS, trouble.from_s, trouble.to_s)
        served = measures.served_per_s(samples, trouble.seconds)
        told.append(
            f"{each.arm.title}: goodput {served:.0f}/s, {served / capacity:.0%} of what can be served."
        )
    return told


def verdicts(on: play.Recording, capacity: float) -> list[Verdict]:
    """Goodput, the tail of what was admitted, how soon the others were told."""
    calm, trouble = on.script.phases
    before = measures.of(on, CALLERS, min(measures.SETTLED_S, calm.to_s / 2), calm.to_s)
    during = measures.of(on, CALLERS, trouble.from_s, trouble.to_s)
    served = measures.served_per_s(during, trouble.seconds)
    p99_ms, calm_ms = measures.admitted_p99_ms(during), measures.admitted_p99_ms(before)
    rates = f"{verdict.figure(served, '/s')} of {verdict.figure(capacity, '/s')}"
    times = f"{verdict.figure(p99_ms, 'ms')} against {verdict.figure(calm_ms, 'ms')}"
    return [
        verdict.at_least("goodput, of the capacity", served / capacity, 0.9, "%", note=rates),
        verdict.at_most("p99 of what was admitted, against the calm", p99_ms / calm_ms, 3.0, "×", note=times),
        verdict.below("refusals are answered within, p99", measures.refusal_p99_ms(during), 10.0, "ms"),
    ]
