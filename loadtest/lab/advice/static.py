"""The social optimum among fixed shares, by somebody who knows every pod's true speed, and who plays it evenly.

The shares equalise the marginal total cost (Wardrop's second principle, 1952) of M/G/c queues with the pods' true
rates; the queueing delay is Erlang's, scaled for the spread of service times (Allen and Cunneen 1990). Played by smooth
weighted round robin in every sidecar, queues are shorter than Poisson arrivals' at the pods: `LEAN` makes up for that.
"""

import math
import random
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from loadtest.lab.engine import NETWORK_S
from loadtest.lab.rules.rule import Load, Rule
from loadtest.lab.scenario import WORKERS, Scenario

LEAN: Final = 0.95
"""Of the real load, for which shares are worked out: measured best of 0.8 … 1.05 (docs/lab.md)."""
_FULLEST: Final = 0.995
_POINTS: Final = 400
_HALVINGS: Final = 60

Vector = NDArray[np.float64]


def latency_s(rate: float, speed: float, scenario: Scenario) -> float:
    """Mean of a pod that gets `rate` requests per second, the network included; inf when that is too much."""
    busy = rate * scenario.service_s / speed
    if busy >= WORKERS:
        return math.inf
    spread = math.exp(scenario.sigma**2) - 1.0 if scenario.sigma > 0.0 else 1.0
    free_per_s = (WORKERS - busy) * speed / scenario.service_s
    wait_s = _erlang_c(busy) / free_per_s * (1.0 + spread) / 2.0
    return 2 * NETWORK_S + scenario.service_s / speed + wait_s


def _erlang_c(busy: float) -> float:
    """The chance that all workers are busy."""
    blocked = 1.0
    for workers in range(1, WORKERS + 1):
        blocked = busy * blocked / (workers + busy * blocked)
    return blocked / (1.0 - busy / WORKERS * (1.0 - blocked))


def shares(scenario: Scenario, speeds: Sequence[float], lean: float = LEAN) -> Vector:
    """(pods,), summing to 1: no request, sent elsewhere, would lower what all of them wait together."""
    rate = lean * scenario.requests_per_s
    curves = {speed: _marginal(speed, scenario) for speed in set(speeds)}
    low, high = 1e-4, 1e4
    for _ in range(_HALVINGS):
        price = math.sqrt(low * high)
        loads = np.array([_load(price, *curves[speed]) for speed in speeds])
        low, high = (low, price) if loads.sum() > rate else (price, high)
    return np.asarray(loads / loads.sum())


def _marginal(speed: float, scenario: Scenario) -> tuple[Vector, Vector]:
    """Loads, and by how much the total cost rises there for one request per second more."""
    loads = np.linspace(0.0, _FULLEST, _POINTS) * WORKERS * speed / scenario.service_s
    totals = np.array([load * latency_s(load, speed, scenario) for load in loads])
    return loads, np.maximum.accumulate(np.gradient(totals, loads))


def _load(price: float, loads: Vector, marginals: Vector) -> float:
    return float(np.interp(price, marginals, loads)) if price > marginals[0] else 0.0


class Fixed(Rule):
    """Smooth weighted round robin (nginx) by fixed shares."""

    def __init__(self, rng: random.Random, shares: Sequence[float]) -> None:
        super().__init__(rng)
        self._used = [(pod, share) for pod, share in enumerate(shares) if share > 0.0]
        self._credit = {pod: rng.random() * share for pod, share in self._used}

    def members(self, pods: Sequence[int], now: float) -> None:
        """Shares are for all pods there are."""

    def pick(self, request: int, now: float) -> int:
        """Who has waited longest for its share."""
        credit = self._credit
        best, most = 0, -math.inf
        for pod, share in self._used:
            credit[pod] += share
            if credit[pod] > most:
                best, most = pod, credit[pod]
        credit[best] -= 1.0
        return best

    def settled(
        self, request: int, pod: int, now: float, took_s: float, *, ok: bool, load: Load | None
    ) -> None:
        """Nothing to learn."""
