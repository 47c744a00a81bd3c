"""Plays one arm: a node, its pods, load, whoever decides about them; leaves a recording."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from loadtest import load, processes
from loadtest.demo import machine
from loadtest.demo.recording import Cores
from loadtest.experiments import coordinator
from loadtest.experiments.arms import Arm
from loadtest.experiments.autoscaling import Behaviour
from loadtest.experiments.horizontal import Horizontal
from loadtest.experiments.script import Script
from loadtest.experiments.town import NAMESPACE, Town
from loadtest.experiments.watch import Look, Watcher
from loadtest.mesh.node import Throttling, node
from loadtest.scenarios.stage import START_S, Stage
from sidecar import clock

LEAD_S = 2.0
TICK_S = 0.1


@dataclass(frozen=True, slots=True)
class Recording:
    """What one arm left; instants in seconds from the beginning of play."""

    arm: Arm
    script: Script
    samples: Mapping[str, Sequence[load.Sample]]
    """By service, ascending by the instant due."""
    looks: Sequence[Look]
    cores: Cores
    late_p99_ms: float
    restarts: int
    """Containers restarted, by the API's count, plus processes that ended."""
    kills: int
    """Processes the kernel killed for want of memory."""
    node: Throttling
    """Of the node as a whole: how often all pods together wanted more than it has."""
    pending: int = 0
    """Replicas that found no room."""
    journal: Sequence[Mapping[str, Any]] = field(default_factory=tuple)
    """The coordinator's log."""
    state: Mapping[str, Any] = field(default_factory=dict)
    """The coordinator's `/state` at the end: what it saw and decided last."""


def play(stage: Stage, arm: Arm, script: Script) -> Recording:
    """From start to end; StartError when a process does not come up or does not last."""
    with (
        stage.nets(1) as (net,),
        node(script.capacity_m) as there,
        stage.children(f"{script.name}-{arm.kind}") as children,
    ):
        town = Town(children, there, net)
        try:
            for service in script.services:
                for _ in range(script.replicas.get(service.name, 1)):
                    town.launch(service)
            town.await_all()
            stage.done(START_S, f"{script.name}, {arm.title}: up")
            return _play(stage, arm, script, children, town)
        finally:
            town.end()


def _play(stage: Stage, arm: Arm, script: Script, children: processes.Children, town: Town) -> Recording:
    market = _market(children, town, script) if arm.kind == "market" else None
    start_s = clock.now() + LEAD_S + 0.3 * len(script.flows)
    running = [
        (flow.service, load.start(children, plan, name=f"load-{number}-{stream}"))
        for number, flow in enumerate(script.flows)
        for stream, plan in enumerate(flow.plans(town.entry, start_s))
    ]
    watcher = Watcher(town, start_s)
    watcher.start()
    scaler = (
        Horizontal(town, script.services, Behaviour(script.cycle_s)) if arm.kind == "horizontal" else None
    )
    _until(start_s, scaler.tick if scaler else None)
    meter = machine.Meter()
    for phase in script.phases:
        _until(start_s + phase.to_s, scaler.tick if scaler else None)
        stage.done(phase.seconds, f"{script.name}, {arm.title}: {phase.name} is over")
    cores = meter.read()
    watcher.stop()
    samples: dict[str, list[load.Sample]] = {service.name: [] for service in script.services}
    for name, generator in running:
        samples[name] += (each._replace(due_s=each.due_s - start_s) for each in generator.finish())
    return Recording(
        arm,
        script,
        {name: sorted(found) for name, found in samples.items()},
        watcher.looks,
        cores,
        max((generator.late_p99_ms or 0.0 for _, generator in running), default=0.0),
        restarts(town),
        sum(pod.enclosure.kills() for pod in town.pods),
        town.node.room.around().throttling(),
        scaler.pending_most if scaler else 0,
        **_told(market),
    )


def _market(children: processes.Children, town: Town, script: Script) -> coordinator.Coordinator:
    """Up and leading: what it does is measured, not how it starts."""
    market = coordinator.start(children, town.node.url, script.cycle_s, script.env)
    deadline = clock.now() + coordinator.LEAD_S
    while clock.now() < deadline and not any("cycle" in line for line in market.journal()):
        time.sleep(TICK_S)
    return market


def _told(market: coordinator.Coordinator | None) -> dict[str, Any]:
    if market is None:
        return {}
    state = market.state()
    market.stop()
    return {"journal": market.journal(), "state": state}


def restarts(town: Town) -> int:
    """What must stay 0."""
    ended = sum(not pod.app.running for pod in town.pods)
    for pod in town.pods:
        told = town.node.pod(NAMESPACE, pod.name)["status"].get("containerStatuses", ())
        ended += sum(each["restartCount"] for each in told)
    return ended


def _until(instant_s: float, tick: Callable[[float], None] | None) -> None:
    while (left_s := instant_s - clock.now()) > 0:
        if tick is not None:
            tick(clock.now())
        time.sleep(min(left_s, TICK_S))
