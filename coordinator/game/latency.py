"""How long endpoints take under load: K curves as one function of K loads.

`sidecar.game.potential.Curve` is affine and known here by its two figures (compiled, its `at` takes one number only);
anything else answers for itself, elementwise.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sidecar.game.potential import Curve

Vector = NDArray[np.float64]


class Latency(Protocol):
    """Seconds a request, under a load in requests per second; must not fall with it."""

    def at(self, load: Vector, /) -> Vector:
        """Elementwise."""


AnyCurve = Curve | Latency
"""`Curve` is affine: base_s + slope_s · requests per second."""


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """All curves are affine: base + slope · load, each (K,)."""

    base: Vector
    slope: Vector

    def __call__(self, loads: Vector) -> Vector:
        """(…, K) → (…, K)."""
        return self.base + self.slope * loads


Together = Callable[[Vector], Vector]
"""Latencies (…, k) of k curves under loads (…, k)."""


class Latencies:
    """The curves of K endpoints as one function of a vector of loads.

    A kind of curve may offer `together(curves)`, a static method that returns a `Together` of all of its kind:
    with many endpoints that is much quicker than asking one by one. Raises ValueError for an affine curve that
    is not finite and ≥ 0.
    """

    def __init__(self, curves: Sequence[AnyCurve]) -> None:
        self.curves = tuple(curves)
        kinds: dict[type[AnyCurve], list[int]] = {}
        for index, curve in enumerate(self.curves):
            kinds.setdefault(type(curve), []).append(index)
        self._parts = [
            (np.array(where), _together([self.curves[index] for index in where])) for where in kinds.values()
        ]
        only = self._parts[0][1] if len(self._parts) == 1 else None
        self.line: Line | None = only if isinstance(only, Line) else None

    def at(self, loads: Vector) -> Vector:
        """(…, K) → (…, K). Raises ValueError where a curve answers what is no time."""
        if self.line is not None:
            return self.line(loads)
        if len(self._parts) == 1:
            seconds = self._parts[0][1](loads)
        else:
            seconds = np.empty(np.shape(loads))
            for where, together in self._parts:
                seconds[..., where] = together(loads[..., where])
        if not (seconds.min() >= 0.0 and seconds.max() < np.inf):  # so that NaN fails too
            raise ValueError("a curve answered a latency that is not finite and ≥ 0")
        return seconds


def _together(curves: Sequence[AnyCurve]) -> Together:
    """Of one kind."""
    affine = [curve for curve in curves if isinstance(curve, Curve)]
    if affine:  # compiled: its `at` takes one number
        return _line(affine)
    offered: Together | None = getattr(type(curves[0]), "together", lambda _: None)(curves)
    return offered or partial(_one_by_one, [curve for curve in curves if not isinstance(curve, Curve)])


def _one_by_one(curves: Sequence[Latency], loads: Vector) -> Vector:
    answers = [np.broadcast_to(curve.at(loads[..., k]), loads.shape[:-1]) for k, curve in enumerate(curves)]
    return np.stack(answers, axis=-1).astype(np.float64, copy=False)


def _line(curves: Sequence[Curve]) -> Line:
    for curve in curves:
        figures = (curve.base_s, curve.slope_s)
        if not (np.isfinite(figures).all() and min(figures) >= 0.0):
            raise ValueError(f"{curve!r}: base_s and slope_s must be finite and ≥ 0")
    return Line(np.array([curve.base_s for curve in curves]), np.array([curve.slope_s for curve in curves]))
