"""The probes' one metric. Its series are bounded by the configuration."""

from collections.abc import Iterator

from sidecar.apphealth.prober import AppHealth
from sidecar.exposition import CounterMetricFamily, Metric


class AppHealthMetrics:
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
