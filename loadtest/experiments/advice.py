"""Advice on and off: the same eight gateways, pods and load, with a coordinator that advises and without one.

The total cost is what all requests took together, failed ones as long as their client's patience. On and off take turns
inside a repetition and are compared there; off twice in a row (A/A) says how much of a ratio is luck.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from loadtest import figures, load
from loadtest.bench import document
from loadtest.experiments import gateways, tell
from loadtest.experiments.gateways import Gateways
from loadtest.mesh.node import node
from loadtest.scenarios import verdict
from loadtest.scenarios.result import Result
from loadtest.scenarios.stage import START_S, Stage
from sidecar import clock

NAME = "advice"
TITLE = "Advice, on and off: eight gateways, ten pods of different speeds"
OFF, ON = "off", "on"
MOST_COST: Final = 1.00
NODE_M: Final = 1000
LEAD_S: Final = 3.0
WARM_S, QUICK_WARM_S = 25.0, 14.0
PLAY_S, QUICK_PLAY_S = 40.0, 12.0
HEAD = (
    "arm",
    "mean ms",
    "p50",
    "p99 ms",
    "requests",
    "failed",
    "sidecars that obey at the end",
    "generators late, p99",
)


@dataclass(frozen=True, slots=True)
class Played:
    """One arm's requests after the warm-up."""

    arm: str
    samples: Sequence[load.Sample]
    obeying: int
    late_p99_ms: float

    @property
    def mean_ms(self) -> float:
        """The total cost a request."""
        return sum(map(cost_ms, self.samples)) / max(len(self.samples), 1)

    @property
    def p99_ms(self) -> float:
        """The same for the tail."""
        return figures.percentile(sorted(map(cost_ms, self.samples)), 99)


def cost_ms(sample: load.Sample) -> float:
    """What it took; a request that failed counts as late as its client's patience."""
    return sample.latency_ms if sample.ok else 1000 * gateways.PATIENCE_S


def order(*, quick: bool) -> list[str]:
    """Every repetition turns the other way round; off once more at the end, for the A/A."""
    turns = 1 if quick else 3
    return [arm for turn in range(turns) for arm in figures.rotated((OFF, ON), turn)] + [OFF]


def planned_s(*, quick: bool) -> float:
    """Starts and all."""
    warm_s, play_s = (QUICK_WARM_S, QUICK_PLAY_S) if quick else (WARM_S, PLAY_S)
    return len(order(quick=quick)) * (warm_s + play_s + LEAD_S + START_S + 8.0)


def run(stage: Stage) -> Result:
    """Play all."""
    return judged([play(stage, arm) for arm in order(quick=stage.quick)])


def play(stage: Stage, arm: str) -> Played:
    """From start to end. StartError when a process does not come up."""
    warm_s, play_s = stage.seconds(WARM_S, QUICK_WARM_S), stage.seconds(PLAY_S, QUICK_PLAY_S)
    with stage.nets(1) as (net,), node(NODE_M) as there, stage.children(f"{NAME}-{arm}") as children:
        advisor = f"http://{gateways.lead(children, there.url).address}" if arm == ON else "off"
        town = Gateways(children, net, advisor)
        town.await_all()
        start_s = clock.now() + LEAD_S
        loads = town.loads(warm_s + play_s, start_s)
        gateways.until(lambda: clock.now() > start_s + warm_s + play_s - 1.0, warm_s + play_s + LEAD_S)
        obeying = town.obeying()
        samples = [each for each in gateways.gathered(loads, start_s) if each.due_s >= warm_s]
        stage.done(warm_s + play_s + LEAD_S + START_S + 8.0, f"{NAME}, {arm}: played")
        return Played(arm, samples, obeying, max(each.late_p99_ms or 0.0 for each in loads))


def judged(played: Sequence[Played]) -> Result:
    """The promises, a table."""
    pairs, again = ratios(played)
    shown = ", ".join(f"{each:.2f}" for each in pairs)
    failed = sum(not each.ok for one in played if one.arm == ON for each in one.samples)
    verdicts = [
        verdict.at_most(
            "total cost with advice, of that without",
            tell.median(pairs),
            MOST_COST,
            "×",
            note=f"each {shown}; A/A {again:.2f}",
        ),
        verdict.at_most("requests that failed with advice", float(failed), 0.0),
        verdict.at_least(
            "sidecars that obey", float(min(one.obeying for one in played if one.arm == ON)), 1.0
        ),
    ]
    about = document.Text(
        f"{gateways.GATEWAYS} gateways send {gateways.rate_per_s():.0f}/s together, {gateways.LOAD:.0%} of what "
        f"{len(gateways.SPEEDS)} pods of {gateways.WORKERS} workers serve: {gateways.WORK_MS:.0f} ms lognormal at "
        f"speeds {', '.join(f'{speed:g}' for speed in gateways.SPEEDS)}. An epoch of {gateways.EPOCH_S:.0f} s."
    )
    table = document.Table(HEAD, [_row(each) for each in played])
    facts = {"on_over_off": pairs, "again": again, "mean_ms": [[each.arm, each.mean_ms] for each in played]}
    return Result(NAME, TITLE, verdicts, [about, table], facts)


def ratios(played: Sequence[Played]) -> tuple[list[float], float]:
    """On against off, each repetition by itself; and the last off against the one before."""
    off = [each.mean_ms for each in played if each.arm == OFF]
    on = [each.mean_ms for each in played if each.arm == ON]
    return [one / other for one, other in zip(on, off, strict=False)], off[-1] / off[-2]


def _row(played: Played) -> list[str]:
    answered = load.latency(list(played.samples))
    return [
        played.arm,
        f"{played.mean_ms:.1f}",
        f"{answered.p50_ms:.1f}",
        f"{played.p99_ms:.0f}",
        f"{len(played.samples):,}",
        str(sum(not each.ok for each in played.samples)),
        f"{played.obeying} of {gateways.GATEWAYS}" if played.arm == ON else "",
        f"{played.late_p99_ms:.1f} ms",
    ]
