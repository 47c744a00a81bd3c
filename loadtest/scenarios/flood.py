"""One caller floods: the repeated game makes it pay, and nobody else.

Three callers of equal budget; two ask for half their share of the capacity, `ticket-service` for five times its
own while the flood lasts. On: the police throttles it to its punishment level until it stops (game.md: folk theorem).
"""

import math
from collections.abc import Sequence

from loadtest.bench import document
from loadtest.scenarios import arms, exposition, measures, play, plots, tell, verdict
from loadtest.scenarios.flow import Flow, Phase, Script, phases
from loadtest.scenarios.pod import Caller
from loadtest.scenarios.result import Result
from loadtest.scenarios.stage import Stage
from loadtest.scenarios.verdict import Verdict

NAME = "flood"
TITLE = "One caller floods"
GOOD = ("gateway", "trajet-service")
FLOODER = "ticket-service"
EXCESS = 5.0
MODEST = 0.5
BACK_S = 15.0

PANELS = (
    plots.Lines(
        f"{FLOODER}: punishment level, requests/s",
        [plots.Series("level", "equilibrium_punishment_level", {"caller": f"default/{FLOODER}"})],
    ),
    plots.Lines(
        f"{FLOODER}: punished",
        [plots.Series("punished", "equilibrium_punishment_active", {"caller": f"default/{FLOODER}"})],
        {"range": [0, 1.05]},
    ),
    plots.Lines(
        "reputation",
        [
            plots.Series(name, "equilibrium_reputation_score", {"caller": f"default/{name}"})
            for name in (*GOOD, FLOODER)
        ],
        {"range": [0, 1.05]},
    ),
)


def run(stage: Stage) -> Result:
    """Play both arms."""
    capacity = stage.capacity()
    with stage.nets(1) as (net,):
        script = written(capacity, net.prefix, quick=stage.quick)
        recordings = [play.play(stage, arm, script, net) for arm in arms.in_turn(0)]
    return judged(recordings)


def written(capacity: float, prefix: str, *, quick: bool) -> Script:
    """What is sent when, from addresses that begin with `prefix`."""
    share = capacity / (len(GOOD) + 1)
    lengths = (6.0, 16.0, 18.0) if quick else (12.0, 30.0, 25.0)
    names = ("calm", "flood", "after")
    calm, flood, after = found = phases(*zip(names, lengths, strict=True), trouble=["flood"])
    sources = {name: (f"{prefix}.{number}",) for number, name in enumerate((*GOOD, FLOODER), 21)}
    flows = [Flow(name, MODEST * share, 0.0, after.to_s, sources[name]) for name in GOOD]
    for phase, part in ((calm, MODEST), (flood, EXCESS), (after, MODEST)):
        flows.append(Flow(FLOODER, part * share, phase.from_s, phase.to_s, sources[FLOODER]))
    callers = [Caller(f"default/{name}", source) for name, (source,) in sources.items()]
    return Script(NAME, callers, flows, found)


def judged(recordings: Sequence[play.Recording]) -> Result:
    """The promises are about the arm with Equilibrium."""
    on = next(each for each in recordings if each.arm is arms.ON)
    about = document.Text(
        f"{' and '.join(GOOD)} ask for half their share all the time; {FLOODER} does so in the calm, then for five"
        " times its share, then for half again."
    )
    return Result(
        NAME, TITLE, verdicts(on), [about, *tell.blocks(recordings, PANELS)], tell.facts(recordings)
    )


def verdicts(on: play.Recording) -> list[Verdict]:
    """Latency and refusals of the good, the punishment and its end."""
    calm, flood = on.script.phase("calm"), on.script.phase("flood")
    before = measures.of(on, GOOD, min(measures.SETTLED_S, calm.to_s / 2), calm.to_s)
    during = measures.of(on, GOOD, flood.from_s, flood.to_s)
    p99_ms, calm_ms = measures.p99_ms(during), measures.p99_ms(before)
    times = f"{verdict.figure(p99_ms, 'ms')} against {verdict.figure(calm_ms, 'ms')}"
    return [
        verdict.at_most("the others' p99, against the calm", p99_ms / calm_ms, 1.5, "×", note=times),
        verdict.below("the others' requests refused or lost", measures.failed(during), 0.01, "%"),
        _level(on, flood),
        _back(on, flood),
    ]


def _level(on: play.Recording, flood: Phase) -> Verdict:
    """In the second half of the flood: by then it has been noticed. The level counts while it is in force."""
    from_s, caller = flood.to_s - flood.seconds / 2, f"default/{FLOODER}"
    readings = exposition.between(on.readings, from_s, flood.to_s)
    punished = [each for each in readings if each.get("equilibrium_punishment_active", caller=caller)]
    level = exposition.mean(punished, "equilibrium_punishment_level", caller=caller)
    served = measures.served_per_s(measures.of(on, [FLOODER], from_s, flood.to_s), flood.to_s - from_s)
    note = f"{verdict.figure(served, '/s')} of {verdict.figure(level, '/s')}"
    note += f", punished in {len(punished)} of {len(readings)} readings"
    claim = f"the flooder's admitted rate over its punishment level, last {flood.to_s - from_s:.0f} s"
    return verdict.within(claim, served / level if level else math.nan, 1.0, 0.1, "×", note=note)


def _back(on: play.Recording, flood: Phase) -> Verdict:
    """Its last request that was not served, after it has stopped; never when none was served any more."""
    samples = measures.of(on, [FLOODER], flood.to_s, on.script.seconds)
    last_s = measures.last_refusal_s(samples) - flood.to_s
    value = math.inf if not samples or not samples[-1].ok else max(0.0, last_s)
    return verdict.at_most("the flooder is served again, after its last defection", value, BACK_S, "s")
