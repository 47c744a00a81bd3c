"""One trial of the scenario memory: a pod for every arm, all at once under the same load, until it is over."""

import contextlib
import dataclasses
import time
from collections.abc import Sequence
from dataclasses import dataclass

from loadtest import load, processes
from loadtest.demo import machine
from loadtest.demo.recording import Cores
from loadtest.mesh import addresses
from loadtest.scenarios import cgroups, house
from loadtest.scenarios.arms import Arm
from loadtest.scenarios.flow import Script
from loadtest.scenarios.hoarder import MIB
from loadtest.scenarios.memory_script import APPETITES, LIMIT_BYTES
from loadtest.scenarios.play import Recording
from loadtest.scenarios.stage import START_S, Stage
from loadtest.scenarios.tenant import WATCH_S, Death, Tenant, Watcher
from sidecar import clock

SIDECAR_BYTES = 128 * MIB
LEAD_S = 3.0
"""Generators of all arms are up by then, so that all begin together."""
PATIENCE_S = 5.0
"""Whoever asks for a report waits longer than for a page."""
SIGKILL = -9
Sent = tuple[str, load.Load]
"""A flow's name and its generator."""


@dataclass(frozen=True, slots=True)
class Run:
    """What one arm made of one trial."""

    recording: Recording
    """Its readings include `tenant.USED` and `tenant.SCALE`."""
    deaths: Sequence[Death]
    kills: int
    """By the kernel, for want of memory: the group's own counter."""
    peak_bytes: int

    @property
    def arm(self) -> Arm:
        """Whose."""
        return self.recording.arm

    @property
    def survived(self) -> bool:
        """The application that was there at the beginning was there at the end."""
        return not self.deaths and not self.kills

    @property
    def killed(self) -> bool:
        """By the kernel: its counter and the process's exit status agree."""
        return self.kills > 0 and any(death.status == SIGKILL for death in self.deaths)


def play(stage: Stage, arms: Sequence[Arm], script: Script, net: addresses.Net) -> list[Run]:
    """All arms at once. Missing when there are no memory groups; StartError when a process does not come up."""
    with contextlib.ExitStack() as up:
        tenants = [
            _move_in(stage, up, arm, script, f"{net.prefix}.{number}") for number, arm in enumerate(arms, 10)
        ]
        for tenant in tenants:
            house.await_app(tenant.ip, tenant.app)
            house.await_sidecar(tenant.sidecar)
        stage.done(START_S, f"{script.name}: {len(tenants)} pods are up, a memory group for each container")
        return _play(stage, tenants, script)


def _move_in(stage: Stage, up: contextlib.ExitStack, arm: Arm, script: Script, ip: str) -> Tenant:
    appetite = APPETITES[arm.name]
    group = up.enter_context(cgroups.group(f"app-{arm.name}", LIMIT_BYTES))
    beside = up.enter_context(cgroups.group(f"sidecar-{arm.name}", SIDECAR_BYTES))
    children = up.enter_context(stage.children(f"{script.name}-{arm.name}"))  # ended before their groups go
    app = house.start_app(children, ip, appetite=appetite, group=group)
    env = {"EQUILIBRIUM_USAGE_URL": house.usage_url(ip), **arm.env}
    sidecar = house.start_sidecar(children, ip, env, group=beside, callers=script.callers)
    return Tenant(arm, ip, appetite, group, children, app, sidecar)


def _play(stage: Stage, tenants: Sequence[Tenant], script: Script) -> list[Run]:
    start_s = clock.now() + LEAD_S
    sent = _send(tenants, script, start_s)
    watchers = [Watcher(tenant, start_s) for tenant in tenants]
    for watcher in watchers:
        watcher.start()
    meter = machine.Meter()
    cores = meter.read()
    for phase in script.phases:
        while (now_s := clock.now() - start_s) < phase.to_s:
            for tenant in tenants:
                tenant.look(now_s)
            time.sleep(WATCH_S)
        if phase.trouble:
            cores = meter.read()  # while the generators still run: what has ended is counted no more
        stage.done(phase.seconds, f"{script.name}: {phase.name} is over")
    for watcher in watchers:
        watcher.stop()
    return [
        _run(tenant, script, cores, start_s, sent[tenant.ip], watcher)
        for tenant, watcher in zip(tenants, watchers, strict=True)
    ]


def _run(
    tenant: Tenant, script: Script, cores: Cores, start_s: float, sent: Sequence[Sent], watcher: Watcher
) -> Run:
    sidecar = tenant.sidecar.sidecar
    if (ended := sidecar.obituary()) is not None:
        raise processes.StartError(f"{ended}:\n{sidecar.last_words()}")
    samples = {name: _answers(sent, name, start_s) for name in script.names()}
    late_ms = max((each.late_p99_ms or 0.0 for _, each in sent), default=0.0)
    recording = Recording(tenant.arm, script, samples, watcher.readings, cores, late_ms, watcher.missed)
    return Run(recording, tenant.deaths, tenant.group.kills(), watcher.peak_bytes)


def _send(tenants: Sequence[Tenant], script: Script, start_s: float) -> dict[str, list[Sent]]:
    """Generators by pod; those that are needed first are started first."""
    found: dict[str, list[Sent]] = {tenant.ip: [] for tenant in tenants}
    for number, flow in enumerate(script.flows):
        for tenant in tenants:
            plan = dataclasses.replace(flow.plan(tenant.sidecar.inbound, start_s), timeout_s=PATIENCE_S)
            found[tenant.ip].append((flow.name, load.start(tenant.children, plan, name=f"load-{number}")))
    return found


def _answers(sent: Sequence[Sent], wanted: str, start_s: float) -> list[load.Sample]:
    found = [sample for name, each in sent if name == wanted for sample in each.finish()]
    return sorted(sample._replace(due_s=sample.due_s - start_s) for sample in found)
