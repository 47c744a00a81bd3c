"""How an adaptive limit begins: open, until the first sign of a queue.

Until the first answers, and then as long as twice what was under way is answered as fast as ever, nobody is refused. A
service that is slow but not overloaded must not lose requests to a limit that is still finding out.
"""

from typing import Final

from sidecar.policy.overload.calm import Calm, Window
from sidecar.policy.overload.limit import TOLERANCE

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


class Opening:
    """`cold`: no window yet. `busy_rate`, when it is over: answers/s of busy workers if calm had been seen, else 0."""

    __slots__ = (
        "_calm",
        "_hurried",
        "_peak",
        "_quiet",
        "_rate",
        "_settled_at",
        "busy_rate",
        "cold",
        "initial",
    )

    def __init__(self, calm: Calm, initial: int) -> None:
        self._calm = calm
        self.initial = initial
        self.cold = True
        self.busy_rate = 0.0
        self._hurried = self._quiet = 0  # windows with a queue in a row, and without one
        self._settled_at = 0.0
        self._peak, self._rate = 0, 0.0  # the most answers per second, and how many were under way for that

    def watch(self, median_s: float, peak: int, rate: float, elapsed_s: float, now: float) -> bool:
        """A window. True: there is a queue, it is over."""
        if self.cold:
            self._settled_at = now + _SETTLES * median_s
        if now < self._settled_at:
            self._calm.value_s = median_s
        ratio = self._calm.ratio(median_s) if self._calm.value_s > 0.0 else 1.0
        slower = ratio > TOLERANCE
        flat = peak > _MORE * self._peak and rate < _GAIN * self._rate
        if rate >= _GAIN * self._rate:
            self._peak, self._rate = peak, rate
        hurried = 2 * peak >= self.initial and (slower or flat)
        self._hurried = self._hurried + 1 if hurried else 0
        if self._hurried >= _HURRIED or (hurried and ratio > _FLOODED):
            self.busy_rate = rate if slower and self._quiet >= _QUIET else 0.0
            return True
        if now > self._settled_at and not slower:
            self._quiet += 1
        self._calm.follow(median_s, elapsed_s, now, light=True, lowest=False)
        return False

    def room(self, estimate: float, peak: int) -> float:
        """After a window without a queue: for twice as many, while answers come as fast as ever, and more of them with
        more at a time."""
        cold, self.cold = self.cold, False
        if self._hurried and not cold:
            return estimate
        return max(float(self.initial) if cold else estimate, 2.0 * peak)

    def flooded(self, window: Window, now: float) -> bool:
        """Half a window is enough to see a queue that grows fast."""
        if window.count % _GLANCE or 2 * window.peak < self.initial or now < self._settled_at:
            return False
        return self._calm.value_s > 0.0 and self._calm.ratio(window.median_s()) > _FLOODED
