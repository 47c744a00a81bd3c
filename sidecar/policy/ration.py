"""Less than the usual work while the application's memory is short: a share of what went in per second before.

Fewer slots alone are no less work for an application that needs few. The governor
sets the share (overload/governor.py).
"""

import math
from typing import Final

from sidecar.policy.buckets import Bucket

_BURST_S: Final = 0.1
"""Of a ration may go in at once."""
_USUAL_S: Final = 60.0


class Ration:
    """`scale` in [0, 1], 1: no ration; `per_s`: requests that may go in per second, at least one."""

    __slots__ = ("_bucket", "_usual", "per_s", "scale")

    def __init__(self) -> None:
        self.scale = 1.0
        self.per_s = math.inf
        self._usual = 0.0  # requests/s: the most of the last minute or so, at full scale
        self._bucket: Bucket | None = None

    @property
    def short(self) -> bool:
        """Something is held back."""
        return self._bucket is not None

    def take(self, now: float) -> bool:
        """One more may go in."""
        return self._bucket is None or self._bucket.take(self.per_s, now)

    def set(self, scale: float, now: float) -> None:
        """From now on."""
        self.scale = scale
        if scale >= 1.0:
            self._bucket, self.per_s = None, math.inf
            return
        self.per_s = max(1.0, scale * self._usual)
        self._bucket = Bucket(self.per_s, now, _BURST_S)

    def see(self, rate: float, elapsed_s: float) -> None:
        """Now and then: requests/s that end. What is usual is learned only at full scale."""
        if self._bucket is None:
            self._usual = max(rate, self._usual * math.exp(-max(0.0, elapsed_s) / _USUAL_S))
