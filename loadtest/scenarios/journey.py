"""A thousand requests through UrbanMoveMS in health: every sidecar polices, nobody notices, the routing is at rest.

Callers have sidecars of their own here: this is the mesh as users have it, thirteen pods with a sidecar each.
"""

import dataclasses
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from loadtest import load, poller, processes
from loadtest.bench import document
from loadtest.demo import chapters, targets, windows
from loadtest.demo import verdict as demo_verdict
from loadtest.mesh import Mesh, MeshPlan
from loadtest.scenarios import arms, exposition, verdict
from loadtest.scenarios.arms import Arm
from loadtest.scenarios.result import Result
from loadtest.scenarios.stage import Stage
from loadtest.scenarios.verdict import Verdict

NAME = "journey"
TITLE = "A thousand requests through UrbanMoveMS"
RATE = 25.0
"""Per second and route: 125 in the 5 s that Nash is judged by."""
REQUESTS, QUICK_REQUESTS = 1000, 500
START_S = 15.0
EVERY_S = 0.5
JUDGED_S = 5.0
"""Readings of the end: one alone may be bad luck."""
MOST = 0.5
NASH = "equilibrium_nash_equilibrium"
HEAD = ("service", "arm", "requests", "served", "p50 ms", "p99 ms", "shares of its pods", "Nash = 1")


@dataclass(frozen=True, slots=True)
class Journey:
    """What one arm left, by service."""

    arm: Arm
    samples: Mapping[str, Sequence[load.Sample]]
    pods: Mapping[str, Sequence[str]]
    nash: Mapping[str, float]
    """Fraction of the last readings of the gateway's sidecar in which it is 1; absent where nothing was said."""


class NashPoller(poller.Poller):
    """What the gateway's sidecar says of each service; keeps the answers of the last seconds."""

    def __init__(self, mesh: Mesh) -> None:
        super().__init__("nash", EVERY_S)
        self._last: deque[Mapping[str, float]] = deque(maxlen=round(JUDGED_S / EVERY_S))
        self._mesh = mesh

    def poll(self) -> None:
        """One scrape."""
        said = exposition.read(0.0, self._mesh.metrics(self._mesh.gateway))
        self._last.append(said.by(NASH, "service"))

    def at_rest(self) -> dict[str, float]:
        """By service: of the answers kept, the fraction that says 1. A service none speaks of is left out."""
        return at_rest(self._last)


def run(stage: Stage) -> Result:
    """Play both arms."""
    return judged([_play(stage, arm) for arm in arms.in_turn(0)])


def _play(stage: Stage, arm: Arm) -> Journey:
    plan = MeshPlan(strategy=arm.env.get("EQUILIBRIUM_STRATEGY", "balanced"))
    with stage.children(f"{NAME}-{arm.name}") as children, Mesh.start(children, plan) as mesh:
        stage.done(START_S, f"{NAME}, {arm.title}: {len(mesh.pods())} pods are up")
        requests = round(stage.seconds(REQUESTS, QUICK_REQUESTS))
        played = _ride(arm, children, mesh, requests)
        stage.done(lasts_s(requests), f"{NAME}, {arm.title}: {requests} requests")
        return played


def lasts_s(requests: int) -> float:
    """How long so many take, over all routes."""
    return requests / RATE / len(chapters.ROUTES)


def _ride(arm: Arm, children: processes.Children, mesh: Mesh, requests: int) -> Journey:
    plans = targets.plans(mesh.entry, 0.0, RATE)
    counts = [len(range(place, requests, len(plans))) for place in range(len(plans))]
    running = {
        service: load.start(children, dataclasses.replace(plan, seconds=count / RATE), name=f"load-{service}")
        for count, (service, plan) in zip(counts, plans.items(), strict=True)
    }
    asked = NashPoller(mesh)
    asked.start()
    samples = {service: generator.finish() for service, generator in running.items()}
    asked.stop()
    pods = {service: [pod.name for pod in mesh.pods(service)] for service in plans}
    return Journey(arm, samples, pods, asked.at_rest() if arm is arms.ON else {})


def at_rest(readings: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The fraction of readings in which a service's Nash is 1; silence is not rest."""
    services = dict.fromkeys(service for said in readings for service in said)
    return {name: fmean(said.get(name) == 1.0 for said in readings) for name in services}


def judged(journeys: Sequence[Journey]) -> Result:
    """The promises are about the arm with Equilibrium."""
    on = next(each for each in journeys if each.arm is arms.ON)
    about = document.Text(
        f"{sum(map(len, on.samples.values())):,} requests through the gateway to three services of three pods each,"
        f" {RATE:.0f}/s to each; every pod has a sidecar. Nash as the gateway's sidecar sees it, readings of the last"
        f" {JUDGED_S:.0f} s."
    )
    facts = {"rows": [dict(zip(HEAD, row, strict=True)) for row in rows(journeys)]}
    return Result(NAME, TITLE, verdicts(on), [about, document.Table(HEAD, rows(journeys))], facts)


def rows(journeys: Sequence[Journey]) -> list[list[str]]:
    """One per service and arm."""
    services = list(journeys[0].samples)
    return [_row(service, journey) for service in services for journey in journeys]


def _row(service: str, journey: Journey) -> list[str]:
    samples, nash = journey.samples[service], journey.nash.get(service)
    shares = windows.shares(samples, journey.pods[service])
    latency = load.latency(list(samples))
    return [
        service,
        journey.arm.title,
        f"{len(samples):,}",
        demo_verdict.percent(1.0 - windows.failed(samples), 1),
        demo_verdict.milliseconds(latency.p50_ms),
        demo_verdict.milliseconds(latency.p99_ms),
        " ".join(f"{share:.0%}" for share in shares.values()),
        "–" if nash is None else f"{nash:.0%}",
    ]


def verdicts(on: Journey) -> list[Verdict]:
    """Nothing lost, nothing refused, at rest."""
    everything = [sample for samples in on.samples.values() for sample in samples]
    served = f"{sum(each.ok for each in everything):,} of {len(everything):,}"
    resting = [service for service in on.samples if on.nash.get(service, 0.0) >= MOST]
    told = ", ".join(f"{service} {on.nash.get(service, 0.0):.0%}" for service in on.samples)
    claim = f"services whose Nash is 1 in most readings of the last {JUDGED_S:.0f} s"
    return [
        verdict.at_least("requests served", 1.0 - windows.failed(everything), 1.0, "%", note=served),
        Verdict(claim, f"all {len(on.samples)}", told, len(resting) == len(on.samples)),
    ]
