"""An attacker who is a new somebody with every request: a zero-sum game between it and the door.

Honest callers the mesh knows and honest clients it does not (each in a /24 of its own) ask for half the capacity; an
attacker asks for three times the capacity from the addresses of one /24, with a new name and a new path each time.
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
from sidecar.policy.measures import ADMIT, MEASURES

NAME = "adversary"
TITLE = "An attacker rotates identities and paths"
KNOWN = ("gateway", "trajet-service")
CLIENTS = 4
KNOWN_FLOW, UNPROVEN_FLOW, ATTACK = "known callers", "unproven clients", "attacker"
HONEST = (KNOWN_FLOW, UNPROVEN_FLOW)
HONEST_LOAD, EXCESS = 0.5, 3.0
IDENTITIES = 250
PROBABILITY = "equilibrium_defense_probability"

PANELS = (
    plots.Lines(
        "the defence: probability of each measure",
        [plots.Series(name, PROBABILITY, {"measure": name}) for name in MEASURES],
        {"range": [0, 1.05]},
    ),
    plots.Lines("exploitability", [plots.Series("exploitability", "equilibrium_exploitability")]),
)


def run(stage: Stage) -> Result:
    """Play both arms."""
    capacity = stage.capacity()
    with stage.nets(2 + CLIENTS) as nets:
        script = written(capacity, [net.prefix for net in nets], quick=stage.quick)
        recordings = [play.play(stage, arm, script, nets[0]) for arm in arms.in_turn(3)]
    return judged(recordings)


def written(capacity: float, prefixes: Sequence[str], *, quick: bool) -> Script:
    """What is sent when: the first net is the pod's and the known callers', the second the attacker's."""
    lengths = (6.0, 18.0, 6.0) if quick else (8.0, 30.0, 8.0)
    names = ("calm", "attack", "after")
    found = phases(*zip(names, lengths, strict=True), trouble=["attack"])
    home, hostile, *others = prefixes
    end_s, half = found[-1].to_s, HONEST_LOAD * capacity / 2
    known = [(name, f"{home}.{number}") for number, name in enumerate(KNOWN, 21)]
    honest = [(KNOWN_FLOW, ip, half / len(known)) for _, ip in known]
    honest += [(UNPROVEN_FLOW, f"{prefix}.7", half / len(others)) for prefix in others]
    flows = [
        Flow(name, rate, 0.0, end_s, (ip,), path=f"/api/lines/{n}")
        for n, (name, ip, rate) in enumerate(honest)
    ]
    attack = Flow(
        ATTACK,
        EXCESS * capacity,
        found[1].from_s,
        found[1].to_s,
        tuple(f"{hostile}.{number}" for number in range(2, 2 + IDENTITIES)),
        path="/search/{n}",
        headers=("X-GT-Caller: default/bot-{n}",),
    )
    callers = [Caller(f"default/{name}", ip) for name, ip in known]
    return Script(NAME, callers, [*flows, attack], found)


def judged(recordings: Sequence[play.Recording]) -> Result:
    """The promises are about the arm with Equilibrium."""
    on = next(each for each in recordings if each.arm is arms.ON)
    about = document.Text(
        f"{len(KNOWN)} known callers and {CLIENTS} unproven clients ask for half the capacity together; the attacker"
        f" has {IDENTITIES} addresses of one /24, and a new X-GT-Caller and a new path with every request."
    )
    blocks = [about, *tell.blocks(recordings, PANELS)]
    return Result(NAME, TITLE, verdicts(on), blocks, tell.facts(recordings))


def verdicts(on: play.Recording) -> list[Verdict]:
    """The honest are served; the defence cannot be gamed by much."""
    attack = on.script.phase("attack")
    honest = measures.of(on, HONEST, attack.from_s, attack.to_s)
    each = ", ".join(f"{name} {verdict.figure(_success(on, attack, name), '%')}" for name in HONEST)
    success = 1.0 - measures.failed(honest)
    return [
        verdict.at_least("honest requests served, whole attack", success, 0.95, "%", note=each),
        _exploitability(on, attack),
    ]


def _success(on: play.Recording, phase: Phase, name: str) -> float:
    return 1.0 - measures.failed(measures.of(on, [name], phase.from_s, phase.to_s))


def _exploitability(on: play.Recording, attack: Phase) -> Verdict:
    """A defence that did nothing all the time has shown nothing: no figure."""
    readings = exposition.between(on.readings, attack.from_s, attack.to_s)
    active = [each for each in readings if defended(each)]
    said = exposition.values(active, "equilibrium_exploitability")
    worst = max(said, default=math.nan)
    note = f"worst of {len(said)} readings with a defence, of {len(readings)}"
    return verdict.at_most("exploitability, of the payoff range", worst, 0.05, note=note)


def defended(reading: exposition.Reading) -> bool:
    """Whether the mix was more than letting everybody in."""
    mix = reading.by(PROBABILITY, "measure")
    return sum(share for measure, share in mix.items() if measure != ADMIT) > 0.01
