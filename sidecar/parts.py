"""What the program is made of, as its settings decide: one function a part."""

import os
import random
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from sidecar.discovery.file import FileSource
from sidecar.discovery.source import Source
from sidecar.errors import DiscoveryError
from sidecar.events import Bus
from sidecar.policy.ask import AdmissionConfig
from sidecar.policy.gate import Gate, GateConfig
from sidecar.policy.router import Router
from sidecar.policy.strategies import STRATEGIES
from sidecar.pressure import page
from sidecar.pressure.cgroup import Cgroup
from sidecar.pressure.proc import Processes
from sidecar.pressure.processes import AppProcesses
from sidecar.pressure.sources import Source as MemorySource
from sidecar.pressure.sources import Sources
from sidecar.pressure.usage import UsageUrl
from sidecar.proxy.inbound import Inbound
from sidecar.settings import Settings
from sidecar.strain import Strain


def router(settings: Settings) -> Router:
    """For one destination service."""
    config = replace(
        STRATEGIES[settings.strategy], hedging=settings.hedge, observe=settings.mode == "observe"
    )
    return Router(config, rng=random.Random())  # noqa: S311 (routing, not secrets)


def gate(settings: Settings) -> Gate | None:
    """For our own application; None: everybody is let in (strategy `none`)."""
    if settings.strategy == "none":
        return None
    probes = tuple(path.encode() for path in settings.probe_paths)
    config = GateConfig(
        limit=settings.limiter,
        concurrency=settings.concurrency,
        enforce=settings.mode == "active",
        admission=AdmissionConfig(probe_paths=probes),
    )
    return Gate(config, rng=random.Random())  # noqa: S311 (policy, not secrets)


def strain(settings: Settings, inbound: Inbound, bus: Bus) -> Strain:
    """With the sources of memory that there are: processes only where the pod shares them."""
    own = Cgroup()
    processes = Processes()
    known: list[MemorySource] = [AppProcesses(processes)] if processes.shared else []
    if settings.usage_url is not None:
        known.append(UsageUrl(partial(page.fetch, settings.usage_url)))
    return Strain(
        inbound,
        Sources(known, own, limit_bytes=settings.memory_limit),
        bus,
        own=own,
        folder=Path(settings.flight) if settings.flight is not None else None,
        workload=settings.workload,
    )


def source(settings: Settings, failed: Callable[[DiscoveryError], None]) -> Source:
    """Of endpoints."""
    if settings.discovery.kind == "file":
        return FileSource(settings.discovery.argument, failed)
    if settings.discovery.kind == "dns":
        from sidecar.discovery.dns import DnsSource  # 1.3 MB with c-ares: only who asks for it pays

        return DnsSource.from_servers(settings.dns, failed)
    return _remote_source(settings, failed)


def _remote_source(settings: Settings, failed: Callable[[DiscoveryError], None]) -> Source:
    from sidecar.kube.client import Access, Client, in_cluster  # aiohttp's client: only who asks for it pays

    if settings.discovery.kind == "kubernetes":
        from sidecar.discovery.kubernetes import KubernetesSource

        access = in_cluster(os.environ, settings.token, settings.ca)
        return KubernetesSource(Client(access), settings.workload.partition("/")[0], failed)
    from sidecar.discovery import feed
    from sidecar.discovery.coordinator import CoordinatorSource

    access = Access(settings.discovery.argument, settings.token, settings.ca)
    client = Client(access, largest_bytes=feed.LARGEST_BYTES)
    return CoordinatorSource(client, settings.workload, settings.zone, failed)
