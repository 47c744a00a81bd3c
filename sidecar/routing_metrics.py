"""The routing game's metrics (wire.md): what each service's router knows, read when somebody scrapes.

Per-endpoint series for services of at most 16 endpoints, else for the 16 with the largest share and all that are
not admitted.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from sidecar import clock
from sidecar.exposition import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from sidecar.policy.services import Service

MOST_ENDPOINTS: Final = 16
CONVERGENCE_BUCKETS_S: Final = (1.0, 2.0, 5.0, 7.5, 10.0, 15.0, 20.0, 30.0, 60.0)

_PER_ENDPOINT: Final = {
    "routing_probability": ("mix", "The mix: probability of each endpoint"),
    "regret_total": ("regrets", "Discounted regret of not having played this endpoint more (losses in 0..1)"),
    "cost_prediction_error": (
        "prediction_error",
        "Relative error of predicted cost over 10 s, calibrated per service",
    ),
    "predicted_cost_seconds": ("costs", "What one more request is expected to cost"),
}
_PER_SERVICE: Final = {
    "nash_equilibrium": (
        "nash",
        "1 when the best deviation gains at most 15 %; absent below 50 requests in 5 s",
    ),
    "nash_gap": ("gap", "What the best deviation would gain, relative to the best cost"),
    "convergence_distance": ("lyapunov", "V = half the squared regret vector"),
    "potential": ("potential", "Beckmann's potential over measured latency curves"),
}


class RoutingMetrics:
    """`collect` renders; convergence times are kept as a histogram between scrapes."""

    def __init__(self, *, per_endpoint: bool) -> None:
        self._per_endpoint = per_endpoint
        self._seconds: dict[str, list[float]] = {}

    def collect(self, services: Iterable[Service]) -> Iterator[Metric]:
        """One scrape."""
        now = clock.now()
        told = [(service, service.router.snapshot(now)) for service in services]
        if self._per_endpoint:
            yield from self._endpoints(told)
        yield from _services(told)
        yield self._convergence([service for service, _ in told])
        yield _reasons(told)

    def _endpoints(self, told: list[tuple[Service, dict[str, object]]]) -> Iterator[Metric]:
        for name, (key, text) in _PER_ENDPOINT.items():
            gauge = GaugeMetricFamily(f"equilibrium_{name}", text, labels=["action", "service"])
            for service, snapshot in told:
                values = _mapping(snapshot.get(key))
                for address in shown(snapshot):
                    value = values.get(address)
                    if isinstance(value, (int, float)):
                        gauge.add_metric([_label(service, address), service.name], value)
            yield gauge
        health = GaugeMetricFamily(
            "equilibrium_endpoint_health",
            "1 for the state an endpoint is in",
            labels=["action", "service", "state"],
        )
        types = GaugeMetricFamily(
            "equilibrium_endpoint_type_probability",
            "Posterior of the hidden type: healthy, degraded, failing",
            labels=["action", "service", "type"],
        )
        for service, snapshot in told:
            states, posteriors = _mapping(snapshot.get("health")), _mapping(snapshot.get("types"))
            for address in shown(snapshot):
                labels = [_label(service, address), service.name]
                health.add_metric([*labels, str(states.get(address, "admitted"))], 1)
                for kind, probability in _mapping(posteriors.get(address)).items():
                    types.add_metric([*labels, kind], float(str(probability)))
        yield health
        yield types

    def _convergence(self, services: list[Service]) -> Metric:
        histogram = HistogramMetricFamily(
            "equilibrium_convergence_seconds",
            "From a change (endpoints, health, shares) until shares move by less than 0.05 per second",
            labels=["service"],
        )
        known = {service.name for service in services}
        self._seconds = {name: seconds for name, seconds in self._seconds.items() if name in known}
        for service in services:
            seconds = self._seconds.setdefault(service.name, [0.0] * (len(CONVERGENCE_BUCKETS_S) + 2))
            for took in service.router.ledger.take_settled():
                seconds[sum(bound < took for bound in CONVERGENCE_BUCKETS_S)] += 1
                seconds[-1] += took
            histogram.add_metric([service.name], _cumulative(seconds[:-1]), sum_value=seconds[-1])
        return histogram


def shown(snapshot: Mapping[str, object]) -> list[str]:
    """Endpoints that get series: the 16 with the largest probability, and all that are not admitted."""
    mix = _mapping(snapshot.get("mix"))
    health = _mapping(snapshot.get("health"))
    if len(mix) <= MOST_ENDPOINTS:
        return list(mix)
    largest = sorted(mix, key=lambda address: -float(str(mix[address])))
    top = largest[:MOST_ENDPOINTS]
    return top + [a for a in largest[MOST_ENDPOINTS:] if health.get(a) != "admitted"]


def _services(told: list[tuple[Service, dict[str, object]]]) -> Iterator[Metric]:
    for name, (key, text) in _PER_SERVICE.items():
        gauge = GaugeMetricFamily(f"equilibrium_{name}", text, labels=["service"])
        for service, snapshot in told:
            value = snapshot.get(key)
            if isinstance(value, (int, float)):
                gauge.add_metric([service.name], value)
        yield gauge
    average = GaugeMetricFamily(
        "equilibrium_regret_average", "Mean regret over a service's endpoints", labels=["service"]
    )
    for service, snapshot in told:
        regrets = [float(str(value)) for value in _mapping(snapshot.get("regrets")).values()]
        if regrets:
            average.add_metric([service.name], sum(regrets) / len(regrets))
    yield average


def _reasons(told: list[tuple[Service, dict[str, object]]]) -> Metric:
    picks = CounterMetricFamily(
        "equilibrium_picks", "Decisions by reason (/explain says more)", labels=["service", "reason"]
    )
    for service, snapshot in told:
        for reason, count in _mapping(snapshot.get("reasons")).items():
            picks.add_metric([service.name, reason], float(str(count)))
    return picks


def _label(service: Service, address: str) -> str:
    endpoint = service.endpoints.get(address)
    return endpoint.label if endpoint is not None else address


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _cumulative(counts: list[float]) -> list[tuple[str, float]]:
    rows, running = [], 0.0
    for bound, count in zip((*CONVERGENCE_BUCKETS_S, float("inf")), counts, strict=True):
        running += count
        rows.append(("+Inf" if bound == float("inf") else repr(bound), running))
    return rows
