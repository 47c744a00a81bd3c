"""How much more this pod could use: three pressures and the one demand they make, all in [0, 1].

* *queue*: half for the slots of admission, half for the places behind them.
* *latency*: nothing up to 1.5 times the calm baseline, 1 from 6 times on, logarithmic in between.
* *throttling*: the share of scheduling periods in which the kernel held the app back; None where nobody knows.

demand = 1 − (1 − queue)·(1 − latency/2)·(1 − throttling): each pressure alone is enough, and latency alone never says
more than half, because a slow dependency makes an app slow that has no use for more CPU.

Each pressure is smoothed with an adaptive rate (Trigg & Leach, Operational Research Quarterly 18, 1967): errors that
cancel out are noise and move it slowly, errors of one sign are a change and are followed at once. No fixed rate does
both: one that is calm enough for ten slots takes longer than three seconds over a step.
"""

import math
from typing import Final

CALM_RATIO: Final = 1.5
WORST_RATIO: Final = 6.0
_LATENCY_WEIGHT: Final = 0.5
_FAST_S: Final = 0.3
"""Time constant while all errors have one sign: without noise, 90 % of a step in 0.7 s."""
_SLOW_S: Final = 4.0
"""Time constant while they cancel out."""
_ERROR_S: Final = 1.5
"""How long errors are remembered."""
_HOLD_S: Final = 1.0
"""A share of scheduling periods stands so long when no period has passed: there are ten a second, or fewer."""
_FORGET_S: Final = 5.0
"""After this throttling is unknown again."""


class Smoothed:
    """A value in [0, 1] that is still under noise and quick after a change."""

    __slots__ = ("_at", "_drift", "_size", "value")

    def __init__(self) -> None:
        self.value = 0.0
        self._at = -math.inf  # nothing seen yet
        self._drift = 0.0  # mean of recent errors
        self._size = 0.0  # mean of their absolute values

    def add(self, value: float, now: float) -> None:
        """What it is at `now` seconds; the first one counts in full. Time that runs backwards changes nothing."""
        if self._at == -math.inf:
            self.value, self._at = value, now
        elapsed_s = now - self._at
        if elapsed_s <= 0.0:
            return
        self._at = now
        error = value - self.value
        new = -math.expm1(-elapsed_s / _ERROR_S)
        self._drift += new * (error - self._drift)
        self._size += new * (abs(error) - self._size)
        self.value += -math.expm1(-elapsed_s * self._rate()) * error

    def hold(self, until: float) -> None:
        """It stood still until then."""
        self._at = max(self._at, until)

    def _rate(self) -> float:
        """Per second. The tracking signal is 1 when all errors have one sign, 0 when they cancel out."""
        tracking = min(1.0, abs(self._drift) / self._size) if self._size > 0.0 else 0.0
        return 1.0 / _SLOW_S + (1.0 / _FAST_S - 1.0 / _SLOW_S) * tracking * tracking


class Demand:
    """The demand of the pod this sidecar stands in front of."""

    __slots__ = ("_latency", "_queue", "_throttled_at", "_throttling")

    def __init__(self) -> None:
        self._queue = Smoothed()
        self._latency = Smoothed()
        self._throttling: Smoothed | None = None  # unknown
        self._throttled_at = 0.0  # when it was last known

    def __repr__(self) -> str:
        return f"Demand({self.snapshot()})"

    def sample(
        self,
        now: float,
        *,
        utilisation: float,
        queue_fill: float,
        latency_ratio: float | None,
        throttled_share: float | None,
    ) -> None:
        """What admission, the answers and the kernel say at `now` seconds; at least four times a second.

        utilisation: slots in use / slots; queue_fill: waiting / places; latency_ratio: recent latency / calm baseline,
        None without answers; throttled_share: nr_throttled / nr_periods of the last second, None when unknown.
        Anything outside its range counts as the nearest value inside; nan as nothing.
        """
        self._queue.add(0.5 * _share(utilisation) + 0.5 * _share(queue_fill), now)
        self._latency.add(0.0 if latency_ratio is None else latency_pressure(latency_ratio), now)
        if throttled_share is None:
            self._unthrottled(now)
            return
        if self._throttling is None:
            self._throttling = Smoothed()
        self._throttling.add(_share(throttled_share), now)
        self._throttled_at = now

    def _unthrottled(self, now: float) -> None:
        """Nobody can say: held for a moment, then fading, then unknown."""
        silent_s = now - self._throttled_at
        if self._throttling is None or silent_s <= _HOLD_S:
            return
        self._throttling.hold(self._throttled_at + _HOLD_S)
        self._throttling.add(0.0, now)
        if silent_s > _FORGET_S:
            self._throttling = None

    @property
    def value(self) -> float:
        """The demand, in [0, 1]; 0 before the first sample."""
        throttling = 0.0 if self._throttling is None else self._throttling.value
        return combined(self._queue.value, self._latency.value, throttling)

    @property
    def parts(self) -> dict[str, float | None]:
        """The smoothed pressures, in [0, 1]; throttling is None when unknown."""
        throttling = None if self._throttling is None else self._throttling.value
        return {"queue": self._queue.value, "latency": self._latency.value, "throttling": throttling}

    def snapshot(self) -> dict[str, float]:
        """Demand and pressures as numbers in [0, 1]; an unknown throttling is 0, since it counts for nothing."""
        numbers = {name: 0.0 if part is None else part for name, part in self.parts.items()}
        return {"demand": self.value, **numbers}


def combined(queue: float, latency: float, throttling: float) -> float:
    """One demand from three pressures, all in [0, 1]; it rises with each of them."""
    return 1.0 - (1.0 - queue) * (1.0 - _LATENCY_WEIGHT * latency) * (1.0 - throttling)


def latency_pressure(ratio: float) -> float:
    """0 for a ratio to the calm baseline of up to 1.5, 1 from 6 on."""
    if not ratio > CALM_RATIO:  # nan is nothing
        return 0.0
    return min(1.0, math.log(ratio / CALM_RATIO) / math.log(WORST_RATIO / CALM_RATIO))


def _share(value: float) -> float:
    return 0.0 if math.isnan(value) else min(1.0, max(0.0, value))
