"""What users ask for: drawn before anything is routed, so that every rule faces the same requests and the same luck."""

from dataclasses import dataclass

import numpy as np

from loadtest.lab.scenario import Scenario


@dataclass(frozen=True, slots=True)
class Demand:
    """Request i: when, from which sidecar, how much work in seconds on a healthy pod, and a coin in [0, 1)."""

    at_s: list[float]
    sidecar: list[int]
    work_s: list[float]
    coin: list[float]


def draw(scenario: Scenario, seed: int) -> Demand:
    """Poisson arrivals over all sidecars; lognormal (or exponential) work with the scenario's mean."""
    rng = np.random.default_rng(seed)
    rate = scenario.requests_per_s
    count = int(rate * scenario.end_s * 1.2) + 100
    at_s = np.cumsum(rng.exponential(1.0 / rate, count))
    at_s = at_s[at_s < scenario.end_s]
    count = len(at_s)
    sidecar = rng.integers(0, scenario.sidecars, count)
    if scenario.sigma > 0.0:
        work = rng.lognormal(-(scenario.sigma**2) / 2, scenario.sigma, count)
    else:
        work = rng.exponential(1.0, count)
    coin = rng.random(count)
    return Demand(at_s.tolist(), sidecar.tolist(), (scenario.service_s * work).tolist(), coin.tolist())
