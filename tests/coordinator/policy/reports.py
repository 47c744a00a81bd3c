"""Reports as sidecars would make them, for a service whose pods are queues."""

from typing import Any

import numpy as np

from coordinator.policy.advice import queueing
from coordinator.policy.advice.report import Report, read

Object = dict[str, Any]
SERVICE = "bus.default:8080"


def address(k: int) -> str:
    return f"10.0.0.{k + 1}:8080"


def endpoint(k: int, rate: float = 10.0, latency: float | None = 0.01, **more: Any) -> Object:
    return {"address": address(k), "rate_per_s": rate, "latency_s": latency, "health": "admitted", **more}


def question(pod: str, endpoints: list[Object], *, service: str = SERVICE, **more: Any) -> Object:
    rate = sum(each.get("rate_per_s", 0.0) for each in endpoints)
    services = [{"service": service, "rate_per_s": rate, "endpoints": endpoints}]
    return {"namespace": "default", "workload": "default/gateway", "pod": pod, "services": services, **more}


def report(pod: str, endpoints: list[Object], **more: Any) -> Report:
    return read(question(pod, endpoints, **more))


class Pods:
    """Queues of `workers` with their own service times; sidecars that split `rate_per_s` by their shares."""

    def __init__(self, service_s: list[float], workers: float, sidecars: int, rate_per_s: float) -> None:
        self.service_s, self.workers = np.array(service_s), workers
        self.rates = np.full(sidecars, rate_per_s / sidecars)
        self.shares = np.full((sidecars, len(service_s)), 1.0 / len(service_s))

    @property
    def loads(self) -> Any:
        return self.rates @ self.shares

    @property
    def latencies(self) -> Any:
        return queueing.latency(self.loads, self.service_s, self.workers)

    @property
    def mean_s(self) -> float:
        return float(self.loads @ self.latencies / self.loads.sum())

    def reports(self, scale: float = 1.0) -> list[Report]:
        """Of everybody, at so many times the usual rate."""
        latencies = queueing.latency(self.loads * scale, self.service_s, self.workers)
        return [
            report(
                f"gw-{i}",
                [
                    endpoint(k, float(scale * rate * share), float(latencies[k]))
                    for k, share in enumerate(shares)
                ],
            )
            for i, (rate, shares) in enumerate(zip(self.rates, self.shares, strict=True))
        ]

    def follow(self, columns: Any, slot: int = 0) -> None:
        """Everybody does as told."""
        for i in range(len(self.rates)):
            action = columns[f"default/gw-{i}"][SERVICE][slot]
            self.shares[i] = [action.get(address(k), 0.0) for k in range(len(self.service_s))]
