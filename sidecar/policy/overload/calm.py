"""How long an answer takes when nobody queues inside the application: what every latency-driven limit compares with.

It cannot be remembered (the application changes) and under load it cannot be seen: with the limit in use, each answer
includes the queue the limit itself allows, so a long average drifts up and a long minimum goes stale. So it is
measured, as BBR measures a path's round trip (Cardwell et al. 2016): from time to time, and at once when the limit has
halved, the limit is lowered by half for a moment, and again until latency stops falling. What it is then is calm. The
workers stay about busy meanwhile, where a fixed minimum of three requests at a time
(Envoy's minRTT window) idles most of them.
"""

import math
from typing import Final

LEAST_S: Final = 0.1
"""Shortest window."""
_ENOUGH: Final = 48
"""Answers of a window: their median is within ±10 % for the spread services have."""
_LONG_S: Final = 2.0
_FEW: Final = 8
"""After so many seconds so few will do."""
_KEPT: Final = 128
"""Answers kept for the median: the first of the window."""
_FALLS: Final = 0.8
"""Latency below this part of what it was: there was a queue."""
_UNHURRIED: Final = 1.25
"""Latency within this of calm, while the limit is in use: nothing to measure."""
_FOLLOWS_S: Final = 10.0
"""Time constant with which calm follows a latency that rises at light load."""
EVERY_S: Final = 10.0
"""A calm nobody has seen for so long is measured again."""
_SELDOM_S: Final = 80.0
_REST: Final = 20.0
"""Times the length of a measurement until the next: slow applications need long ones."""
_PATIENCE: Final = 8.0
"""So many answers' times without progress, and a measurement ends: what keeps the slots may be long polls."""
_PATIENCE_S: Final = 0.5


class Window:
    """The answers of a short while: how long the median one took, and how many were under way at most."""

    __slots__ = ("_started", "_took_s", "count", "peak")

    def __init__(self) -> None:
        self._took_s: list[float] = []
        self._started = -math.inf
        self.count = 0
        self.peak = 0

    def add(self, took_s: float, in_flight: int, now: float) -> bool:
        """One answer; True when the window is complete."""
        if self.count == 0:
            self._started = now
        self.count += 1
        if in_flight > self.peak:
            self.peak = in_flight
        if len(self._took_s) < _KEPT:
            self._took_s.append(took_s)
        age = now - self._started
        return age >= LEAST_S and (self.count >= _ENOUGH or (age >= _LONG_S and self.count >= _FEW))

    def median_s(self) -> float:
        """Seconds; 0 without answers."""
        ordered = sorted(self._took_s)
        return ordered[len(ordered) // 2] if ordered else 0.0

    def rate(self, now: float) -> float:
        """Answers per second."""
        return self.count / max(1e-3, now - self._started)

    def clear(self) -> None:
        """Begin anew."""
        self._took_s = []
        self.count = 0
        self.peak = 0


class Calm:
    """Seconds an answer takes without a queue, `value_s` (0: not known yet), and the measurement of it."""

    __slots__ = ("_before_s", "_began", "_every_s", "_seen_at", "_since", "_steps", "probing", "value_s")

    def __init__(self) -> None:
        self.value_s = 0.0
        self.probing = False
        self._before_s = 0.0  # at the step before
        self._seen_at = -math.inf
        self._began = 0.0
        self._steps = 0
        self._since = 0.0  # when the measurement last got anywhere
        self._every_s = EVERY_S

    def ratio(self, median_s: float) -> float:
        """How many times calm an answer takes."""
        return median_s / max(self.value_s, 1e-6)

    @property
    def known(self) -> bool:
        """Measured, at some time."""
        return self._seen_at > -math.inf

    def confirm(self, now: float) -> None:
        """What was seen at light load is as good as measured."""
        self._set(self.value_s, now)

    def stale(self, now: float) -> bool:
        """Not seen for too long, or never."""
        return now - self._seen_at > self._every_s

    def follow(self, median_s: float, elapsed_s: float, now: float, *, light: bool, lowest: bool) -> None:
        """A window in which nothing was measured; `light`: less than half the limit in use, `lowest`: at its floor."""
        if lowest:
            # At the floor there is nothing below to compare with: or a floor once reached would never be left.
            self._set(median_s, now)
        elif self.value_s <= 0.0:
            self.value_s = median_s if light else 0.0  # until it is measured: the load may be on its way up
        elif median_s < self.value_s:
            self.value_s += 0.25 * (median_s - self.value_s)
        elif light:
            self.value_s = median_s + math.exp(-elapsed_s / _FOLLOWS_S) * (self.value_s - median_s)
        elif self.known and median_s < _UNHURRIED * self.value_s:
            self._seen_at = now

    def begin(self, median_s: float, now: float) -> None:
        """The limit is being halved; this is what an answer took before."""
        self.probing = True
        self._steps = 0
        self._before_s = median_s
        self._since = self._began = now

    def step(self, median_s: float, now: float, *, last: bool) -> bool:
        """A window under a lowered limit; `last`: it cannot be lowered further. True when calm is known now."""
        # As expected is no reason to stop: too high a calm would confirm itself.
        moves = median_s < _FALLS * self._before_s
        self._steps += 1
        if not self.known and (self._steps == 1 or median_s > self._before_s / _FALLS):
            moves = True  # a start: what it was before was measured on the way up
        if moves and not last:
            self._before_s = median_s
            self._since = now
            return False
        self._set(median_s if moves else 0.5 * (median_s + self._before_s), now)
        self.probing = False
        self._every_s = min(_SELDOM_S, max(EVERY_S, _REST * (now - self._began)))
        return True

    def progress(self, now: float) -> None:
        """An answer, and fewer under way, or no more than the lowered limit allows."""
        self._since = now

    def overdue(self, now: float) -> bool:
        """The measurement gets nowhere: slots are kept by what does not end."""
        return self.probing and now - self._since > max(_PATIENCE_S, _PATIENCE * self._before_s)

    def give_up(self, now: float) -> None:
        """The measurement told nothing; the next one is later each time."""
        self.probing = False
        self._seen_at = now
        self._every_s = min(_SELDOM_S, 2.0 * self._every_s)

    def _set(self, value_s: float, now: float) -> None:
        self.value_s = value_s
        self._seen_at = now
