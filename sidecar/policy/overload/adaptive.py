"""A limit that follows what the application shows it can do.

It begins open (`opening`). The first sign of a queue, or a refusal of the application's own, closes it for good.
Closed, it rests at about `tolerance` × the application's own workers: they are always busy, and what queues inside
the application is bounded. Calm is measured (`calm`).
"""

import math
from abc import abstractmethod
from typing import Final

from sidecar.policy.overload.calm import LEAST_S, Calm, Window
from sidecar.policy.overload.limit import TOLERANCE, Limit
from sidecar.policy.overload.opening import Opening

LEAST: Final = 3
"""Requests at a time; nobody learns anything from fewer (Envoy's floor)."""
MOST: Final = 1000
CUT: Final = 0.9
_SHRUNK: Final = 0.5
"""Part of what it was when calm was last measured: measure again, the application may have changed."""


class AdaptiveLimit(Limit):
    """Windows of answers, calm latency, and measurements of it; subclasses say how the limit moves.

    Starts at `initial` and stays within [least, most]. `ValueError` unless 1 ≤ least ≤ most.
    """

    def __init__(self, initial: int, least: int = LEAST, most: int = MOST) -> None:
        if not 1 <= least <= most:
            raise ValueError(f"a limit needs 1 ≤ least ≤ most: {least}, {most}")
        self.least = least
        self.most = most
        self.calm = Calm()
        self.value = initial
        self._estimate = 0.0
        self._widest = 0.0  # since calm was last measured
        self._window = Window()
        self._window_at = 0.0  # end of the last one
        self._skip = 0  # answers that still waited in the longer queue of before
        self._fewest = 0
        self._divisor = 2  # of the last step of a measurement
        self._cut_at = 0.0
        self._opening: Opening | None = Opening(self.calm, initial)
        self._move(float(initial))
        self.value = most

    def sample(self, took_s: float, in_flight: int, now: float) -> None:
        """See `Limit`."""
        if not 0.0 <= took_s < math.inf:
            return
        if self.calm.probing and (in_flight <= self.value or in_flight < self._fewest):
            self._fewest = in_flight
            self.calm.progress(now)
        if self._skip > 0:
            if in_flight <= self.value:  # drained
                self._skip -= 1
            return
        opening = self._opening
        if self._window.add(took_s, in_flight, now) or (
            opening is not None and opening.flooded(self._window, now)
        ):
            self._judge(now)

    def overloaded(self, now: float) -> None:
        """See `Limit`; a burst of refusals is one piece of news."""
        if not self.calm.probing and now - self._cut_at >= LEAST_S:
            self._cut_at = now
            self._opening = None
            self._move(CUT * self._estimate)

    def tick(self, now: float) -> None:
        """See `Limit`: a measurement that gets nowhere ends."""
        if self.calm.overdue(now):
            self.calm.give_up(now)
            self._resume(self._estimate, now)

    @property
    def calm_s(self) -> float:
        """See `Limit`."""
        return self.calm.value_s

    @property
    def told(self) -> int:
        """See `Limit`."""
        opening = self._opening
        return opening.initial if opening is not None and opening.cold else self.value

    def steady(self) -> bool:
        """See `Limit`."""
        return not self.calm.probing

    @abstractmethod
    def moved(self, limit: float, ratio: float, *, used: bool) -> float:
        """The next limit; `ratio`: median over calm, `used`: at least half of the limit was."""

    # -- details

    def _judge(self, now: float) -> None:
        window = self._window
        median_s, peak, rate = window.median_s(), window.peak, window.rate(now)
        window.clear()
        elapsed_s, self._window_at = now - self._window_at, now
        if self.calm.probing:
            self._measured(median_s, peak, now)
            return
        opening = self._opening
        if opening is not None:
            if opening.watch(median_s, peak, rate, elapsed_s, now):
                self._close(median_s, peak, opening.busy_rate, now)
            else:
                self._move(opening.room(self._estimate, peak))
            return
        used = 2 * peak >= self.value
        lowest = self.value <= self.least
        self.calm.follow(median_s, elapsed_s, now, light=not used, lowest=lowest)
        if used and not lowest and (self.calm.stale(now) or self._estimate < _SHRUNK * self._widest):
            self.calm.begin(median_s, now)
            self._lower()
            return
        if self.calm.value_s > 0.0:
            self._move(self.moved(self._estimate, self.calm.ratio(median_s), used=used))

    def _close(self, median_s: float, peak: int, rate: float, now: float) -> None:
        """The first sign of a queue. `rate`: answers/s of busy workers, where calm was seen before; 0: it was not."""
        self._opening = None
        if rate > 0.0:
            self.calm.confirm(now)
            self._widest = 0.0
            workers = rate * self.calm.value_s  # Little's law
            self._move(min(float(peak), TOLERANCE * workers + math.sqrt(workers)))
            return
        self._move(float(peak))
        self.calm.begin(median_s, now)
        self._lower()

    def _measured(self, median_s: float, peak: int, now: float) -> None:
        """A window under a halved limit: once more, or the end of the measurement."""
        last = self.value <= self.least or 2 * peak < self.value
        if not self.calm.step(median_s, now, last=last):
            self._lower()
            return
        # One step ago latency was not yet falling: the workers were about busy there.
        self._resume(min(self._estimate, TOLERANCE * self._divisor * self.value), now)

    def _lower(self) -> None:
        """For the measurement only: the estimate stays. In bigger steps where nothing is known: a start."""
        self._divisor = 2 if self.calm.known else 4
        self.value = max(self.least, self.value // self._divisor)
        self._skip = self.value
        self._fewest = 2 * self.most  # in flight since
        self._window.clear()

    def _resume(self, estimate: float, now: float) -> None:
        self._skip = 0
        self._window.clear()
        self._window_at = now
        self._widest = 0.0
        self._move(estimate)

    def _move(self, estimate: float) -> None:
        self._estimate = min(float(self.most), max(float(self.least), estimate))
        self._widest = max(self._widest, self._estimate)
        self.value = int(self._estimate)

    def __repr__(self) -> str:
        return (
            f"<{type(self).__name__} {self.value} calm={self.calm.value_s:.4f}s probing={self.calm.probing}>"
        )
