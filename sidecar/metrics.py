"""The names of wire.md, rendered from plain counters when somebody scrapes.

Nothing on the request path knows Prometheus. Series are bounded: at most 16 endpoints of a service have their
own, the rest is `other`; endpoints that left take their series with them.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Final

from sidecar.exposition import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
    UntypedMetricFamily,
)
from sidecar.policy.catalog import Catalog
from sidecar.policy.services import Service
from sidecar.proxy.inbound import Inbound
from sidecar.proxy.listener import Listener
from sidecar.proxy.outbound import Outbound
from sidecar.proxy.stats import EndpointStats, Histogram
from sidecar.routing_metrics import MOST_ENDPOINTS, RoutingMetrics

OTHER: Final = "other"


class SidecarCollector:
    """Reads the program's counters. `per_endpoint` False: everything of a service under `action="all"`."""

    def __init__(
        self,
        catalog: Catalog,
        outbound: Outbound,
        inbound: Inbound,
        events: Counter[str],
        *,
        per_endpoint: bool,
    ) -> None:
        self._catalog = catalog
        self._outbound = outbound
        self._inbound = inbound
        self._events = events
        self._per_endpoint = per_endpoint
        self._routing = RoutingMetrics(per_endpoint=per_endpoint)
        self._shown: dict[str, set[str]] = {}

    def collect(self) -> Iterator[Metric]:
        """One scrape."""
        now_known = {service.name: service for service in self._catalog.services.values()}
        yield from self._requests(now_known)
        yield from self._routing.collect(now_known.values())
        yield from self._listeners()
        yield from self._program()

    # -- per endpoint

    def _requests(self, known: dict[str, Service]) -> Iterator[Metric]:
        count = UntypedMetricFamily(
            "equilibrium_request_count", "Attempts by outcome", labels=["action", "service", "outcome"]
        )
        latency = HistogramMetricFamily(
            "equilibrium_request_latency",
            "Seconds from pick to the end of the response",
            labels=["action", "service"],
        )
        for (service, action), stats in self._merged(known).items():
            for outcome in ("succeeded", "failed", "abandoned"):
                count.add_metric([action, service, outcome], stats[outcome])
            latency.add_metric([action, service], _buckets(stats.latency), sum_value=stats.latency.total_s)
        yield count
        yield latency

    def _merged(self, known: dict[str, Service]) -> dict[tuple[str, str], "_Sum"]:
        """Endpoint counters under the labels they are shown with."""
        shown = self._choose()
        merged: dict[tuple[str, str], _Sum] = {}
        for (name, address), stats in self._outbound.stats.endpoints.items():
            endpoint = known[name].endpoints.get(address) if name in known else None
            action = endpoint.label if endpoint is not None else address
            if not self._per_endpoint:
                action = "all"
            elif address not in shown[name]:
                action = OTHER
            merged.setdefault((name, action), _Sum()).add(stats)
        return merged

    def _choose(self) -> dict[str, set[str]]:
        """Endpoints with series of their own. Once shown, one stays until it leaves: counters never go back."""
        by_service: dict[str, dict[str, int]] = {}
        for (name, address), stats in self._outbound.stats.endpoints.items():
            attempts = stats.succeeded + stats.failed + stats.abandoned
            by_service.setdefault(name, {})[address] = attempts
        self._shown = {
            name: _fill(self._shown.get(name, set()) & rows.keys(), rows) for name, rows in by_service.items()
        }
        return self._shown

    # -- per listener

    def _listeners(self) -> Iterator[Metric]:
        listeners: tuple[Listener, ...] = (self._outbound, self._inbound)
        gauges = {
            "connections": "Client connections open",
            "in_flight": "Requests between head and end",
            "tunnels_open": "Pipes open",
        }
        for name, text in gauges.items():
            gauge = GaugeMetricFamily(f"equilibrium_{name}", text, labels=["listener"])
            for listener in listeners:
                gauge.add_metric([listener.name], getattr(listener.stats, name))
            yield gauge
        counters = {
            "requests": "Requests received",
            "connections_accepted": "Client connections accepted",
            "retries": "Further attempts after a failure",
            "hedges": "Second copies sent to cut the tail",
            "tunnels": "Connections that became pipes",
        }
        for name, text in counters.items():
            counter = CounterMetricFamily(f"equilibrium_{name}", text, labels=["listener"])
            for listener in listeners:
                counter.add_metric([listener.name], getattr(listener.stats, name))
            yield counter
        piped = CounterMetricFamily(
            "equilibrium_tunnel_bytes", "Bytes moved through pipes", labels=["listener", "direction"]
        )
        for listener in listeners:
            piped.add_metric([listener.name, "sent"], listener.stats.tunnel_bytes_sent)
            piped.add_metric([listener.name, "received"], listener.stats.tunnel_bytes_received)
        yield piped
        yield from self._labelled(listeners)
        overhead = HistogramMetricFamily(
            "equilibrium_proxy_overhead_seconds",
            "Time a request spends in the proxy itself",
            labels=["listener"],
        )
        for listener in listeners:
            histogram = listener.stats.overhead
            overhead.add_metric([listener.name], _buckets(histogram), sum_value=histogram.total_s)
        yield overhead

    def _labelled(self, listeners: tuple[Listener, ...]) -> Iterator[Metric]:
        families = {
            "refusals": ("rule", "Malformed requests refused"),
            "errors": ("reason", "Answers of our own, by X-GT-Reason"),
            "ignored_signals": ("signal", "X-GT-* values dropped: malformed, forged or unproven"),
            "statuses": ("status", "Responses by status; 0: none was sent"),
            "redirected": ("protocol", "Connections that iptables sent here, by what they speak"),
        }
        for name, (label, text) in families.items():
            shown = "responses" if name == "statuses" else name
            counter = CounterMetricFamily(f"equilibrium_{shown}", text, labels=["listener", label])
            for listener in listeners:
                for key, value in sorted(getattr(listener.stats, name).items()):
                    counter.add_metric([listener.name, str(key)], value)
            yield counter

    # -- the program

    def _program(self) -> Iterator[Metric]:
        failures = CounterMetricFamily(
            "equilibrium_policy_failures", "Exceptions in policy; the request went round robin, or in"
        )
        failures.add_metric([], self._catalog.policy_failures() + self._inbound.policy_failures)
        yield failures
        events = CounterMetricFamily("equilibrium_events", "Things worth knowing, by kind", labels=["kind"])
        for kind, value in sorted(self._events.items()):
            events.add_metric([kind], value)
        yield events
        used = float(self._inbound.congestion())
        yield GaugeMetricFamily(
            "equilibrium_capacity_utilisation", "Inbound requests in flight over the limit", value=used
        )
        yield GaugeMetricFamily(
            "equilibrium_headroom", "1 - utilisation, never negative", value=max(0.0, 1 - used)
        )
        pools = GaugeMetricFamily(
            "equilibrium_upstream_connections", "Connections to endpoints", labels=["listener", "state"]
        )
        for listener in (self._outbound, self._inbound):
            idle = sum(len(pool.idle) for pool in listener.pools)
            total = sum(pool.open for pool in listener.pools)
            pools.add_metric([listener.name, "idle"], idle)
            pools.add_metric([listener.name, "busy"], total - idle)
        yield pools


class _Sum:
    """Counters of several endpoints shown as one."""

    def __init__(self) -> None:
        self._counts = {"succeeded": 0, "failed": 0, "abandoned": 0}
        self.latency = Histogram()

    def add(self, stats: EndpointStats) -> None:
        for outcome in self._counts:
            self._counts[outcome] += getattr(stats, outcome)
        self.latency.total_s += stats.latency.total_s
        self.latency.counts = [a + b for a, b in zip(self.latency.counts, stats.latency.counts, strict=True)]

    def __getitem__(self, outcome: str) -> int:
        return self._counts[outcome]


def _fill(shown: set[str], attempts: dict[str, int]) -> set[str]:
    """Up to `MOST_ENDPOINTS`: those already shown, then the busiest."""
    waiting = sorted((a for a in attempts if a not in shown), key=lambda a: -attempts[a])
    return shown | set(waiting[: max(0, MOST_ENDPOINTS - len(shown))])


def _buckets(histogram: Histogram) -> list[tuple[str, float]]:
    """Cumulative counts, as the exposition format wants them."""
    rows, running = [], 0
    for bound, count in zip((*histogram.bounds, float("inf")), histogram.counts, strict=True):
        running += count
        rows.append(("+Inf" if bound == float("inf") else repr(bound), float(running)))
    return rows
