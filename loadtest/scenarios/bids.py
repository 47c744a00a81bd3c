"""Budgets and bids: a Fisher market shares the capacity, an auction sells what is left of it.

First two callers whose budgets are 3:1, each asking for twice the capacity. Then two of equal budgets, one of which
bids higher for spare slots: shown, not judged.
"""

import math
from collections.abc import Sequence

from loadtest.bench import document
from loadtest.scenarios import arms, measures, play, plots, tell, verdict
from loadtest.scenarios.flow import Flow, Script, phases
from loadtest.scenarios.pod import Caller
from loadtest.scenarios.result import Result
from loadtest.scenarios.stage import Stage
from loadtest.scenarios.verdict import Verdict

NAME = "bids"
TITLE = "Budgets and bids"
RICH, POOR, HIGH, LOW = "budget 3", "budget 1", "bids 5", "bids nothing"
BUDGETS = {RICH: 3.0, POOR: 1.0, HIGH: 1.0, LOW: 1.0}
EXCESS = 2.0

PANELS = (
    plots.Lines("price of the last auction", [plots.Series("price", "equilibrium_auction_price")]),
    plots.Lines("queue fill", [plots.Series("queue fill", "equilibrium_queue_fill")]),
)


def run(stage: Stage) -> Result:
    """Play both arms."""
    capacity = stage.capacity()
    with stage.nets(1) as (net,):
        script = written(capacity, net.prefix, quick=stage.quick)
        recordings = [play.play(stage, arm, script, net) for arm in arms.in_turn(2)]
    return judged(recordings)


def written(capacity: float, prefix: str, *, quick: bool) -> Script:
    """What is sent when."""
    seconds, pause_s = (8.0, 2.0) if quick else (15.0, 2.0)
    found = phases(("budgets", seconds), ("pause", pause_s), ("bids", seconds))
    sources = {name: f"{prefix}.{number}" for number, name in enumerate(BUDGETS, 21)}
    flows = []
    for phase, names in ((found[0], (RICH, POOR)), (found[2], (HIGH, LOW))):
        for name in names:
            headers = ("X-GT-Bid: 5",) if name == HIGH else ()
            flows.append(
                Flow(name, EXCESS * capacity, phase.from_s, phase.to_s, (sources[name],), headers=headers)
            )
    callers = [Caller(f"default/{name.replace(' ', '-')}", ip, BUDGETS[name]) for name, ip in sources.items()]
    return Script(NAME, callers, flows, found)


def judged(recordings: Sequence[play.Recording]) -> Result:
    """The promises are about the arm with Equilibrium."""
    on = next(each for each in recordings if each.arm is arms.ON)
    about = document.Text(
        "Both callers of a phase ask for twice the capacity. Round robin serves whoever comes: budgets do not matter."
    )
    blocks = [about, document.Bullets(_shared(recordings)), *tell.blocks(recordings, PANELS)]
    return Result(NAME, TITLE, verdicts(on), blocks, tell.facts(recordings))


def _shared(recordings: Sequence[play.Recording]) -> list[str]:
    told = []
    for each in recordings:
        for phase, names in (("budgets", (RICH, POOR)), ("bids", (HIGH, LOW))):
            one, other = (_served(each, phase, name) for name in names)
            ratio = f"{one / other:.2f}:1" if other else "the other got nothing"
            told.append(f"{each.arm.title}: “{names[0]}” {one:.0f}/s, “{names[1]}” {other:.0f}/s, {ratio}.")
    return told


def _served(recording: play.Recording, phase: str, name: str) -> float:
    from_s, to_s = _window(recording, phase)
    return measures.served_per_s(measures.of(recording, [name], from_s, to_s), to_s - from_s)


def _window(recording: play.Recording, phase: str) -> tuple[float, float]:
    """Without the first seconds, in which nobody knows yet who asks for how much."""
    played = recording.script.phase(phase)
    return played.from_s + min(measures.SETTLED_S, played.seconds / 4), played.to_s


def verdicts(on: play.Recording) -> list[Verdict]:
    """The ratio, and that nobody starves."""
    rich, poor = _served(on, "budgets", RICH), _served(on, "budgets", POOR)
    rates = f"{verdict.figure(rich, '/s')} and {verdict.figure(poor, '/s')}"
    ratio = rich / poor if poor else math.nan
    from_s, to_s = _window(on, "budgets")
    least = min(
        measures.least_served(measures.of(on, [name], from_s, to_s), from_s, to_s) for name in (RICH, POOR)
    )
    return [
        verdict.within("admitted, budget 3 to budget 1", ratio, 3.0, 0.1, note=rates),
        verdict.at_least("served in anybody's worst second", least, 1.0),
    ]
