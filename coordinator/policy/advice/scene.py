"""One service as its callers see it together: who calls, what there is to call, and how much arrives where."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from coordinator.policy.advice.config import AdviceConfig
from coordinator.policy.advice.report import EndpointReport, Report, ServiceReport

_NO_RATE: Final = 1e-9
"""Requests per second below which a rate is none, and no weight."""


@dataclass(frozen=True, slots=True)
class Caller:
    """A sidecar's word on one service. `counted_per_s`: its rate, as far as it is believed; `believed`: the
    part of it, and so of what goes to each endpoint."""

    sidecar: str
    report: Report
    service: ServiceReport
    counted_per_s: float
    believed: float
    seen: Mapping[str, EndpointReport]
    """By address."""

    def flow(self, address: str) -> float:
        """Requests per second that it sends there."""
        found = self.seen.get(address)
        return found.rate_per_s * self.believed if found is not None else 0.0


@dataclass(frozen=True, slots=True)
class Arrivals:
    """At one endpoint, from everybody. `latency_s` None: nobody has measured it."""

    load_per_s: float
    latency_s: float | None


@dataclass(frozen=True, slots=True)
class Scene:
    """`endpoints`: those that may be advised, in order; `arrivals`: of these and of all others that were reported."""

    service: str
    callers: tuple[Caller, ...]
    endpoints: tuple[str, ...]
    arrivals: Mapping[str, Arrivals]

    @property
    def mean_s(self) -> float:
        """Latency of the usual request; 0 where nothing was measured."""
        known = [
            (seen.latency_s, seen.load_per_s) for seen in self.arrivals.values() if seen.latency_s is not None
        ]
        total = sum(load for _, load in known)
        return sum(latency * load for latency, load in known) / total if total > 0 else 0.0


def seen(service: str, reports: Sequence[tuple[Report, ServiceReport]], config: AdviceConfig) -> Scene:
    """Of what was reported last. The order of reports does not matter."""
    callers = _callers(sorted(reports, key=lambda pair: pair[0].sidecar), config)
    tellers: dict[str, list[tuple[Caller, EndpointReport]]] = {}
    for caller in callers:
        for endpoint in caller.seen.values():
            tellers.setdefault(endpoint.address, []).append((caller, endpoint))
    admitted = sorted(
        address
        for address, told in tellers.items()
        if 2 * sum(endpoint.admitted for _, endpoint in told) >= len(callers)
    )
    arrivals = {address: _arrivals(address, told, config) for address, told in tellers.items()}
    return Scene(service, callers, tuple(admitted), arrivals)


def _callers(reports: Sequence[tuple[Report, ServiceReport]], config: AdviceConfig) -> tuple[Caller, ...]:
    """A rate out of all proportion counts for less: one sidecar's word must not be everybody's load."""
    rates = [_rate(service) for _, service in reports]
    busy = [rate for rate in rates if rate > 0]
    most = config.lead * median(busy) if busy else 0.0
    return tuple(
        Caller(
            report.sidecar,
            report,
            service,
            min(rate, most),
            min(most / rate, 1.0) if rate > 0 else 0.0,
            {endpoint.address: endpoint for endpoint in service.endpoints},
        )
        for (report, service), rate in zip(reports, rates, strict=True)
    )


def _rate(service: ServiceReport) -> float:
    """The sum of its parts, so that the two agree."""
    return sum(endpoint.rate_per_s for endpoint in service.endpoints)


def _arrivals(address: str, told: Sequence[tuple[Caller, EndpointReport]], config: AdviceConfig) -> Arrivals:
    samples = [
        (endpoint.latency_s, caller.flow(address))
        for caller, endpoint in told
        if endpoint.latency_s is not None
    ]
    return Arrivals(sum(caller.flow(address) for caller, _ in told), trimmed(samples, config.trim))


def trimmed(samples: Sequence[tuple[float, float]], trim: float) -> float | None:
    """Mean of (value, weight) without the `trim` of the weight at either end; None without samples.

    A weight counts at most twice the median weight, so that nobody is the average by saying that he is busy. Of three
    sidecars that are as busy, one cannot move it beyond the other two; of two, one can.
    """
    if not samples:
        return None
    middle = median(weight for _, weight in samples)
    weights = [min(weight, 2 * middle) if middle > _NO_RATE else 1.0 for _, weight in samples]
    ordered = sorted(zip((value for value, _ in samples), weights, strict=True))
    total = sum(weights)
    low, high = trim * total, (1 - trim) * total
    area = kept = below = 0.0
    for value, weight in ordered:
        part = min(below + weight, high) - max(below, low)
        below += weight
        if part > 0:
            area += value * part
            kept += part
    return area / kept if kept > 0 else ordered[len(ordered) // 2][0]
