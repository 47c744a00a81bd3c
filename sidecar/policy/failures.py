"""Failures, counted so that they can be compared: per endpoint and route, fading, against what the peers' predict.

A route that fails everywhere is the application's fault: no endpoint looks worse for it.
"""

import math
from typing import Final

from sidecar.game import bayes

FORGET_S: Final = 10.0
UNKNOWN_RATE: Final = 0.01
"""What is expected of peers that have not been tried."""
TOLERATED: Final = 0.005
"""So much more than its peers is no reason to avoid an endpoint: with ten of them, one always looks like that."""
_LEAST_EVIDENCE: Final = 0.05


class Tally:
    """Attempts and failures, both fading with the same time constant."""

    __slots__ = ("_at", "_memory_s", "failed", "tried")

    def __init__(self, memory_s: float = FORGET_S) -> None:
        self.tried = self.failed = 0.0
        self._at = 0.0
        self._memory_s = memory_s

    def add(self, now: float, *, failed: bool) -> None:
        """One attempt."""
        self.fade(now)
        self.tried += 1.0
        if failed:
            self.failed += 1.0

    def fade(self, now: float) -> None:
        """As of `now`."""
        if now > self._at:
            keep = math.exp((self._at - now) / self._memory_s)
            self.tried *= keep
            self.failed *= keep
            self._at = now


class Record:
    """What one endpoint did: in all, per route, and the routes of its failures in a row."""

    __slots__ = ("excess", "in_a_row", "last_failed_at", "memory_s", "routes", "row", "total")

    def __init__(self, memory_s: float = FORGET_S) -> None:
        self.memory_s = memory_s
        self.total = Tally(memory_s)
        self.routes: dict[str, Tally] = {}
        self.row: list[str] = []
        self.in_a_row = 0
        self.last_failed_at = 0.0
        self.excess = 0.0  # failure rate beyond what luck and the routes explain

    def add(self, route: str, now: float, *, failed: bool) -> None:
        """One settled attempt."""
        self.total.add(now, failed=failed)
        tally = self.routes.get(route)
        if tally is None:
            tally = self.routes[route] = Tally(self.memory_s)
        tally.add(now, failed=failed)
        if not failed:
            if self.in_a_row:
                self.in_a_row = 0
                self.row = []
            return
        self.in_a_row += 1
        self.last_failed_at = now
        if len(self.row) < bayes.MOST_IN_A_ROW:
            self.row.append(route)


def peer_rate(pool: Tally, own: Tally | None, now: float) -> float:
    """How often a route fails at the other endpoints; `UNKNOWN_RATE` when they have not been tried."""
    pool.fade(now)
    tried, failed = pool.tried, pool.failed
    if own is not None:
        own.fade(now)
        tried -= own.tried
        failed -= own.failed
    return min(1.0, max(0.0, failed) / tried) if tried > _LEAST_EVIDENCE else UNKNOWN_RATE


def excess(record: Record, pools: dict[str, Tally], now: float) -> float:
    """Lower bound of the endpoint's failure rate minus what its peers' failures on the same routes predict."""
    total = record.total
    total.fade(now)
    low = bayes.wilson_lower(total.failed, total.tried)
    if low <= TOLERATED:
        return 0.0
    predicted = 0.0
    for route, own in record.routes.items():
        if route in pools:
            predicted += peer_rate(pools[route], own, now) * own.tried
    return max(0.0, low - TOLERATED - predicted / max(total.tried, 1e-9))


def accusation(record: Record, pools: dict[str, Tally], now: float) -> float:
    """Posterior of *failing* by failures in a row, each against its own route's usual rate."""
    if not record.in_a_row:
        return 0.0
    rates = [peer_rate(pools[route], record.routes.get(route), now) for route in record.row if route in pools]
    return bayes.failing(rates)
