"""What the program is made of, as its settings decide: one function a part."""

import os
import random
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from sidecar.advice.reports import Reports
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

if TYPE_CHECKING:
    from sidecar.advice.client import AdviceClient
    from sidecar.kube.client import Client


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


def source(settings: Settings, clients: "Clients", failed: Callable[[DiscoveryError], None]) -> Source:
    """Of endpoints."""
    if settings.discovery.kind == "file":
        return FileSource(settings.discovery.argument, failed)
    if settings.discovery.kind == "dns":
        from sidecar.discovery.dns import DnsSource  # 1.3 MB with c-ares: only who asks for it pays

        return DnsSource.from_servers(settings.dns, failed)
    if settings.discovery.kind == "kubernetes":
        from sidecar.discovery.kubernetes import KubernetesSource
        from sidecar.kube.client import Client, in_cluster

        access = in_cluster(os.environ, settings.token, settings.ca)
        return KubernetesSource(Client(access), settings.workload.partition("/")[0], failed)
    from sidecar.discovery.coordinator import CoordinatorSource

    client = clients.of(settings.discovery.argument)
    return CoordinatorSource(client, settings.workload, settings.zone, failed)


def advice(
    settings: Settings,
    clients: "Clients",
    reports: Callable[[], Reports],
    failed: Callable[[DiscoveryError], None],
) -> "AdviceClient | None":
    """Who asks for it; None: nobody is to be asked."""
    if settings.advice_url is None:
        return None
    from sidecar.advice.client import AdviceClient
    from sidecar.advice.messages import Asker

    told = reports()
    asker = Asker(settings.workload, settings.pod, settings.node, settings.zone)
    return AdviceClient(clients.of(settings.advice_url), asker, told.told, told.advise, failed)


class Clients:
    """One pool of connections for each coordinator: the feed's and the advice's may be the same."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._known: dict[str, Client] = {}

    def of(self, url: str) -> "Client":
        """The client for a coordinator."""
        from sidecar.discovery import feed
        from sidecar.kube.client import Access, Client  # aiohttp's client: only who asks for it pays
        from sidecar.kube.meshkey import Signer

        if url not in self._known:
            settings = self._settings
            key = settings.mesh_key_bytes
            sign = Signer(key, settings.workload) if key is not None else None
            access = Access(url, settings.token, settings.ca, sign=sign)
            self._known[url] = Client(access, largest_bytes=feed.LARGEST_BYTES)
        return self._known[url]
