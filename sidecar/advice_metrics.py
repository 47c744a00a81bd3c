"""What becomes of the coordinator's advice, by service: series only for those that are or were advised."""

from collections.abc import Iterator
from typing import Final

from sidecar import clock
from sidecar.exposition import CounterMetricFamily, GaugeMetricFamily, Metric
from sidecar.policy.advice import WHY_NOT, Advice
from sidecar.policy.catalog import Catalog

_GAUGES: Final = {
    "obeyed": "1 while advice is in force and obeyed, 0 otherwise",
    "conditional_regret": "What this advice has cost above our own mix, relative to the mean; negative: it is better",
    "epoch": "Of the advice in force",
    "expires_in_seconds": "How long it stays so; 0: there is none",
}


class AdviceMetrics:
    """Reads the routers."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def collect(self) -> Iterator[Metric]:
        """One scrape."""
        advised = [
            (service.name, service.router.advice)
            for service in self._catalog.services.values()
            if service.router.advice is not None
        ]
        followed = CounterMetricFamily(
            "equilibrium_advice_followed",
            "Requests that went where the coordinator advised",
            labels=["service"],
        )
        ignored = CounterMetricFamily(
            "equilibrium_advice_ignored",
            "Requests there was advice for that did not follow it",
            labels=["service", "reason"],
        )
        for name, advice in advised:
            followed.add_metric([name], advice.followed)
            for why in WHY_NOT:
                ignored.add_metric([name, why], advice.ignored.get(why, 0))
        yield followed
        yield ignored
        yield from _gauges(advised)


def _gauges(advised: list[tuple[str, Advice]]) -> Iterator[Metric]:
    now = clock.now()
    for key, text in _GAUGES.items():
        gauge = GaugeMetricFamily(f"equilibrium_advice_{key}", text, labels=["service"])
        for name, advice in advised:
            gauge.add_metric([name], _values(advice, now)[key])
        yield gauge


def _values(advice: Advice, now: float) -> dict[str, float]:
    column = advice.column
    return {
        "obeyed": float(advice.obeys and bool(advice.action)),
        "conditional_regret": advice.trial.regret(),
        "epoch": float(column.epoch) if column is not None else 0.0,
        "expires_in_seconds": max(0.0, column.expires_at - now) if column is not None else 0.0,
    }
