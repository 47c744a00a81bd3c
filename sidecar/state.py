"""What the sidecar tells of itself, for the admin port: `/state`, `/demand`, `/explain`, and whether it is ready."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sidecar import clock
from sidecar.discovered import Discovered
from sidecar.policy.catalog import Catalog
from sidecar.proxy.inbound import Inbound
from sidecar.proxy.outbound import Outbound
from sidecar.settings import Settings
from sidecar.strain import Strain

if TYPE_CHECKING:
    from sidecar.advice.client import AdviceClient


class State:
    """Plain values. `events`: how often each thing happened."""

    def __init__(
        self,
        settings: Settings,
        catalog: Catalog,
        discovered: Discovered,
        inbound: Inbound,
        outbound: Outbound,
        strain: Strain,
        advice: "AdviceClient | None",
        events: Mapping[str, int],
    ) -> None:
        self._settings = settings
        self._catalog = catalog
        self._discovered = discovered
        self._inbound = inbound
        self._outbound = outbound
        self._strain = strain
        self._advice = advice
        self._events = events

    def not_ready(self) -> str:
        """Why; empty: it is."""
        return "draining" if self._outbound.draining else self._discovered.missing()

    def snapshot(self) -> dict[str, object]:
        """`/state`: everything."""
        strain = self._strain
        return {
            "workload": self._settings.workload,
            "draining": self._outbound.draining,
            "strategy": self._settings.strategy,
            "services": self._services(),
            "advice": self._advice.state() if self._advice is not None else None,
            "events": dict(self._events),
            "inbound": {
                "in_flight": self._inbound.stats.in_flight,
                "connections": self._inbound.stats.connections,
                **(self._inbound.door.gate.snapshot() if self._inbound.door is not None else {}),
            },
            "degradation": {**strain.governor.snapshot(), "publishing": strain.publishing},
            "demand": self.demand(),
            "memory": strain.memory(),
            "outbound": {
                "in_flight": self._outbound.stats.in_flight,
                "connections": self._outbound.stats.connections,
            },
        }

    def _services(self) -> dict[str, object]:
        now = clock.now()
        return {
            service.name: {
                "host": service.host,
                "port": service.port,
                "endpoints": {address: e.label for address, e in service.endpoints.items()},
                "policy_failures": service.policy_failures,
                **service.router.snapshot(now),
            }
            for service in self._catalog.services.values()
        }

    def demand(self) -> dict[str, object]:
        """`/demand`: how much more this pod could use (docs/demand.md)."""
        settings, strain = self._settings, self._strain
        return {
            **strain.demand.snapshot(),
            "source": strain.readings[0].source if strain.readings else "none",
            "pod": settings.pod,
            "namespace": settings.workload.partition("/")[0],
            "container": settings.container,
        }

    def explain(self, name: str) -> str | None:
        """`/explain`: one service in words; None when there is no such service."""
        for service in self._catalog.services.values():
            if name in (service.name, service.host, f"{service.host}:{service.port}"):
                return service.explain(clock.now())
        return None
