"""Share vectors that add up to given loads while different groups use different endpoints.

In a fluid a common share vector costs the same. Requests are no fluid: few groups on each endpoint, each
sending there evenly, queue less than all groups everywhere (measured in the lab, docs/experiments.md).
"""

from typing import Final

import numpy as np

from coordinator.game.latency import Vector

BANDS: Final = 6
_SEED: Final = 0
_LEAST: Final = 1e-9


def blocks(loads: Vector, seconds: Vector, rates: Vector, bands: int = BANDS) -> Vector:
    """(n, K) shares; Σ rate · share is proportional to `loads` (K,). `seconds` (K,): latencies at those loads.

    Endpoints lie on a line from quick to slow, each as long as its load. The line is cut into `bands` of equal
    length, and of every band each group takes a piece of its own, as long as its rate: so everybody's mean
    latency is the same but for the spread within a band. The groups' order in a band is drawn, always the same:
    who keeps its number keeps its block.
    """
    drawn = np.random.default_rng(_SEED)
    lengths = rates / rates.sum() if rates.sum() > 0.0 else np.full(len(rates), 1.0 / len(rates))
    lengths = np.maximum(lengths, _LEAST)
    order = np.lexsort((drawn.random(len(loads)), np.round(seconds / (float(seconds.max()) or 1.0), 2)))
    ends = np.concatenate([[0.0], np.cumsum(loads[order] / loads.sum())])
    ends[-1] = 1.0 + len(rates) * _LEAST
    shares = np.zeros((len(rates), len(loads)))
    for band in range(bands):
        groups = drawn.permutation(len(rates))
        cuts = (band + np.concatenate([[0.0], np.cumsum(lengths[groups])])) / bands
        overlap = np.minimum(cuts[1:, None], ends[None, 1:]) - np.maximum(cuts[:-1, None], ends[None, :-1])
        shares[np.ix_(groups, order)] += np.clip(overlap, 0.0, None)
    normalised: Vector = shares / shares.sum(axis=1, keepdims=True)
    return normalised
