"""The coordinator's metrics, in a registry of their own.

What is said of a pod is said of those of the last cycle: series of pods that left go with them. Everything else has
labels from short lists of words.
"""

from collections import Counter as Tally
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from prometheus_client import Counter, Gauge, Histogram, ProcessCollector, disable_created_metrics
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector, CollectorRegistry

from coordinator.policy.grant import Grant
from coordinator.policy.outcome import Outcome
from coordinator.record import Cycle

_SECONDS: Final = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
MOST_WORDS: Final = 64
"""Reasons kept apart; a further one is `other`."""


class Pods(Collector):
    """What is said of single pods, by namespace and name."""

    def __init__(self) -> None:
        self.alloc_m: dict[tuple[str, str], int] = {}
        self.bids: dict[tuple[str, str], float] = {}
        self.deltas_m: dict[tuple[str, str], int] = {}
        self.events: dict[tuple[str, str], Tally[str]] = {}

    def keep(self, present: set[tuple[str, str]]) -> None:
        """Forget the others."""
        for key in self.events.keys() - present:
            del self.events[key]

    def collect(self) -> Iterator[Metric]:
        """At a scrape."""
        yield _gauge(
            "mbcas_alloc_cpu_mcores", "CPU the pod has: its limit, or what the policy sets", self.alloc_m
        )
        yield _gauge("mbcas_effective_bid", "Budget times average demand", self.bids)
        yield _gauge(
            "mbcas_resize_delta_mcores", "CPU given (taken: negative) in the last cycle", self.deltas_m
        )
        events = CounterMetricFamily(
            "mbcas_resize_events",
            "What became of the pod's resizes: up, down, memory, revert, or why not",
            labels=("namespace", "pod", "action"),
        )
        for key, actions in self.events.items():
            for action, count in actions.items():
                events.add_metric((*key, action), count)
        yield events


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
        self._pods = Pods()
        registry.register(self._pods)
        self._potential: Gauge | None = None
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
        self._of_pods(cycle)
        if cycle.plan is not None and cycle.plan.markets:  # where nothing was decided the last figures stand
            self._fairness.set(cycle.plan.fairness)
            if cycle.plan.potential is not None:
                self._played(cycle.plan.potential)

    def _played(self, potential: float) -> None:
        """There is such a series only where agents play."""
        if self._potential is None:
            text = "Minus the potential of the agents' game: rises, then stays"
            self._potential = Gauge("gtcas_global_potential", text, registry=self.registry)
        self._potential.set(potential)

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

    def _of_pods(self, cycle: Cycle) -> None:
        subjects = cycle.found.subjects if cycle.found is not None else ()
        keys = {subject.uid: (subject.namespace, subject.name) for subject in subjects}
        pods, bids = self._pods, cycle.plan.bids if cycle.plan is not None else {}
        pods.alloc_m = {keys[subject.uid]: subject.cpu_m for subject in subjects}
        pods.bids = {keys[uid]: bid for uid, bid in bids.items() if uid in keys}
        pods.deltas_m = {keys[subject.uid]: 0 for subject in cycle.market}
        reverts = {id(grant) for grant in (cycle.plan.reverts if cycle.plan is not None else ())}
        for grant, outcome in cycle.outcomes:
            key = grant.subject.namespace, grant.subject.name
            if outcome.kind == "applied":
                pods.deltas_m[key] = grant.delta_m
                pods.alloc_m[key] = grant.subject.cpu_m + grant.delta_m
            action = (
                "revert" if id(grant) in reverts and outcome.kind == "applied" else action_of(grant, outcome)
            )
            pods.events.setdefault(key, Tally())[action] += 1
        for grant, consent in cycle.consents:
            if consent.answer == "vetoed":
                self._vetoes.add(consent.reason.partition(":")[0])
                key = grant.subject.namespace, grant.subject.name
                pods.events.setdefault(key, Tally())["vetoed"] += 1
        for grant, outcome in cycle.judged:
            if outcome.kind != "applied" or outcome.restarted:
                key = grant.subject.namespace, grant.subject.name
                word = "restarted" if outcome.restarted else outcome.kind
                pods.events.setdefault(key, Tally())[word] += 1
        pods.keep(set(keys.values()))


def action_of(grant: Grant, outcome: Outcome) -> str:
    """The word for what became of a resize."""
    if outcome.kind != "applied":
        return outcome.kind
    return "up" if grant.delta_m > 0 else "down" if grant.delta_m < 0 else "memory"


def _gauge(name: str, text: str, values: Mapping[tuple[str, str], float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=("namespace", "pod"))
    for key, value in values.items():
        family.add_metric(key, value)
    return family


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
