"""How long a route takes: a histogram on a logarithmic scale that forgets, and its quantiles.

Baselines are medians over all endpoints of a service, so that one bad endpoint moves neither them nor the p95 at
which a second copy is worth sending.
"""

import math
from typing import Final

_PER_OCTAVE: Final = 8
_LOWEST: Final = -14
"""2⁻¹⁴ s = 61 µs."""
_CELLS: Final = 22 * _PER_OCTAVE
_HALF_AT: Final = 512
_HALF_AFTER_S: Final = 10.0
_HALF_LEAST: Final = 64


class LatencySketch:
    """Seconds, within ±4.5 %; the last 512 to 1,024 samples, or the last tens of seconds of them."""

    __slots__ = ("_cells", "_halved_at", "_weight", "dirty", "median_s", "p95_s", "samples")

    def __init__(self) -> None:
        self._cells = [0] * _CELLS
        self._weight = 0
        self._halved_at = -math.inf
        self.samples = 0
        self.median_s = 0.0  # 0: nothing known
        self.p95_s = 0.0
        self.dirty = False  # the quantiles are older than the newest sample

    def add(self, seconds: float, now: float) -> None:
        """One answer."""
        cell = int((math.log2(max(seconds, 1e-9)) - _LOWEST) * _PER_OCTAVE)
        self._cells[min(max(cell, 0), _CELLS - 1)] += 1
        self._weight += 1
        self.samples += 1
        self.dirty = True
        if self.samples == 1:
            self._halved_at = now
        if self.samples <= 8:
            self.refresh()  # the first ones set the scale
        elif self._weight >= 2 * _HALF_AT or (
            self._weight >= _HALF_LEAST and now - self._halved_at > _HALF_AFTER_S
        ):
            self._halve(now)

    def refresh(self) -> None:
        """Bring the quantiles up to date."""
        self.dirty = False
        self.median_s = self.quantile(0.5)
        self.p95_s = self.quantile(0.95)

    def quantile(self, q: float) -> float:
        """Seconds; 0 without samples. Interpolated inside the cell."""
        return quantile(self._cells, q)

    def pour(self, into: list[int]) -> None:
        """Add what it counts to cells of the same kind, for the quantiles of several together."""
        if not into:
            into.extend([0] * _CELLS)
        for cell, count in enumerate(self._cells):
            into[cell] += count

    def _halve(self, now: float) -> None:
        """Yesterday counts half."""
        self._halved_at = now
        self._cells = [count - count // 2 for count in self._cells]
        self._weight = sum(self._cells)


def quantile(cells: list[int], q: float) -> float:
    """Seconds, of the counts in cells; 0 without any. Interpolated inside the cell."""
    left = q * sum(cells)
    for cell, count in enumerate(cells):
        if count and left <= count:
            return float(2.0 ** ((cell + left / count) / _PER_OCTAVE + _LOWEST))
        left -= count
    return 0.0
