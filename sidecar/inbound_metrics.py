"""The metrics of the inbound games and of degradation (wire.md), read when somebody scrapes.

Series per caller are bounded: those being punished first, then those with the lowest reputation; the rest is `other`.
"""

from collections.abc import Iterator
from typing import Final

from sidecar.exposition import CounterMetricFamily, GaugeMetricFamily, Metric
from sidecar.game import callers
from sidecar.policy.gate import IN, Gate
from sidecar.policy.police import Account

MOST_CALLERS: Final = 64
MOST_PREFIXES: Final = 16
OTHER: Final = "other"
_GAUGES: Final = {
    "equilibrium_queue_fill": "Requests waiting for admission over the queue's bound",
    "equilibrium_red_drop_probability": "Random early detection: refused of those beyond their share",
    "equilibrium_auction_price": "What the last spare slot cost",
    "equilibrium_concurrency_limit": "Requests the application is given at once",
    "equilibrium_exploitability": "What a best reply gains against the mixed defence, of the payoff range",
}


class InboundMetrics:
    """`target`: the workload in front of which this sidecar stands."""

    def __init__(self, gate: Gate, target: str) -> None:
        self._gate = gate
        self._target = target

    def collect(self) -> Iterator[Metric]:
        """One scrape."""
        yield from self._callers()
        yield from self._capacity()
        yield _counter(
            "equilibrium_admission",
            "What became of requests at the application's door",
            "decision",
            {"admitted" if name == IN else name: n for name, n in self._gate.decisions.items()},
        )
        yield _counter(
            "equilibrium_drops", "Requests refused at the application's door", "cause", self._drops()
        )
        defence = GaugeMetricFamily(
            "equilibrium_defense_probability", "The mixed defence against an adversary", labels=["measure"]
        )
        for measure, probability in sorted(self._gate.defence.probabilities.items()):
            defence.add_metric([measure], probability)
        yield defence
        yield self._types()

    def _types(self) -> Metric:
        """Only of prefixes under suspicion: anybody can have a prefix."""
        types = GaugeMetricFamily(
            "equilibrium_caller_type_probability",
            "Posterior of what calls from a prefix under suspicion",
            labels=["prefix", "type"],
        )
        posterior = self._gate.defence.posterior()
        for prefix in self._gate.defence.adversaries[:MOST_PREFIXES]:
            for kind, probability in zip(callers.TYPES, posterior.get(prefix, ()), strict=False):
                types.add_metric([prefix, kind], probability)
        return types

    def _drops(self) -> dict[str, int]:
        decisions = self._gate.decisions
        refused = {cause: decisions.get(cause, 0) for cause in ("punished", "defence")}
        return {**self._gate.admission.drops, **refused}

    def _capacity(self) -> Iterator[Metric]:
        admission = self._gate.admission
        values = (
            admission.room.fill,
            admission.room.red,
            admission.room.price,
            float(admission.slots),
            self._gate.defence.exploitability,
        )
        for (name, text), value in zip(_GAUGES.items(), values, strict=True):
            yield GaugeMetricFamily(name, text, value=value)

    def _callers(self) -> Iterator[Metric]:
        labels = ["caller", "target"]
        reputation = GaugeMetricFamily(
            "equilibrium_reputation_score", "How this workload sees a caller; 1: cooperative", labels=labels
        )
        active = GaugeMetricFamily(
            "equilibrium_punishment_active", "1 while a caller is throttled to its level", labels=labels
        )
        level = GaugeMetricFamily(
            "equilibrium_punishment_level", "Requests/s a caller keeps while punished", labels=labels
        )
        offered = GaugeMetricFamily(
            "equilibrium_caller_offered", "Requests/s a caller offered in the last tick", labels=labels
        )
        for name, accounts in _shown(list(self._gate.police.accounts.values())).items():
            worst = min(accounts, key=lambda account: account.score)
            reputation.add_metric([name, self._target], worst.score)
            active.add_metric([name, self._target], float(any(a.punished for a in accounts)))
            level.add_metric([name, self._target], worst.level)
            offered.add_metric([name, self._target], sum(account.offered for account in accounts))
        yield from (reputation, active, level, offered)


def _shown(accounts: list[Account]) -> dict[str, list[Account]]:
    """Callers by the label they are shown with."""
    ranked = sorted(accounts, key=lambda account: (not account.punished, account.score, account.workload))
    shown = {account.workload: [account] for account in ranked[:MOST_CALLERS]}
    if len(ranked) > MOST_CALLERS:
        shown[OTHER] = ranked[MOST_CALLERS:]
    return shown


def _counter(name: str, text: str, label: str, counts: dict[str, int]) -> Metric:
    counter = CounterMetricFamily(name, text, labels=[label])
    for key, value in sorted(counts.items()):
        counter.add_metric([key], value)
    return counter
