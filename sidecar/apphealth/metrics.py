"""The probes' one metric. Its series are bounded by the configuration."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from sidecar.apphealth.prober import AppHealth


class AppHealthMetrics(Collector):
    """Reads the counts when somebody scrapes."""

    def __init__(self, health: AppHealth) -> None:
        self._health = health

    def collect(self) -> Iterator[Metric]:
        """One scrape."""
        probes = CounterMetricFamily(
            "equilibrium_app_probes",
            "Times the application was asked for its health, as the kubelet would have",
            labels=["container", "probe", "outcome"],
        )
        for labels, count in sorted(self._health.outcomes.items()):
            probes.add_metric(labels, count)
        yield probes
