"""The coordinator's metrics, in a registry of their own.

What is said of single pods is in `pod_metrics`. Everything else has labels from short lists of words.
"""

from collections import Counter as Tally
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from prometheus_client import Counter, Gauge, Histogram, ProcessCollector, disable_created_metrics
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector, CollectorRegistry

from coordinator.pod_metrics import Market, Pods
from coordinator.record import Cycle

_SECONDS: Final = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
RESULTS: Final = ("done", "idle", "failed")
MOST_WORDS: Final = 64
"""Reasons kept apart; a further one is `other`."""


class Words(Collector):
    """A counter with one label whose values somebody else makes up."""

    def __init__(self, name: str, text: str, label: str) -> None:
        self._name, self._text, self._label = name, text, label
        self._counts: Tally[str] = Tally()

    def add(self, word: str, count: int = 1) -> None:
        """Count it."""
        room = word in self._counts or len(self._counts) < MOST_WORDS
        self._counts[word if room else "other"] += count

    def collect(self) -> Iterator[Metric]:
        """At a scrape."""
        family = CounterMetricFamily(self._name, self._text, labels=(self._label,))
        for word, count in self._counts.items():
            family.add_metric((word,), count)
        yield family


class Metrics:
    """Everything the coordinator counts."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        registry = self.registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._pods, self._market = Pods(), Market()
        registry.register(self._pods)
        registry.register(self._market)
        self._fairness = Gauge(
            "mbcas_fairness_ratio", "How far shares are from bids; 1: proportional", registry=registry
        )
        self._seconds = Histogram(
            "equilibrium_cycle_seconds",
            "What phases, and whole cycles, take",
            ("phase",),
            registry=registry,
            buckets=_SECONDS,
        )
        self._present = Gauge(
            "equilibrium_coordinator_pods",
            "Pods that opted in, by what was done with them",
            ("state",),
            registry=registry,
        )
        self._held = Gauge(
            "equilibrium_coordinator_held_pods",
            "Pods that keep what they have, or are left alone",
            ("reason",),
            registry=registry,
        )
        self._cycles = Counter(
            "equilibrium_coordinator_cycles", "Cycles by how they ended", ("result",), registry=registry
        )
        for result in RESULTS:
            self._cycles.labels(result)  # 0 before the first: a rate misses the event a series begins with
        self._vetoes = self._words("vetoes", "Pods' noes, by the first word of the reason", "reason")
        self._silences = self._words("silent_sidecars", "Sidecars that did not say what they want", "reason")
        self._stand_downs = Words(
            "equilibrium_stand_downs", "Pods that began to be left to somebody else, by whom", "reason"
        )
        registry.register(self._stand_downs)
        self._stood_down = Gauge(
            "equilibrium_stood_down", "Pods left to somebody else", ("reason",), registry=registry
        )
        self._api = self._words("api_failures", "Mishaps with the API server, by what was followed", "what")

    def _words(self, name: str, text: str, label: str) -> Words:
        words = Words(f"equilibrium_coordinator_{name}", text, label)
        self.registry.register(words)
        return words

    def watch(
        self,
        leading: Callable[[], bool],
        skipped: Callable[[], int],
        telemetry: Callable[[], Mapping[tuple[str, str], int]],
        events: Callable[[], Mapping[str, int]],
    ) -> None:
        """Read these whenever somebody scrapes."""
        self.registry.register(_Watched(leading, skipped, telemetry, events))

    def api_failed(self, what: str) -> None:
        """A list or watch went wrong."""
        self._api.add(what)

    def cycle(self, cycle: Cycle) -> None:
        """One is over."""
        for phase, seconds in cycle.seconds.items():
            self._seconds.labels(phase).observe(seconds)
        result = "failed" if cycle.failures else "idle" if cycle.idle else "done"
        self._cycles.labels(result).inc()
        for silence in cycle.silences:
            self._silences.add(silence.word)
        self._states(cycle)
        self._pods.cycle(cycle)
        for _, consent in cycle.consents:
            if consent.answer == "vetoed":
                self._vetoes.add(consent.reason.partition(":")[0])
        if cycle.plan is not None and cycle.plan.markets:  # where nothing was decided the last figures stand
            self._fairness.set(cycle.plan.fairness)
            self._market.planned(cycle.plan)

    def _states(self, cycle: Cycle) -> None:
        skipped = cycle.found.skipped if cycle.found is not None else ()
        held = cycle.plan.held if cycle.plan is not None else ()
        counts = {"market": len(cycle.market), "skipped": len(skipped), "stood-down": len(cycle.stood_down)}
        for state, count in counts.items():
            self._present.labels(state).set(count)
        for word in cycle.news:
            self._stand_downs.add(word)
        self._stood_down.clear()
        for reason, count in Tally(each.reason for each in cycle.stood_down).items():
            self._stood_down.labels(reason).set(count)
        self._held.clear()
        reasons = [each.reason for each in skipped] + [each.reason for each in (*cycle.stood_down, *held)]
        for reason, count in Tally(reasons).items():
            self._held.labels(reason).set(count)


class _Watched(Collector):
    def __init__(
        self,
        leading: Callable[[], bool],
        skipped: Callable[[], int],
        telemetry: Callable[[], Mapping[tuple[str, str], int]],
        events: Callable[[], Mapping[str, int]],
    ) -> None:
        self._leading, self._skipped = leading, skipped
        self._telemetry, self._events = telemetry, events

    def collect(self) -> Iterator[Metric]:
        """At a scrape."""
        yield GaugeMetricFamily(
            "equilibrium_coordinator_leading", "1 while this one may write", value=float(self._leading())
        )
        yield CounterMetricFamily(
            "equilibrium_coordinator_cycles_skipped",
            "Cycles that were due while another ran",
            value=self._skipped(),
        )
        asked = CounterMetricFamily(
            "equilibrium_coordinator_prometheus_failures",
            "Queries and samples that were of no use",
            labels=("signal", "reason"),
        )
        for key, count in self._telemetry().items():
            asked.add_metric(key, count)
        yield asked
        told = CounterMetricFamily(
            "equilibrium_coordinator_events", "Kubernetes Events: sent, dropped, failed", labels=("result",)
        )
        for result, count in self._events().items():
            told.add_metric((result,), count)
        yield told
