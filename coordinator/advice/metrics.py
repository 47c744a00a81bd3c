"""Metrics of advice and of the store, read off at a scrape."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from coordinator.advice.board import Board
from coordinator.advice.epochs import Epochs
from coordinator.policy.advice.adviser import Adviser
from coordinator.policy.advice.epoch import Solved
from coordinator.store.gossip import Gossip
from coordinator.store.sync import Sync


@dataclass(slots=True)
class Answers:
    """By status; streams count when they begin."""

    counts: Counter[int] = field(default_factory=Counter)


class AdviceMetrics(Collector):
    """`sync`: None where nothing is shared."""

    def __init__(
        self,
        adviser: Adviser,
        board: Board,
        epochs: Epochs,
        answers: Answers,
        gossip: Gossip,
        sync: Sync | None,
    ) -> None:
        self._adviser = adviser
        self._board = board
        self._epochs = epochs
        self._answers = answers
        self._gossip = gossip
        self._sync = sync

    def collect(self) -> Iterator[Metric]:
        """At a scrape."""
        epoch = self._board.epoch
        yield from _games(epoch.games if epoch is not None else {})
        results = CounterMetricFamily(
            "equilibrium_advice_epochs", "Epochs of advice, by how they ended", labels=("result",)
        )
        for result, count in self._epochs.results.items():
            results.add_metric((result,), count)
        yield results
        yield CounterMetricFamily(
            "equilibrium_advice_work_seconds", "Spent on working epochs out", value=self._epochs.spent_s
        )
        answers = CounterMetricFamily(
            "equilibrium_advice_answers", "Questions for advice, by the answer's status", labels=("status",)
        )
        for status, count in self._answers.counts.items():
            answers.add_metric((str(status),), count)
        yield answers
        yield GaugeMetricFamily(
            "equilibrium_advice_sidecars", "Sidecars that report", value=len(self._adviser.reports)
        )
        yield GaugeMetricFamily(
            "equilibrium_advice_held",
            "Questions and streams that wait for the next epoch",
            value=self._board.held,
        )
        yield GaugeMetricFamily(
            "equilibrium_advice_reputations",
            "Pairs of caller and target that are known",
            value=len(self._gossip),
        )
        if self._sync is not None:
            yield from _store(self._sync)


def _games(games: Mapping[str, Solved]) -> Iterator[Metric]:
    solved = {name: each for name, each in games.items() if not each.infeasible}
    for name, text, value in (
        ("gap", "What a player gains by disobeying at most, relative to the mean cost", "gap"),
        ("welfare_ratio", "Total cost of the advice over that of the best found", "welfare_ratio"),
        ("players", "Sidecars, or groups of them, that are advised", "players"),
    ):
        family = GaugeMetricFamily(f"equilibrium_advice_{name}", text, labels=("service",))
        for service, each in solved.items():
            family.add_metric((service,), getattr(each, value))
        yield family


def _store(sync: Sync) -> Iterator[Metric]:
    yield GaugeMetricFamily("equilibrium_store_up", "1 while the store answers", value=float(sync.up))
    failures = CounterMetricFamily(
        "equilibrium_store_failures", "What the store could not do, by the reason", labels=("reason",)
    )
    for reason, count in sync.counts.items():
        failures.add_metric((reason,), count)
    yield failures
