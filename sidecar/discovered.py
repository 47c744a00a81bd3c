"""What the source of endpoints has said so far, passed on: to the catalog, to who waits for a service, to the counters.

A source that fails is counted and named; what it said before stays (fail static).
"""

import asyncio
import logging
from collections import Counter
from functools import partial

from sidecar import clock
from sidecar.discovery.source import Source
from sidecar.errors import DiscoveryError
from sidecar.policy.catalog import Catalog
from sidecar.policy.endpoints import EndpointsChanged, Event
from sidecar.proxy.resolve import Resolver
from sidecar.proxy.stats import ProxyStats

log = logging.getLogger("equilibrium")


class Discovered:
    """`heard` is set once the source has published or failed."""

    def __init__(self, catalog: Catalog, events: Counter[str]) -> None:
        self.heard = asyncio.Event()
        self._catalog = catalog
        self._events = events
        self._published = False
        self._optional = False  # the source speaks only when asked
        self._last_error = ""

    async def follow(self, source: Source, resolver: Resolver, stats: ProxyStats) -> None:
        """Until cancelled; `stats`: counters by endpoint, forgotten with it."""
        self._optional = source.on_demand
        await source.run(partial(self._take, resolver, stats))

    def failed(self, error: DiscoveryError) -> None:
        """The source could not be asked."""
        self._events["discovery_error"] += 1
        self.heard.set()
        self._last_error = str(error)
        log.warning("discovery: %s", error)

    def missing(self) -> str:
        """What has to be known before a request can be routed; empty: nothing."""
        if self._published or self._optional:
            return ""
        return f"discovery has said nothing yet {self._last_error}".strip()

    def _take(self, resolver: Resolver, stats: ProxyStats, event: Event) -> None:
        self._published = True
        self.heard.set()
        self._events["discovery"] += 1
        before = self._known(event)
        self._catalog.apply(event, clock.now())
        if isinstance(event, EndpointsChanged):
            after = self._known(event)
            for name, addresses in before.items():
                stats.forget(name, addresses - after.get(name, set()))
            resolver.published(event)

    def _known(self, event: Event) -> dict[str, set[str]]:
        """Service name → addresses, before or after an event."""
        if not isinstance(event, EndpointsChanged):
            return {}
        service = self._catalog.services.get((self._catalog.canonical(event.host), event.port))
        return {service.name: set(service.endpoints)} if service is not None else {}
