"""Degradation and demand as metrics (wire.md)."""

from collections.abc import Iterator

from sidecar.events import Bus
from sidecar.exposition import CounterMetricFamily, GaugeMetricFamily, Metric
from sidecar.policy.overload.governor import DEGRADED, NORMAL, RECOVERING
from sidecar.settings import Settings
from sidecar.strain import Strain


class StrainMetrics:
    """Read when somebody scrapes."""

    def __init__(self, strain: Strain, bus: Bus, settings: Settings) -> None:
        self._strain = strain
        self._bus = bus
        self._settings = settings

    def collect(self) -> Iterator[Metric]:
        """One scrape."""
        governor = self._strain.governor
        yield GaugeMetricFamily(
            "equilibrium_degradation_scale", "Share of the usual work accepted", value=governor.scale
        )
        yield GaugeMetricFamily(
            "equilibrium_publishing_scale",
            "Share of its usual publishing the sidecar allows itself",
            value=self._strain.publishing,
        )
        state = GaugeMetricFamily(
            "equilibrium_degradation_state", "1 for the state the pod is in", labels=["state"]
        )
        for name in (NORMAL, DEGRADED, RECOVERING):
            state.add_metric([name], float(governor.state == name))
        yield state
        transitions = CounterMetricFamily(
            "equilibrium_degradation_transitions", "How often a state was entered", labels=["state"]
        )
        for name, count in governor.transitions.items():
            transitions.add_metric([name], count)
        yield transitions
        yield from self._memory()
        yield self._demand()

    def _memory(self) -> Iterator[Metric]:
        pressure = GaugeMetricFamily(
            "equilibrium_memory_pressure",
            "Memory in use over its limit, by who measured it; self: the sidecar alone",
            labels=["source"],
        )
        for reading in self._strain.readings:
            if reading.pressure is not None:
                pressure.add_metric([reading.source], reading.pressure)
        yield pressure

    def _demand(self) -> Metric:
        demand = GaugeMetricFamily(
            "mbcas_demand_intensity",
            "How much more the pod could use, 0 to 1 (docs/demand.md)",
            labels=["namespace", "pod", "container"],
        )
        namespace = self._settings.workload.partition("/")[0]
        demand.add_metric(
            [namespace, self._settings.pod, self._settings.container], self._strain.demand.value
        )
        return demand
