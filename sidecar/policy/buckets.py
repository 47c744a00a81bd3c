"""Token buckets: a rate with a burst (RFC 2697's meter), one or many in bounded memory."""

from collections import OrderedDict
from typing import Final

LEAST_BURST: Final = 1.0


class Bucket:
    """Lets `rate` events a second through. `debt`: refused ones are paid for too, so that insisting gains nothing."""

    __slots__ = ("_at", "_burst_s", "_tokens")

    def __init__(self, rate: float, now: float, burst_s: float = 1.0) -> None:
        self._burst_s = burst_s  # so many seconds of the rate may come at once
        self._tokens = max(LEAST_BURST, rate * burst_s)
        self._at = now

    def take(self, rate: float, now: float, *, debt: bool = False) -> bool:
        """One event at `now`; True when it is within the rate."""
        burst = max(LEAST_BURST, rate * self._burst_s)
        tokens = min(burst, self._tokens + rate * max(0.0, now - self._at))
        self._at = max(self._at, now)
        within = tokens >= 1.0
        if within or debt:
            tokens = max(-burst, tokens - 1.0)
        self._tokens = tokens
        return within


class Buckets:
    """One bucket a key; of the keys the least recently seen is forgotten first."""

    __slots__ = ("_buckets", "_most")

    def __init__(self, most: int) -> None:
        self._most = most
        self._buckets: OrderedDict[int, Bucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, key: int, rate: float, now: float, *, debt: bool) -> bool:
        """One event of `key`; True when the key is within the rate."""
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = Bucket(rate, now)
            if len(self._buckets) > self._most:
                self._buckets.popitem(last=False)
        else:
            self._buckets.move_to_end(key)
        return bucket.take(rate, now, debt=debt)

    def clear(self) -> None:
        """Forget all keys."""
        self._buckets.clear()
