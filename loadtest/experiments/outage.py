"""The coordinator stops answering, comes back, is killed; and another one lies. Nobody's request may suffer for it.

What is measured of the real coordinator: requests that fail (none may), and how long after the last word of it sidecars
play their own mix again (one expiry and what looking takes), read from their `/state`. Of the liars: the tail against
that of the same gateways without any coordinator.
"""

import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from loadtest import figures, load, processes
from loadtest.bench import document
from loadtest.experiments import advice, gateways, tell
from loadtest.experiments.gateways import EXPIRY_S, GATEWAYS, Gateways
from loadtest.mesh import addresses
from loadtest.mesh.node import node
from loadtest.scenarios import verdict
from loadtest.scenarios.result import Result
from loadtest.scenarios.stage import START_S, Stage
from sidecar import clock

NAME = "outage"
TITLE = "The coordinator falls silent, dies, lies"
MOST_TAIL: Final = 1.2
MOST_LATE_S: Final = 1.5
"""Looking five times a second at eight sidecars, on a busy machine."""
KINDS: Final = ("slowest", "herd")
OBEY_S, SILENT_S = 40.0, EXPIRY_S + 6.0
WARM_S: Final = 5.0
LEAD_S: Final = 3.0
PLAY_S, QUICK_PLAY_S = 40.0, 20.0
LIAR_HOST: Final = 10


@dataclass(frozen=True, slots=True)
class Silence:
    """One coordinator's: seconds until everybody followed it, until nobody did after it fell silent, and requests."""

    obeyed_s: float | None
    partitioned_s: float | None
    back_s: float | None
    killed_s: float | None
    samples: Sequence[load.Sample]

    @property
    def failed(self) -> int:
        """Requests."""
        return sum(not each.ok for each in self.samples)


def planned_s(*, quick: bool) -> float:
    """Starts and all."""
    play_s = QUICK_PLAY_S if quick else PLAY_S
    arms = len(order(quick=quick))
    return 2 * OBEY_S + 2 * SILENT_S + START_S + arms * (WARM_S + play_s + LEAD_S + START_S)


def order(*, quick: bool) -> list[str]:
    """No coordinator and either liar in turn; none once more at the end."""
    turns = 1 if quick else 2
    return [arm for turn in range(turns) for arm in figures.rotated(("none", *KINDS), turn)] + ["none"]


def run(stage: Stage) -> Result:
    """Silence first, then the lies."""
    silence = silenced(stage)
    return judged(silence, [(arm, lied(stage, arm)) for arm in order(quick=stage.quick)])


def silenced(stage: Stage) -> Silence:
    """Followed, stopped (SIGSTOP: it accepts connections and says nothing), continued, killed; load all the time."""
    planned = 2 * OBEY_S + 2 * SILENT_S + START_S
    with stage.nets(1) as (net,), node(advice.NODE_M) as there, stage.children(f"{NAME}-silence") as children:
        leader = gateways.lead(children, there.url)
        town = Gateways(children, net, f"http://{leader.address}")
        town.await_all()
        start_s = clock.now() + LEAD_S
        loads = town.loads(planned, start_s)
        obeyed_s = gateways.until(lambda: town.advised() == GATEWAYS, OBEY_S)
        os.kill(leader.child.pid, signal.SIGSTOP)
        partitioned_s = gateways.until(lambda: town.advised() == 0, SILENT_S)
        os.kill(leader.child.pid, signal.SIGCONT)
        back_s = gateways.until(lambda: town.advised() == GATEWAYS, OBEY_S)
        leader.child.kill()
        killed_s = gateways.until(lambda: town.advised() == 0, SILENT_S)
        for each in loads:
            each.child.process.terminate()
        samples = gateways.gathered(loads, start_s)
        stage.done(planned, f"{NAME}: silence is over")
        return Silence(obeyed_s, partitioned_s, back_s, killed_s, samples)


def lied(stage: Stage, kind: str) -> list[load.Sample]:
    """With a liar of this kind, or with none."""
    play_s = stage.seconds(PLAY_S, QUICK_PLAY_S)
    with stage.nets(1) as (net,), stage.children(f"{NAME}-{kind}") as children:
        town = Gateways(children, net, "off" if kind == "none" else _liar(children, net, kind))
        town.await_all()
        start_s = clock.now() + LEAD_S
        loads = town.loads(WARM_S + play_s, start_s)
        samples = gateways.gathered(loads, start_s)
        stage.done(WARM_S + play_s + LEAD_S + START_S, f"{NAME}, {kind}: played")
        return [each for each in samples if each.due_s >= WARM_S]


def _liar(children: processes.Children, net: addresses.Net, kind: str) -> str:
    address = f"{net.prefix}.{LIAR_HOST}:{gateways.PORT}"
    argv = [sys.executable, "-m", "loadtest.experiments.liar", "--listen", address, "--kind", kind]
    child = children.start("liar", argv)
    processes.await_http(address, child, host="liar", path="/readyz")
    return f"http://{address}"


def judged(silence: Silence, lies: Sequence[tuple[str, Sequence[load.Sample]]]) -> Result:
    """The promises, and a table of the lies."""
    most_s = EXPIRY_S + MOST_LATE_S
    verdicts = [
        verdict.at_most("requests that failed around the coordinator's outages", float(silence.failed), 0.0),
        *(
            verdict.at_most(f"all play their own mix, after it {what}", _known(seconds), most_s, "s")
            for what, seconds in (
                ("fell silent (SIGSTOP)", silence.partitioned_s),
                ("was killed", silence.killed_s),
            )
        ),
        verdict.at_most("all are advised again, after it came back", _known(silence.back_s), OBEY_S, "s"),
        *(_against(lies, kind) for kind in KINDS),
        verdict.at_most(
            "requests that failed with a liar",
            float(sum(not each.ok for kind, found in lies if kind != "none" for each in found)),
            float(max(sum(not each.ok for each in found) for kind, found in lies if kind == "none")),
        ),
    ]
    rows = [
        [kind, f"{p99_ms(found):.0f}", f"{mean_ms(found):.1f}", f"{len(found):,}", _failed(found)]
        for kind, found in lies
    ]
    table = document.Table(("coordinator", "p99 ms", "mean ms", "requests", "failed"), rows)
    facts = {
        "obeyed_s": silence.obeyed_s,
        "partitioned_s": silence.partitioned_s,
        "back_s": silence.back_s,
        "killed_s": silence.killed_s,
        "requests": len(silence.samples),
        "failed": silence.failed,
        "p99_ms": [[kind, p99_ms(found)] for kind, found in lies],
    }
    about = document.Text(
        f"Eight gateways as in `{advice.NAME}`. Advice expires after {EXPIRY_S:.0f} s. {len(silence.samples):,} "
        "requests were sent while the coordinator was stopped, continued and killed."
    )
    return Result(NAME, TITLE, verdicts, [about, table], facts)


def _known(seconds: float | None) -> float:
    return float("inf") if seconds is None else seconds


def _failed(samples: Sequence[load.Sample]) -> str:
    return str(sum(not each.ok for each in samples))


def _against(lies: Sequence[tuple[str, Sequence[load.Sample]]], kind: str) -> verdict.Verdict:
    """Medians over the repetitions."""
    ours, none = ([p99_ms(found) for one, found in lies if one == which] for which in (kind, "none"))
    return verdict.at_most(
        f"p99 with a liar ({kind}), of that without a coordinator",
        tell.median(ours) / tell.median(none),
        MOST_TAIL,
        "×",
        note=f"{tell.median(ours):.0f} ms against {tell.median(none):.0f} ms; A/A {none[-1] / none[0]:.2f}",
    )


def p99_ms(samples: Sequence[load.Sample]) -> float:
    """Failed ones count as late as their client's patience."""
    return figures.percentile(sorted(map(advice.cost_ms, samples)), 99)


def mean_ms(samples: Sequence[load.Sample]) -> float:
    """The same."""
    return sum(map(advice.cost_ms, samples)) / max(len(samples), 1)
