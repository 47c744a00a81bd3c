"""What a group of sidecars may be advised: at most 16 share vectors over the endpoints, worth choosing between.

An equilibrium among few actions is as good as the actions. These are, in this order and the same for every group, so
that action number p of everybody is one idea (which may be the same vector twice):

* the shares of now, where they are known;
* the equilibrium of groups that split their traffic at will (Orda, Rom & Shimkin 1993). Against the others it
  is no dearer than any other division, so with affine curves the game keeps a pure Nash equilibrium whatever
  else is proposed;
* the social optimum in blocks (`coordinator.game.blocks`): different groups use different endpoints;
* the equilibrium, and three points between it and the optimum, in blocks;
* the optimum as one vector for all, the point half way to it as vectors, equal latencies (Wardrop 1952) as one
  vector for all;
* larger blocks; equal latencies among the best two endpoints and among the better half; uniform; single endpoints.

Curves that are not affine are replaced by tangents where the equilibrium of splittable traffic is looked for:
these are proposals, not results.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from coordinator.game.blocks import BANDS, blocks
from coordinator.game.congestion import MOST_ACTIONS
from coordinator.game.latency import AnyCurve, Latencies, Line, Vector

_BETWEEN: Final = (0.25, 0.5, 0.75)
_ROUNDS: Final = 400
_SETTLED: Final = 1e-13
_NEWTON: Final = 80
_STEP: Final = 1e-3


def proposals(
    curves: Sequence[AnyCurve],
    rates: ArrayLike,
    i: int,
    present: ArrayLike | None = None,
    count: int = MOST_ACTIONS,
) -> Vector:
    """Those of group `i`, (m ≤ count, K). For all groups `everyone` does the common part once."""
    return everyone(curves, rates, present, count)[i]


def everyone(
    curves: Sequence[AnyCurve],
    rates: ArrayLike,
    present: ArrayLike | None = None,
    count: int = MOST_ACTIONS,
) -> list[Vector]:
    """Per group, share vectors (m ≤ count, K), each ≥ 0 and summing to 1.

    `rates`: (n,) requests/s; `present`: (n, K) shares of now, rows that are all 0 meaning none. Raises ValueError for
    figures that are no rates, shares or count.
    """
    sent = _rates(rates, count)
    ideas = _ideas(Latencies(curves), sent)
    if present is not None:
        ideas.insert(0, _present(present, ideas[0]))
    return [np.array([idea[who] for idea in ideas[:count]]) for who in range(len(sent))]


def _ideas(latencies: Latencies, rates: Vector) -> list[Vector]:
    """Each (n, K)."""
    total, groups = float(rates.sum()), len(rates)
    even, best = equal(latencies, total, 0.0), equal(latencies, total, 1.0)
    alike = float(np.sum(rates * rates)) / total**2  # of n equal groups: 1/n
    line = _tangent(latencies, equal(latencies, total, alike))
    split = splittable(line, rates)
    selfish = rates @ split

    def cut(loads: Vector, bands: int = BANDS) -> Vector:
        return blocks(loads, latencies.at(loads), rates, bands)

    ideas = [split, cut(best), cut(selfish), *(cut(selfish + part * (best - selfish)) for part in _BETWEEN)]
    ideas += [_alike(best, groups), 0.5 * (split + best / total), _alike(even, groups)]
    ideas += [cut(best, 2), cut(best, 1), cut(selfish, 1), *_few(line, total, groups)]
    singles = np.eye(len(best))[np.argsort(line.base, kind="stable")]
    return ideas + [_alike(each, groups) for each in (np.ones(len(best)), *singles)]


def _few(line: Line, total: float, groups: int) -> list[Vector]:
    """Equal latencies among the best two, and among the better half."""
    order = np.argsort(line.base, kind="stable")
    found = []
    for few in sorted({2, (len(order) + 1) // 2}):
        if few < len(order):
            part = np.zeros(len(order))
            part[order[:few]] = waterfill(line.base[order[:few]], line.slope[order[:few]], total)
            found.append(_alike(part, groups))
    return found


def waterfill(intercept: Vector, gradient: Vector, total: float) -> Vector:
    """`total` > 0 divided, (K,), so that intercept + gradient · part is equal where there is a part and no less
    elsewhere.

    Gradients > 0.
    """
    parts: Vector = _fill(intercept, gradient, np.array([total]))[0]
    return parts


def _fill(intercept: Vector, gradient: Vector, totals: Vector) -> Vector:
    """The same for several totals at once: (n, K)."""
    order = np.argsort(intercept, kind="stable")
    inverse = 1.0 / gradient[order]
    levels = (totals[:, None] + np.cumsum(intercept[order] * inverse)) / np.cumsum(inverse)
    used = np.maximum(1, np.sum(levels > intercept[order], axis=1))
    level = levels[np.arange(len(totals)), used - 1]
    filled: Vector = np.clip((level[:, None] - intercept) / gradient, 0.0, None)
    sums = filled.sum(axis=1, keepdims=True)
    cheapest = np.zeros_like(filled)
    cheapest[:, order[0]] = 1.0
    parts: Vector = np.where(sums > 0.0, filled / np.where(sums > 0.0, sums, 1.0), cheapest) * totals[:, None]
    return parts


def splittable(line: Line, rates: Vector) -> Vector:
    """Shares (n, K) from which no group gains by any other division of its requests.

    At loads λ group i wants x with base + slope·λ + slope·x equal where x > 0, and λ = Σ x, found by damped iteration
    (undamped, n groups at once would overshoot n times).
    """
    sent = np.maximum(rates, 1e-9 * float(rates.sum()))  # who sends nothing would send there
    loads = waterfill(line.base, line.slope, float(sent.sum()))
    for _ in range(_ROUNDS):
        wanted = _fill(line.base + line.slope * loads, line.slope, sent)
        change = wanted.sum(axis=0) - loads
        loads = loads + change / (1.0 + len(sent))
        if float(np.abs(change).max()) <= _SETTLED * float(sent.sum()):
            break
    shares: Vector = wanted / sent[:, None]
    return shares


def equal(latencies: Latencies, total: float, part: float) -> Vector:
    """Loads (K,), summing to `total`, at which latency + part · load · slope is equal where there is load.

    0: Wardrop's equilibrium; 1: the social optimum, where marginal costs are equal; 1/n: the equilibrium of n
    equal groups that split their traffic. Affine curves: exact; others by Newton's method, damped, with slopes
    by differences.
    """
    if latencies.line is not None:
        line = _steep(latencies.line, total)
        return waterfill(line.base, (1.0 + part) * line.slope, total)
    loads = np.full(len(latencies.curves), total / len(latencies.curves))
    for _ in range(_NEWTON):
        line = _tangent(latencies, loads)
        further = _tangent(latencies, loads * (1.0 + _STEP) + _STEP * total / len(loads))
        bend = (further.slope - line.slope) / (_STEP * (loads + total / len(loads)))
        value = latencies.at(loads) + part * loads * line.slope
        slope = (1.0 + part) * line.slope + part * loads * np.maximum(bend, 0.0)
        filled = waterfill(value - slope * loads, slope, total)
        change = filled - loads
        loads = loads + 0.5 * change
        if float(np.abs(change).max()) <= 1e-9 * total:
            break
    return loads


def _alike(loads: Vector, groups: int) -> Vector:
    return np.broadcast_to(loads / loads.sum(), (groups, len(loads)))


def _tangent(latencies: Latencies, loads: Vector) -> Line:
    """Of each curve at its load."""
    total = float(loads.sum())
    if latencies.line is not None:
        return _steep(latencies.line, total)
    step = 1e-6 * total / len(loads)
    seconds = latencies.at(loads)
    slope = np.maximum((latencies.at(loads + step) - seconds) / step, 0.0)
    return _steep(Line(seconds - slope * loads, slope), total)


def _steep(line: Line, total: float) -> Line:
    """A flat curve could take everything; so nearly flat makes the division unique."""
    scale = float(np.abs(line.base).max()) / total
    return Line(line.base, np.maximum(line.slope, 1e-9 * scale if scale > 0.0 else 1e-9))


def _rates(rates: ArrayLike, count: int) -> Vector:
    sent = np.array(rates, dtype=np.float64)
    if sent.ndim != 1 or not len(sent) or not (np.all(np.isfinite(sent)) and np.all(sent >= 0.0)):
        raise ValueError(f"rates are finite and ≥ 0, one for each group, not {rates!r}")
    if not 1 <= count <= MOST_ACTIONS:
        raise ValueError(f"count is {count}; allowed: 1 to {MOST_ACTIONS}")
    return sent if sent.sum() > 0.0 else np.ones(len(sent))


def _present(present: ArrayLike, instead: Vector) -> Vector:
    shares = np.array(present, dtype=np.float64)
    if shares.shape != instead.shape or not (np.all(np.isfinite(shares)) and np.all(shares >= 0.0)):
        raise ValueError(
            f"present shares are finite and ≥ 0, of shape {instead.shape}; these have {shares.shape}"
        )
    sums = shares.sum(axis=1, keepdims=True)
    return np.where(sums > 0.0, shares / np.where(sums > 0.0, sums, 1.0), instead)
