"""How long a pod takes under load, if it serves c requests at a time: M/M/c in Sakasegawa's closed form.

`T = S · (1 + ρ^(√(2(c+1)) − 1) / (c·(1 − ρ)))`, `ρ = λS/c` (Sakasegawa, Ann. Inst. Stat. Math.
29A, 1977), exact for c = 1, where it is also that of any processor-sharing queue, and within a few per cent else.
All functions are elementwise over arrays that fit together.
"""

from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

Vector = NDArray[np.float64]

FULL: Final = 0.97
"""Of the capacity; from there on the curve goes on as a line, as steep as there."""
_HALVINGS: Final = 48


def latency(load: ArrayLike, service_s: ArrayLike, workers: ArrayLike) -> Vector:
    """Seconds, at `load` requests per second."""
    service, count = np.asarray(service_s, dtype=np.float64), np.asarray(workers, dtype=np.float64)
    use = np.maximum(np.asarray(load, dtype=np.float64), 0.0) * service / count
    power = np.sqrt(2.0 * (count + 1.0)) - 1.0
    below = np.minimum(use, FULL)
    waiting = below**power / (count * (1.0 - below))
    steep = waiting * (power / FULL + 1.0 / (1.0 - FULL))
    return np.asarray(service * (1.0 + waiting + steep * np.maximum(use - FULL, 0.0)), dtype=np.float64)


def elasticity(load: ArrayLike, service_s: ArrayLike, workers: ArrayLike) -> Vector:
    """Per cent of latency for a per cent of load."""
    loads = np.asarray(load, dtype=np.float64)
    step = 1e-4
    rise = latency(loads * (1 + step), service_s, workers) - latency(loads * (1 - step), service_s, workers)
    return np.asarray(rise / (2 * step * latency(loads, service_s, workers)), dtype=np.float64)


def service(load: ArrayLike, latency_s: ArrayLike, workers: ArrayLike) -> Vector:
    """Seconds of service that make a request take `latency_s` > 0 under `load`: the inverse, by halving."""
    seen = np.asarray(latency_s, dtype=np.float64)
    shape = np.broadcast_shapes(np.shape(load), seen.shape, np.shape(workers))
    low, high = np.full(shape, -30.0), np.zeros(shape)  # of its logarithm, relative to the latency
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        above = latency(load, seen * np.exp(middle), workers) > seen
        high, low = np.where(above, middle, high), np.where(above, low, middle)
    return np.asarray(seen * np.exp(0.5 * (low + high)), dtype=np.float64)
