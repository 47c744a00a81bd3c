"""What each caller is entitled to, and what it can bid: tokens and a balance, both filled by its budget.

Tokens are requests: each caller earns its weight's part of the capacity, up to a burst of it. A token is a claim on a
slot; what nobody claims is spare and is sold (game/auction.py). The balance is what a caller can pay there, in units
of budget: it refills by its weight a second, so that over time nobody buys more than its budget is worth.
"""

from typing import Final

from sidecar.policy.buckets import Bucket
from sidecar.policy.fairness import bounded_weight

REVIEWED_S: Final = 0.5
"""How often the weights of those present are added up anew."""


class Exemptions:
    """Configured paths that go in past the gate, each at a rate (requests/s) with a burst of one second."""

    __slots__ = ("_buckets", "_paths", "_rate")

    def __init__(self, paths: tuple[bytes, ...], rate: float) -> None:
        self._rate = rate
        self._paths = paths
        self._buckets: dict[bytes, Bucket] = {}

    def take(self, path: bytes, now: float) -> bool:
        """Whether this path is one of them and within its rate; what follows a `?` does not matter."""
        if not path.startswith(self._paths):  # nearly always
            return False
        end = path.find(b"?")
        if end >= 0:
            path = path[:end]
        if path not in self._paths:
            return False
        bucket = self._buckets.get(path)
        if bucket is None:
            bucket = self._buckets[path] = Bucket(self._rate, now)
        return bucket.take(self._rate, now)


class Purse:
    """One caller's tokens (requests) and balance (budget·s), as of `at`."""

    __slots__ = ("at", "balance", "seen_at", "tokens", "weight")

    def __init__(self, weight: float, balance: float, now: float) -> None:
        self.weight = weight
        self.tokens = 1.0
        self.balance = balance
        self.at = now
        self.seen_at = now  # its last request that met a queue

    def __repr__(self) -> str:
        return f"<Purse w={self.weight:g} tokens={self.tokens:.2f} balance={self.balance:.2f}>"


class Purses:
    """Of the callers that met a queue lately; at most `most`, the longest unseen is forgotten first.

    `burst_s`: seconds of its rate a caller's tokens may add up to, at least one; `balance_s`: likewise the balance;
    `present_s`: a caller unseen for so long leaves its share to the others.
    """

    __slots__ = ("_balance_s", "_burst_s", "_most", "_present_s", "_purses", "_reviewed_at", "weight")

    def __init__(self, most: int, burst_s: float, balance_s: float, present_s: float) -> None:
        self._most = most
        self._burst_s = burst_s
        self._balance_s = balance_s
        self._present_s = present_s
        self._purses: dict[str, Purse] = {}  # least recently seen first
        self._reviewed_at = 0.0
        self.weight = 0.0  # of those present

    def __len__(self) -> int:
        return len(self._purses)

    def seen(self, caller: str, weight: float, now: float) -> Purse:
        """Its purse; a new one holds one token and a full balance."""
        weight = bounded_weight(weight)
        purse = self._purses.pop(caller, None)
        if purse is None:
            purse = Purse(weight, weight * self._balance_s, now)
            self.weight += weight
            if len(self._purses) >= self._most:
                del self._purses[next(iter(self._purses))]
        elif purse.weight != weight:
            self.weight += weight - purse.weight
            purse.weight = weight
        purse.seen_at = now
        self._purses[caller] = purse
        return purse

    def get(self, caller: str) -> Purse | None:
        """Its purse, if it is remembered."""
        return self._purses.get(caller)

    def refill(self, purse: Purse, capacity: float, now: float) -> None:
        """What it has earned since; `capacity` in requests/s."""
        elapsed_s = now - purse.at
        if elapsed_s <= 0.0:
            return
        purse.at = now
        rate = capacity * purse.weight / max(self.weight, purse.weight)
        purse.tokens = min(max(1.0, self._burst_s * rate), purse.tokens + rate * elapsed_s)
        purse.balance = min(self._balance_s * purse.weight, purse.balance + purse.weight * elapsed_s)

    def review(self, now: float) -> None:
        """Who is present? Cheap when called too often."""
        if now - self._reviewed_at < REVIEWED_S:
            return
        self._reviewed_at = now
        total = 0.0
        for purse in self._purses.values():
            if now - purse.seen_at <= self._present_s:
                total += purse.weight
        self.weight = total
