"""Latency against load for every endpoint, from samples that fade.

An endpoint is taken for a queue of c workers with S seconds of service (`queueing`). S is its own: what its samples
say, averaged. c is the service's: of a few numbers the one under which the endpoints' S stay the same while their
loads change, which is least squares over all of their samples, drawn towards the prior `workers`. So where loads
hardly varied, prior and utilisation (Little's law: rate × latency requests are under way) give the slope, and where
they did the samples do. The prior is low on purpose: a pod believed to have fewer workers than it has is spared a
little too much, one believed to have more is drowned.

With `shape` "line" a curve is non-negative least squares of a line, its slope drawn towards that queue's tangent.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from coordinator.game.latency import AnyCurve, Together
from coordinator.policy.advice import queueing
from coordinator.policy.advice.config import AdviceConfig
from coordinator.policy.advice.past import KEPT, Past
from coordinator.policy.advice.scene import Scene
from sidecar.game.potential import Curve

Vector = NDArray[np.float64]

WORKERS: Final = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0, 32.0)
"""What is tried for c."""
_MORE: Final = 1.1
"""A pod is not believed to have more workers than so many times the most requests that were under way at one."""


@dataclass(frozen=True, slots=True)
class Queue:
    """`extra_per_s`: load of others that is always there, and in no game."""

    service_s: float
    workers: float
    extra_per_s: float = 0.0

    def at(self, load: ArrayLike, /) -> Vector:
        """Seconds."""
        return queueing.latency(np.asarray(load) + self.extra_per_s, self.service_s, self.workers)

    @staticmethod
    def together(queues: Sequence["Queue"]) -> Together:
        """All of them as one function, ten times as fast as one by one."""
        service_s = np.array([queue.service_s for queue in queues])
        workers = np.array([queue.workers for queue in queues])
        extra = np.array([queue.extra_per_s for queue in queues])
        return lambda loads: queueing.latency(loads + extra, service_s, workers)


@dataclass(frozen=True, slots=True)
class Samples:
    """(K, J) each; weight 0 where there is none."""

    weight: Vector
    load: Vector
    latency: Vector


def of(
    scene: Scene, past: Past, foreign: Sequence[float], config: AdviceConfig, now: float
) -> list[AnyCurve]:
    """One for each of the scene's endpoints; `foreign`: load there of sidecars that are in no game. Empty: nobody has
    measured any of them."""
    samples = _samples(scene, past, now)
    weights = samples.weight.sum(axis=1)
    known = weights > 0
    if not known.any():
        return []
    part = Samples(samples.weight[known], samples.load[known], samples.latency[known])
    workers = fitted_workers(part, config)
    past.workers[scene.service] = workers
    seconds = np.full(len(known), 0.0)
    seconds[known] = fitted_service(part, workers)
    seconds[~known] = np.median(_mean(part.latency, part.weight))  # idle, as slow as the median one is now
    if config.shape == "line":
        return _lines(samples, seconds, workers, foreign, config)
    return [Queue(float(one), workers, extra) for one, extra in zip(seconds, foreign, strict=True)]


def fitted_workers(samples: Samples, config: AdviceConfig) -> float:
    """Of `WORKERS` the one that explains the samples best: Σ (error of ln latency / noise)² + log₂(c / prior)².

    By Little's law load × latency requests were under way, being served if it was the endpoint's least latency; more
    workers than the most of that were seen at work nowhere: a few odd samples must not make a pod look bottomless.
    """
    least = np.where(samples.weight > 0, samples.latency, np.inf).min(axis=1)
    under_way = float((samples.load * (samples.weight > 0) * least[:, None]).max())
    most = max(config.workers, _MORE * under_way)
    tried = [*(workers for workers in WORKERS if workers < most), most]
    misfits = [
        _misfit(samples, workers) / config.noise**2 + np.log2(workers / config.workers) ** 2
        for workers in tried
    ]
    return tried[int(np.argmin(misfits))]


def fitted_service(samples: Samples, workers: float) -> Vector:
    """(K,): geometric mean over the samples of each endpoint."""
    each = np.log(queueing.service(samples.load, samples.latency, workers))
    return np.asarray(np.exp(_mean(each, samples.weight)), dtype=np.float64)


def _misfit(samples: Samples, workers: float) -> float:
    """An error of S by 1 % is one of T by 1 + elasticity per cent."""
    each = np.log(queueing.service(samples.load, samples.latency, workers))
    errors = each - _mean(each, samples.weight)[:, None]
    errors *= 1.0 + queueing.elasticity(samples.load, np.exp(each), workers)
    return float(np.sum(samples.weight * errors**2))


def _samples(scene: Scene, past: Past, now: float) -> Samples:
    """Places without a sample hold 1, so that they can be calculated with."""
    weight, load, latency = (np.zeros((len(scene.endpoints), KEPT)) for _ in range(3))
    load += 1.0
    latency += 1.0
    for k, address in enumerate(scene.endpoints):
        for j, (counts, arriving, seconds) in enumerate(past.of(scene.service, address, now)):
            weight[k, j], load[k, j], latency[k, j] = counts, arriving, seconds
    return Samples(weight, load, latency)


def _mean(values: Vector, weights: Vector) -> Vector:
    return np.asarray((values * weights).sum(axis=1) / weights.sum(axis=1), dtype=np.float64)


def _lines(
    samples: Samples, seconds: Vector, workers: float, foreign: Sequence[float], config: AdviceConfig
) -> list[AnyCurve]:
    found: list[AnyCurve] = []
    for k, extra in enumerate(foreign):
        weight = samples.weight[k]
        if weight.sum() <= 0:
            found.append(Curve(float(seconds[k]), 0.0))
            continue
        load, latency = (
            float(np.average(what[k], weights=weight)) for what in (samples.load, samples.latency)
        )
        away = samples.load[k] - load
        prior = float(queueing.elasticity(load, seconds[k], workers)) * latency / load
        worth = config.prior_spread**2 * load * load
        together = float(np.average(away * (samples.latency[k] - latency), weights=weight))
        slope = max(together + worth * prior, 0.0) / (float(np.average(away * away, weights=weight)) + worth)
        base = latency - slope * load
        if base < 0.0:  # non-negative: through the origin and the point that was seen
            base, slope = 0.0, latency / load
        found.append(Curve(base + slope * extra, slope))
    return found
