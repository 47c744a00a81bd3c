"""What the feed counts."""

from collections import Counter as Tally
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from prometheus_client import Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

SECONDS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


@dataclass(frozen=True, slots=True)
class Figures:
    """What is read when somebody scrapes."""

    subscribers: int
    services: int
    changes: Mapping[str, int]
    reviews: Mapping[str, int]
    silent_s: Mapping[str, float]
    """Since the API server said anything, by collection."""


class Metrics(Collector):
    """Everything of one feed; `look` is called at each scrape."""

    def __init__(self, look: Callable[[], Figures]) -> None:
        self._look = look
        self._answers: Tally[str] = Tally()
        self._refusals: Tally[str] = Tally()
        self._bytes = 0
        self.tell = Histogram(
            "equilibrium_feed_tell_seconds",
            "From a change seen at the API server to the answer of a question that was held for it",
            registry=None,
            buckets=SECONDS,
        )

    def answered(self, kind: str, size: int) -> None:
        """`kind`: full, changes or nothing; `size` in bytes, as it is sent."""
        self._answers[kind] += 1
        self._bytes += size

    def refused(self, status: int) -> None:
        """By its reason: short words of the status."""
        reasons = {400: "malformed", 401: "unauthorized", 403: "forbidden", 413: "too-large", 429: "too-many"}
        self._refusals[reasons.get(status, "unavailable")] += 1

    @property
    def totals(self) -> dict[str, object]:
        """For `/state`."""
        return {"answers": dict(self._answers), "refusals": dict(self._refusals), "bytes": self._bytes}

    def collect(self) -> Iterator[Metric]:
        """At a scrape."""
        now = self._look()
        yield GaugeMetricFamily(
            "equilibrium_feed_subscribers", "Questions held open", value=float(now.subscribers)
        )
        yield GaugeMetricFamily(
            "equilibrium_feed_services",
            "Services (host and port) that can be asked for",
            value=float(now.services),
        )
        yield _counted("feed_changes", "Changes told, of services and of callers", "kind", now.changes)
        yield _counted("feed_answers", "Answers, by what they say", "kind", self._answers)
        yield _counted("feed_refusals", "Questions refused", "reason", self._refusals)
        yield _counted("token_reviews", "Tokens asked about: good, refused, failed", "result", now.reviews)
        silent = GaugeMetricFamily(
            "equilibrium_feed_silent_seconds",
            "Since the API server last said anything of it; it does about once a minute",
            labels=("collection",),
        )
        for collection, seconds in now.silent_s.items():
            silent.add_metric((collection,), seconds)
        yield silent
        yield CounterMetricFamily("equilibrium_feed_bytes", "Of answers, as sent", value=self._bytes)
        yield from self.tell.collect()


def _counted(name: str, text: str, label: str, counts: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(f"equilibrium_{name}", text, labels=(label,))
    for word, count in counts.items():
        family.add_metric((word,), count)
    return family
