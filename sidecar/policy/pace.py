"""How fast the application is: what an answer typically takes, requests/s it could serve, requests/s it does.

The first is a running median (each sample moves it by 2 %, up or down: Robbins and Monro 1951, sign of the error
only), so that one slow route does not make every request look hopeless. The second is Little's law (1961): requests/s
= requests at a time / mean seconds each stays. It is learned only while all slots are in use, and otherwise only
raised by what was really served: what an application would do with more at a time is not known before it has them.
"""

import math
from typing import Final

ENOUGH: Final = 16
"""Samples before either is believed."""
_STEP: Final = 1.02
_BUSY: Final = 1.0 / 128.0
_RATE_S: Final = 1.0


class Pace:
    """`typical_s` in seconds and `capacity` in requests/s, 0 while unknown; `rate`: requests/s that ended lately."""

    __slots__ = (
        "_answers",
        "_apart_s",
        "_busy_ends",
        "_counted",
        "_ends",
        "_measured_at",
        "_median_s",
        "rate",
    )

    def __init__(self) -> None:
        self._answers = 0
        self._ends = self._busy_ends = 0
        self._median_s = 0.0
        self._apart_s = 0.0  # mean seconds from one end to the next, were all slots in use
        self._counted = 0  # of the ends
        self._measured_at = -math.inf
        self.rate = 0.0

    @property
    def typical_s(self) -> float:
        """Median time to answer."""
        return self._median_s if self._answers >= ENOUGH else 0.0

    @property
    def capacity(self) -> float:
        """Requests/s when all slots are in use."""
        return 1.0 / self._apart_s if self._busy_ends >= ENOUGH and self._apart_s > 0.0 else 0.0

    def answered(self, took_s: float) -> None:
        """The application's time to answer; nonsense is ignored."""
        if not 0.0 <= took_s < math.inf:
            return
        self._answers += 1
        if self._answers <= 2:
            self._median_s = max(took_s, 1e-6)
        elif took_s > self._median_s:
            self._median_s *= _STEP if self._answers > ENOUGH else 1.2
        elif took_s < self._median_s:
            self._median_s /= _STEP if self._answers > ENOUGH else 1.2

    def ended(self, held_s: float, at_a_time: int, *, busy: bool) -> None:
        """A slot that was kept for so long is free again; of so many, `busy`: all were in use."""
        self._ends += 1
        if busy:
            self._busy_ends += 1
            step = max(1.0 / self._busy_ends, _BUSY)
            self._apart_s += step * (max(0.0, held_s) / at_a_time - self._apart_s)

    def measure(self, now: float) -> None:
        """Now and then: the rate."""
        elapsed_s = now - self._measured_at
        if elapsed_s <= 0.0:
            return
        if self._measured_at > -math.inf:
            step = 1.0 - math.exp(-elapsed_s / _RATE_S)
            self.rate += step * ((self._ends - self._counted) / elapsed_s - self.rate)
            if self.rate * self._apart_s > 1.0:
                self._apart_s = 1.0 / self.rate
        self._measured_at, self._counted = now, self._ends
