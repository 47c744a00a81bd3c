"""How many requests the application works on at a time: found out from how long they take, not configured.

* `GradientLimit`: the limit moves by calm latency over present latency (Netflix concurrency-limits, Gradient2; Envoy's
  adaptive concurrency): `L ← g·L + √L`, `g = min(1, tolerance · calm / median)`, at least a half.
* `AimdLimit`: while at least half of it is used, +1, or ×0.9 when latency is above tolerance × calm; ×0.9 when the
  application refuses (Chiu and Jain 1989).
* `FixedLimit`: what it was told.

Both adaptive ones begin open: until the first answers, and then as long as twice what was under way is answered as fast
as ever, nobody is refused. A service that is slow but not overloaded must not lose requests to a limit that is still
finding out. The first sign of a queue, or a refusal of the application's own, closes them for good.

Closed, both rest at about `tolerance` × the application's own workers: they are always busy, and what queues
inside the application is bounded. Calm is measured (calm.py).
"""

import math
from abc import ABC, abstractmethod
from typing import Final

from sidecar.policy.overload.calm import LEAST_S, Calm, Window

LEAST: Final = 3
"""Requests at a time; nobody learns anything from fewer (Envoy's floor)."""
MOST: Final = 1000
TOLERANCE: Final = 1.5
"""× calm: latency up to here is no reason to take less."""
_UNHURRIED: Final = 1.1
"""× calm: up to here there is no queue at all, and the limit grows faster."""
_FASTER: Final = 1.1
_PATIENT: Final = 1.25
"""× calm: from here on the gradient points down; √L makes it rest a little higher."""
_STEEPEST: Final = 0.5
_SMOOTHING: Final = 0.5
_CUT: Final = 0.9
_SETTLES: Final = 4.0
"""Times the first median: until then answers are those of requests that happened to be fast."""
_MORE: Final = 1.5
_GAIN: Final = 1.2
"""So many times more under way must bring so many times more answers (Little 1961), or they queue."""
_FLOODED: Final = 2.5
"""× calm: one look is enough."""
_GLANCE: Final = 16
_QUIET: Final = 3
"""Windows without a queue, and calm is known."""
_HURRIED: Final = 2
"""Windows in a row above the tolerance: there is a queue, and no luck."""
_SHRUNK: Final = 0.5
"""Part of what it was when calm was last measured: measure again, the application may have changed."""


class Limit(ABC):
    """Requests the application may have in flight, `value` ≥ 1."""

    value: int

    @abstractmethod
    def sample(self, took_s: float, in_flight: int, now: float) -> None:
        """The application answered after `took_s`; `in_flight` were under way then, this one included."""

    @abstractmethod
    def overloaded(self, now: float) -> None:
        """The application timed out or refused: it says itself that it is too much."""

    def tick(self, now: float) -> None:
        """Several times a second, traffic or not."""
        return

    @property
    def told(self) -> int:
        """What others are told of it: how busy we are is in flight over this."""
        return self.value

    def steady(self) -> bool:
        """Whether `value` is what the application is thought to manage, and not lowered to measure something."""
        return True

    @property
    def calm_s(self) -> float:
        """Seconds an answer takes without a queue; 0: not known."""
        return 0.0


class FixedLimit(Limit):
    """Learns nothing. `ValueError` for less than 1."""

    def __init__(self, initial: int) -> None:
        if initial < 1:
            raise ValueError(f"a limit must be at least 1: {initial}")
        self.value = initial

    def sample(self, took_s: float, in_flight: int, now: float) -> None:
        """Nothing to learn."""

    def overloaded(self, now: float) -> None:
        """Nothing to change."""


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
        self._initial = initial
        self._cold = self._open = True  # no window yet; no sign of a queue yet
        self._hurried = self._quiet = 0  # windows with a queue in a row, and without one
        self._settled_at = 0.0
        self._peak, self._rate = 0, 0.0  # the most answers per second, and how many were under way for that
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
        if self._window.add(took_s, in_flight, now) or (self._open and self._flooded(now)):
            self._judge(now)

    def overloaded(self, now: float) -> None:
        """See `Limit`; a burst of refusals is one piece of news."""
        if not self.calm.probing and now - self._cut_at >= LEAST_S:
            self._cut_at = now
            self._cold = self._open = False
            self._move(_CUT * self._estimate)

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
        return self._initial if self._cold else self.value

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
        if self._open:
            self._watch(median_s, peak, rate, elapsed_s, now)
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

    def _watch(self, median_s: float, peak: int, rate: float, elapsed_s: float, now: float) -> None:
        """Open: room for twice as many, while answers come as fast as ever, and more of them with more at a time."""
        if self._cold:
            self._settled_at = now + _SETTLES * median_s
        if now < self._settled_at:
            self.calm.value_s = median_s
        ratio = self.calm.ratio(median_s) if self.calm.value_s > 0.0 else 1.0
        slower = ratio > TOLERANCE
        flat = peak > _MORE * self._peak and rate < _GAIN * self._rate
        if rate >= _GAIN * self._rate:
            self._peak, self._rate = peak, rate
        hurried = 2 * peak >= self._initial and (slower or flat)
        self._hurried = self._hurried + 1 if hurried else 0
        if self._hurried >= _HURRIED or (hurried and ratio > _FLOODED):
            self._close(median_s, peak, rate if slower and self._quiet >= _QUIET else 0.0, now)
            return
        if now > self._settled_at and not slower:
            self._quiet += 1
        self.calm.follow(median_s, elapsed_s, now, light=True, lowest=False)
        if not hurried or self._cold:
            self._move(max(float(self._initial) if self._cold else self._estimate, 2.0 * peak))
        self._cold = False

    def _flooded(self, now: float) -> bool:
        """Half a window is enough to see a queue that grows fast."""
        window = self._window
        if window.count % _GLANCE or 2 * window.peak < self._initial or now < self._settled_at:
            return False
        return self.calm.value_s > 0.0 and self.calm.ratio(window.median_s()) > _FLOODED

    def _close(self, median_s: float, peak: int, rate: float, now: float) -> None:
        """The first sign of a queue. `rate`: answers/s of busy workers, where calm was seen before; 0: it was not."""
        self._open = self._cold = False
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


class GradientLimit(AdaptiveLimit):
    """Follows the gradient of latency."""

    def moved(self, limit: float, ratio: float, *, used: bool) -> float:
        """See `AdaptiveLimit`; √L is the queue that is welcome: without it the limit would never grow."""
        if not used:
            return limit
        if ratio < _UNHURRIED:
            return max(limit + 1.0, _FASTER * limit)
        gradient = max(_STEEPEST, min(1.0, _PATIENT / max(ratio, 1e-9)))
        return limit + _SMOOTHING * (gradient * limit + math.sqrt(limit) - limit)


class AimdLimit(AdaptiveLimit):
    """Adds one, or takes a tenth."""

    def moved(self, limit: float, ratio: float, *, used: bool) -> float:
        """See `AdaptiveLimit`."""
        if not used:  # what is slow then is not the limit's doing
            return limit
        return _CUT * limit if ratio > TOLERANCE else limit + 1.0


def make(name: str, initial: int) -> Limit:
    """The limit called `gradient`, `aimd` or `fixed`; `ValueError` for another name."""
    if name == "gradient":
        return GradientLimit(initial)
    if name == "aimd":
        return AimdLimit(initial)
    if name == "fixed":
        return FixedLimit(initial)
    raise ValueError(f"no limit is called {name!r}: gradient, aimd or fixed")
