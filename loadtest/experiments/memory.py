"""Memory by negotiation: who is asked agrees, gives garbage back first, or refuses; nobody is killed.

Three applications whose use comes near their limits, in a namespace whose LimitRange leaves little room. One gets what
it needs; two could get no more than would still be too tight. Of these one has a memory hook, and the other refuses.
"""

import itertools
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from loadtest import processes
from loadtest.bench import document
from loadtest.experiments import coordinator, prometheus
from loadtest.experiments.play import restarts
from loadtest.experiments.town import MIB, NAMESPACE, Pod, Service, Town
from loadtest.mesh import admin
from loadtest.mesh.node import amounts, node
from loadtest.scenarios import verdict
from loadtest.scenarios.result import Result
from loadtest.scenarios.stage import START_S, Stage
from loadtest.scenarios.verdict import Verdict
from sidecar import clock

NAME = "memory"
TITLE = "Memory by negotiation"
CAPACITY_M = 1200
CYCLE_S = 1.0
CYCLES = 20
VETO_CYCLES = 4
"""How long the coordinator remembers a refusal."""
MOST_BYTES = 240 * MIB
"""Of a container in the namespace."""
GROWS, COLLECTS, REFUSES = "grows", "collects", "refuses"
FREED_BYTES = 150_000_000
SERVICES = (
    Service(name=GROWS, limit_m=300, memory_bytes=112 * MIB, garbage_bytes=75_000_000),
    Service(name=COLLECTS, limit_m=300, memory_bytes=236 * MIB, garbage_bytes=200_000_000, hook=True),
    Service(name=REFUSES, limit_m=300, memory_bytes=236 * MIB, garbage_bytes=200_000_000),
)


@dataclass(frozen=True, slots=True)
class Moment:
    """Bytes a pod uses and may use, and what its status says it may."""

    at_s: float
    pod: str
    used: int
    limit: int


@dataclass(frozen=True, slots=True)
class Told:
    """What came of it."""

    moments: Sequence[Moment]
    journal: Sequence[Mapping[str, Any]]
    restarts: int
    kills: int

    def of(self, service: str) -> list[Moment]:
        """One service's, in order."""
        return [each for each in self.moments if each.pod.startswith(f"{service}-")]

    def refusals(self, service: str) -> int:
        """How often its sidecar refused memory."""
        return sum(_refuses(line, service) for line in self.journal)


def _refuses(line: Mapping[str, Any], service: str) -> bool:
    about = str(line.get("pod", "")).startswith(f"{NAMESPACE}/{service}-")
    return about and line.get("phase") == "negotiate" and line.get("minimum_memory_bytes") is not None


def planned_s(*, quick: bool) -> float:
    """The same in short: it takes little."""
    return 3 * START_S + CYCLES * CYCLE_S


def run(stage: Stage) -> Result:
    """Play it once: it is about what is never done."""
    if (why := prometheus.missing()) is not None:
        return Result(NAME, TITLE, skipped=why)
    with (
        stage.nets(1) as (net,),
        node(CAPACITY_M) as there,
        stage.children(NAME) as children,
    ):
        town = Town(children, there, net)
        try:
            return judged(_play(stage, children, town))
        finally:
            town.end()


def _play(stage: Stage, children: processes.Children, town: Town) -> Told:
    for service in SERVICES:
        town.launch(service)
    town.await_all()
    if any(pod.enclosure.used_bytes() is None for pod in town.pods):
        raise processes.StartError("there are no memory groups here")
    _limit_range(town)
    env = {
        f"{coordinator.PREFIX}PROMETHEUS": prometheus.start(children, town),
        f"{coordinator.PREFIX}PROMETHEUS_WINDOW": "10s",
    }
    stage.done(2 * START_S, f"{NAME}: three applications and a Prometheus are up")
    market = coordinator.start(children, town.node.url, CYCLE_S, env)
    start_s = clock.now()
    moments: list[Moment] = []
    while (at_s := clock.now() - start_s) < CYCLES * CYCLE_S:
        moments += [_moment(town, pod, at_s) for pod in town.pods]
        time.sleep(CYCLE_S / 2)
    market.stop()
    stage.done(START_S + CYCLES * CYCLE_S, f"{NAME}: {CYCLES} cycles are over")
    kills = sum(pod.enclosure.kills() for pod in town.pods)
    return Told(moments, market.journal(), restarts(town), kills)


def _limit_range(town: Town) -> None:
    item = {"type": "Container", "max": {"memory": amounts.memory_text(MOST_BYTES)}}
    body = {"metadata": {"name": "most"}, "spec": {"limits": [item]}}
    where = town.node.url.removeprefix("http://")
    admin.ask(where, "POST", f"/api/v1/namespaces/{NAMESPACE}/limitranges", body)


def _moment(town: Town, pod: Pod, at_s: float) -> Moment:
    told = town.node.pod(NAMESPACE, pod.name)["status"]["containerStatuses"][0]
    limit = amounts.of(told, "limits", amounts.MEMORY) or 0
    return Moment(at_s, pod.name, pod.enclosure.used_bytes() or 0, limit)


def judged(told: Told) -> Result:
    """The promises and what everybody had."""
    about = document.Text(
        "Every application's use is near its limit, so the coordinator wants to give more; the namespace's LimitRange "
        f"allows {MOST_BYTES // MIB} MiB a container. A sidecar agrees when what is proposed is use plus headroom; "
        "one with a memory hook has the garbage collected first. Use is the kernel's count of each memory group."
    )
    rows = [_row(told, service) for service in SERVICES]
    blocks: list[document.Block] = [about, document.Table(HEAD, rows)]
    facts = {"moments": list(told.moments), "restarts": told.restarts, "kills": told.kills}
    return Result(NAME, TITLE, verdicts(told), blocks, facts)


HEAD = ("application", "used before", "after", "limit before", "after", "refused")


def verdicts(told: Told) -> list[Verdict]:
    """What negotiation is worth."""
    fell = {s.name: told.of(s.name)[0].used - told.of(s.name)[-1].used for s in SERVICES}
    rose = {s.name: told.of(s.name)[-1].limit - told.of(s.name)[0].limit for s in SERVICES}
    lowered = sum(b.limit < a.limit for s in SERVICES for a, b in _pairs(told.of(s.name)))
    most = 1 + (CYCLES - 1) // VETO_CYCLES
    return [
        verdict.at_least(f"{GROWS}: its limit rises, MiB", rose[GROWS] / MIB, 1),
        verdict.at_least(f"{COLLECTS}: its hook gives back, MB", fell[COLLECTS] / 1e6, FREED_BYTES / 1e6),
        verdict.at_least(f"{COLLECTS}: agrees, MiB more", rose[COLLECTS] / MIB, 1),
        verdict.at_least(f"{REFUSES}: refuses, times", told.refusals(REFUSES), 1),
        verdict.at_most(
            f"{REFUSES}: is asked again only when the refusal is forgotten, times",
            told.refusals(REFUSES),
            most,
        ),
        verdict.within(f"{REFUSES}: its limit stays, MiB more", rose[REFUSES] / MIB, 0, 0),
        verdict.at_most("memory limits lowered", lowered, 0),
        verdict.at_most("containers restarted", told.restarts, 0),
        verdict.at_most("processes killed for want of memory", told.kills, 0),
    ]


def _pairs(moments: Sequence[Moment]) -> list[tuple[Moment, Moment]]:
    return list(itertools.pairwise(moments))


def _row(told: Told, service: Service) -> list[str]:
    first, last = told.of(service.name)[0], told.of(service.name)[-1]
    sizes = [f"{size / MIB:.0f} MiB" for size in (first.used, last.used, first.limit, last.limit)]
    return [service.name, *sizes, str(told.refusals(service.name))]
