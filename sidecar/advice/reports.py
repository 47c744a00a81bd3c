"""What the routers are told and asked: one report of all services, one column for each."""

from collections import deque
from collections.abc import Callable, Mapping
from typing import Final

from sidecar import clock
from sidecar.advice import messages
from sidecar.events import Bus, Event
from sidecar.policy import reporting
from sidecar.policy.advice import Column
from sidecar.policy.catalog import Catalog
from sidecar.policy.gate import Gate
from sidecar.policy.services import Service

DISOBEYED: Final = "ADVICE_DISOBEYED"
"""A service's advice was found to cost more than our own mix."""
MOST_SERVICES: Final = 100
"""Of one report: the busiest."""
MOST_EVENTS: Final = 32
_LONGEST_DETAIL: Final = 200


class Reports:
    """Reads and advises the services of a catalog; `gate` knows the callers, None: there is none."""

    def __init__(
        self, catalog: Catalog, gate: Gate | None, bus: Bus, now: Callable[[], float] = clock.now
    ) -> None:
        self._catalog = catalog
        self._gate = gate
        self._bus = bus
        self._heard = bus.subscribe(MOST_EVENTS)
        self._events: deque[Event] = deque(maxlen=MOST_EVENTS)  # not yet known to have arrived
        self._told = 0
        self._disobeyed: dict[str, int] = {}
        self._now = now

    def told(self) -> dict[str, object]:
        """All services that learn, the busiest first; who misbehaves; what happened."""
        now = self._now()
        self._watch()
        self._events.extend(self._heard.drain())
        self._told = len(self._events)
        services = [self._service(key, service, now) for key, service in self._catalog.services.items()]
        known = [told for told in services if told is not None]
        known.sort(key=lambda told: -float(str(told["rate_per_s"])))
        return {
            "services": known[:MOST_SERVICES],
            "reputations": self._reputations(),
            "events": [_event(event, now) for event in self._events],
        }

    def advise(self, columns: Mapping[str, Column], now: float) -> None:
        """The report has arrived: every service gets its column, or none."""
        for _ in range(min(self._told, len(self._events))):
            self._events.popleft()
        self._told = 0
        for key, service in self._catalog.services.items():
            service.advise(columns.get(messages.name(key)), now)

    def _service(self, key: tuple[str, int], service: Service, now: float) -> dict[str, object] | None:
        if not service.mesh or service.router.config.learner == "none" or not service.endpoints:
            return None
        labels = {address: endpoint.label for address, endpoint in service.endpoints.items()}
        try:
            return reporting.report(messages.name(key), service.router, labels, now)
        except Exception:  # noqa: BLE001 (fail static)
            service.policy_failures += 1
            return None

    def _reputations(self) -> list[dict[str, object]]:
        if self._gate is None:
            return []
        return [
            {"caller": account.workload, "score": account.score, "punished": account.punished}
            for account in self._gate.notable()
        ]

    def _watch(self) -> None:
        """Say once for each time that trust was lost."""
        for service in self._catalog.services.values():
            advice = service.router.advice
            lost = advice.disobeyed if advice is not None else 0
            if advice is not None and lost > self._disobeyed.get(service.name, 0):
                self._bus.publish(DISOBEYED, {"service": service.name, "why": advice.why})
            self._disobeyed[service.name] = lost
        if len(self._disobeyed) > 2 * len(self._catalog.services) + 16:
            self._disobeyed.clear()


def _event(event: Event, now: float) -> dict[str, object]:
    detail = ", ".join(f"{key}={value}" for key, value in event.detail.items())
    return {"kind": event.kind, "at": clock.wall_s() - (now - event.at_s), "detail": detail[:_LONGEST_DETAIL]}
