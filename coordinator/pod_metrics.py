"""The market's metrics: what single pods have, are due and bid, what became of their resizes, prices, the potential.

What is said of a pod is said of those of the last cycle: series of pods that left go with them.
"""

from collections import Counter as Tally
from collections.abc import Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from coordinator.policy.grant import Grant
from coordinator.policy.outcome import Outcome
from coordinator.policy.plan import Plan
from coordinator.policy.subject import Subject
from coordinator.record import Cycle

Key = tuple[str, str]
"""Namespace and name of a pod."""
_PER_CORE = 1000
_POTENTIAL = "Market: welfare of what pods have, less that of its solution, per bid; agents: minus their Φ"


class Pods(Collector):
    """What is said of single pods, by namespace and name."""

    def __init__(self) -> None:
        self._alloc_m: dict[Key, float] = {}
        self._target_m: dict[Key, float] = {}
        self._budgets: dict[Key, float] = {}
        self._bids: dict[Key, float] = {}
        self._deltas_m: dict[Key, float] = {}
        self._events: dict[Key, Tally[str]] = {}

    def collect(self) -> Iterator[Metric]:
        """At a scrape."""
        gauges = {
            "mbcas_alloc_cpu_mcores": ("CPU the pod has: its limit, or what the policy sets", self._alloc_m),
            "mbcas_target_cpu_mcores": (
                "CPU the market would give it at once, before guardrails",
                self._target_m,
            ),
            "mbcas_budget": ("What its demand is multiplied by", self._budgets),
            "mbcas_effective_bid": ("Budget times average demand", self._bids),
            "mbcas_resize_delta_mcores": ("CPU given (taken: negative) in the last cycle", self._deltas_m),
        }
        for name, (text, values) in gauges.items():
            gauge = GaugeMetricFamily(name, text, labels=("namespace", "pod"))
            for key, value in values.items():
                gauge.add_metric(key, value)
            yield gauge
        events = CounterMetricFamily(
            "mbcas_resize_events",
            "What became of the pod's resizes: up, down, memory, revert, or why not",
            labels=("namespace", "pod", "action"),
        )
        for key, actions in self._events.items():
            for action, count in actions.items():
                events.add_metric((*key, action), count)
        yield events

    def cycle(self, cycle: Cycle) -> None:
        """One is over."""
        subjects = cycle.found.subjects if cycle.found is not None else ()
        keys = {subject.uid: _key(subject) for subject in subjects}
        plan = cycle.plan
        self._alloc_m = {_key(subject): subject.cpu_m for subject in subjects}
        self._budgets = {_key(subject): subject.budget for subject in subjects}
        self._deltas_m = {_key(subject): 0 for subject in cycle.market}
        self._bids = {keys[uid]: bid for uid, bid in _bids(plan).items() if uid in keys}
        self._target_m = _targets(plan, cycle.market)
        self._happened(cycle)
        for key in self._events.keys() - set(keys.values()):
            del self._events[key]

    def _happened(self, cycle: Cycle) -> None:
        reverts = {id(grant) for grant in (cycle.plan.reverts if cycle.plan is not None else ())}
        for grant, outcome in cycle.outcomes:
            applied = outcome.kind == "applied"
            if applied:
                key = _key(grant.subject)
                self._deltas_m[key] = grant.delta_m
                self._alloc_m[key] = grant.subject.cpu_m + grant.delta_m
            back = applied and id(grant) in reverts
            self._count(grant, "revert" if back else action_of(grant, outcome))
        for grant, consent in cycle.consents:
            if consent.answer == "vetoed":
                self._count(grant, "vetoed")
        for grant, outcome in cycle.judged:
            if outcome.kind != "applied" or outcome.restarted:
                self._count(grant, "restarted" if outcome.restarted else outcome.kind)

    def _count(self, grant: Grant, action: str) -> None:
        self._events.setdefault(_key(grant.subject), Tally())[action] += 1


class Market(Collector):
    """What was decided on nodes. Nothing is said before the first decision."""

    def __init__(self) -> None:
        self._potential: float | None = None
        self._prices: Mapping[str, float] = {}

    def planned(self, plan: Plan) -> None:
        """A plan with markets. Where nobody bids the potential stays what it was."""
        if plan.potential is not None:
            self._potential = plan.potential
        self._prices = {node: _PER_CORE * market.price for node, market in plan.markets.items()}

    def collect(self) -> Iterator[Metric]:
        """At a scrape."""
        potential = GaugeMetricFamily("gtcas_global_potential", _POTENTIAL)
        if self._potential is not None:
            potential.add_metric((), self._potential)
        yield potential
        prices = GaugeMetricFamily(
            "mbcas_price", "Bid that buys a core above the floor; +Inf: none is left", labels=("node",)
        )
        for node, price in self._prices.items():
            prices.add_metric((node,), price)
        yield prices


def action_of(grant: Grant, outcome: Outcome) -> str:
    """The word for what became of a resize."""
    if outcome.kind != "applied":
        return outcome.kind
    return "up" if grant.delta_m > 0 else "down" if grant.delta_m < 0 else "memory"


def _key(subject: Subject) -> Key:
    return subject.namespace, subject.name


def _bids(plan: Plan | None) -> Mapping[str, float]:
    return plan.bids if plan is not None else {}


def _targets(plan: Plan | None, market: tuple[Subject, ...]) -> dict[Key, float]:
    """The solution's real-valued amounts of the pods that took part; those held for now have none."""
    markets = plan.markets.values() if plan is not None else ()
    due = {name: line.exact_m for solved in markets for name, line in solved.lines.items()}
    return {_key(subject): due[subject.key] for subject in market if subject.key in due}
