"""The injector's metrics, in a registry of their own.

Label values are bounded: an API server may send any kind under the sun, and what is none of ours is `other`.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from prometheus_client import Counter, Gauge, Histogram, ProcessCollector, disable_created_metrics
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector, CollectorRegistry

from injector.webhook import Answer

KINDS: Final = frozenset(
    ("Pod", "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob", "ReplicationController")
)
OTHER: Final = "other"
_SECONDS: Final = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)


class Metrics:
    """Everything the injector counts."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._reviews = Counter(
            "equilibrium_injector_reviews",
            "Reviews answered, by what became of them.",
            ("kind", "outcome", "reason"),
            registry=self.registry,
        )
        self._refused = Counter(
            "equilibrium_injector_refused_requests",
            "Requests that were no reviews, by the status they got.",
            ("status",),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "equilibrium_injector_review_seconds",
            "From the whole body having arrived to the answer.",
            registry=self.registry,
            buckets=_SECONDS,
        )
        self._expiry = Gauge(
            "equilibrium_injector_certificate_expiry_timestamp_seconds",
            "When the certificate that is served, and its authority, expire.",
            ("certificate",),
            registry=self.registry,
        )
        self.heals = Counter(
            "equilibrium_injector_bundle_heals",
            "How often our authority was put back into the webhooks' caBundle.",
            registry=self.registry,
        )
        self.renewals = Counter(
            "equilibrium_injector_certificate_renewals",
            "How often this replica made a certificate.",
            registry=self.registry,
        )

    def reviewed(self, answer: Answer, seconds: float) -> None:
        """One review was answered."""
        kind = answer.kind if answer.kind in KINDS else OTHER
        self._reviews.labels(kind, answer.outcome, answer.reason).inc()
        self._seconds.observe(seconds)

    def refused(self, status: int) -> None:
        """A request was turned away before it was looked into."""
        self._refused.labels(str(status)).inc()

    def expires(self, certificate: str, at_s: float) -> None:
        """`certificate`: leaf or authority."""
        self._expiry.labels(certificate).set(at_s)

    def watch_events(self, counts: Callable[[], Mapping[str, int]]) -> None:
        """Read the recorder's counts whenever somebody scrapes."""
        self.registry.register(_Events(counts))


class _Events(Collector):
    def __init__(self, counts: Callable[[], Mapping[str, int]]) -> None:
        self._counts = counts

    def collect(self) -> Iterator[CounterMetricFamily]:
        family = CounterMetricFamily(
            "equilibrium_injector_events",
            "Kubernetes Events: sent, dropped (no room, nobody to tell), failed (not taken).",
            labels=("result",),
        )
        for result, count in self._counts().items():
            family.add_metric((result,), count)
        yield family
