"""Plays one arm of a scenario: a pod, its callers' generators, somebody who reads its metrics; leaves a recording."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from loadtest import load, poller, processes
from loadtest.demo import machine
from loadtest.demo.recording import Cores
from loadtest.mesh import addresses
from loadtest.scenarios import exposition, pod
from loadtest.scenarios.arms import Arm
from loadtest.scenarios.flow import Script
from loadtest.scenarios.stage import START_S, Stage
from sidecar import clock

EVERY_S = 0.5
LEAD_S = 1.5
"""Generators are up by then, so that all begin together."""
LEAD_EACH_S = 0.25


@dataclass(frozen=True, slots=True)
class Recording:
    """What one arm left; instants in seconds from the beginning of play."""

    arm: Arm
    script: Script
    samples: Mapping[str, Sequence[load.Sample]]
    """By the name of the flow, ascending by the instant due."""
    readings: Sequence[exposition.Reading]
    cores: Cores
    late_p99_ms: float
    """How late the latest generator itself was: what of the latencies is not the pod's."""
    missed: int = 0
    """Scrapes that were not answered."""


class Scraper(poller.Poller):
    """The pod's metrics, twice a second."""

    def __init__(self, asked: pod.Pod, start_s: float) -> None:
        super().__init__("scraper", EVERY_S)
        self.readings: list[exposition.Reading] = []
        self._pod = asked
        self._start_s = start_s

    def poll(self) -> None:
        """One scrape."""
        said = self._pod.metrics()
        self.readings.append(exposition.read(clock.now() - self._start_s, said))


def play(stage: Stage, arm: Arm, script: Script, net: addresses.Net) -> Recording:
    """From start to end; StartError when a process does not come up or does not last."""
    with stage.children(f"{script.name}-{arm.name}") as children:
        played = pod.start(children, pod_ip(net), arm, script.callers)
        stage.done(START_S, f"{script.name}, {arm.title}: up")
        return _play(stage, arm, script, children, played)


def pod_ip(net: addresses.Net) -> str:
    """Where the pod stands in the scenario's own net."""
    return f"{net.prefix}.10"


def _play(stage: Stage, arm: Arm, script: Script, children: processes.Children, played: pod.Pod) -> Recording:
    start_s = clock.now() + LEAD_S + LEAD_EACH_S * len(script.flows)
    running = [
        (flow.name, load.start(children, flow.plan(played.inbound, start_s), name=f"load-{number}"))
        for number, flow in enumerate(script.flows)
    ]
    scraper = Scraper(played, start_s)
    scraper.start()
    _until(start_s)
    meter = machine.Meter()
    for phase in script.phases:
        _until(start_s + phase.to_s)
        stage.done(phase.seconds, f"{script.name}, {arm.title}: {phase.name} is over")
    cores = meter.read()
    samples: dict[str, list[load.Sample]] = {name: [] for name in script.names()}
    for name, generator in running:
        samples[name] += (_from(start_s, sample) for sample in generator.finish())
    scraper.stop()
    if (ended := played.sidecar.obituary()) is not None:
        raise processes.StartError(f"{ended}:\n{played.sidecar.last_words()}")
    return Recording(
        arm,
        script,
        {name: sorted(found) for name, found in samples.items()},
        scraper.readings,
        cores,
        max((generator.late_p99_ms or 0.0 for _, generator in running), default=0.0),
        scraper.missed,
    )


def _from(start_s: float, sample: load.Sample) -> load.Sample:
    return sample._replace(due_s=sample.due_s - start_s)


def _until(instant_s: float) -> None:
    while (left_s := instant_s - clock.now()) > 0:
        time.sleep(min(left_s, 0.5))
