"""Who plays: one service's endpoints in the learner's order; those that left, until their last ticket is settled."""

import math
import random
import zlib
from collections.abc import Sequence

from sidecar.policy.standing import Standing
from sidecar.policy.strategies import RouterConfig


class Roster:
    """`everyone` by address; `playing` is all of them, or of very many a fixed few."""

    def __init__(self, config: RouterConfig, rng: random.Random) -> None:
        self._config = config
        self._salt = rng.getrandbits(32)  # sidecars must not all choose the same few
        self.everyone: dict[str, Standing] = {}
        self.playing: list[Standing] = []  # replaced, never changed in place
        self._left: dict[str, Standing] = {}  # they may come back before

    def replace(self, addresses: Sequence[str], now: float) -> list[int]:
        """These from now on; where each one that plays stood before, −1: it is new to the game."""
        known = {**self._left, **self.everyone}
        first = not self.everyone
        kept = {address: known.get(address) or self._newcomer(address, now, first) for address in addresses}
        self._left = {a: s for a, s in known.items() if a not in kept and s.in_flight}
        self.everyone = kept
        before = {standing.address: standing.place for standing in self.playing}
        self.playing = self._aperture()
        for place, standing in enumerate(self.playing):
            standing.place = place
        return [before.get(standing.address, -1) for standing in self.playing]

    def _newcomer(self, address: str, now: float, first: bool) -> Standing:
        """As slow as the median of the pool; warms up, unless all are new."""
        config = self._config
        standing = Standing(address, now, config.error_memory_s, config.error_price_s)
        paces = sorted([s.slowdown for s in self.playing])
        standing.slowdown = paces[len(paces) // 2] if paces else 1.0
        standing.born = -math.inf if first else now
        standing.backoff_s = config.probe_failing_s
        return standing

    def _aperture(self) -> list[Standing]:
        config = self._config
        if len(self.everyone) <= config.aperture_above or config.learner == "none":
            return list(self.everyone.values())
        ranked = sorted(self.everyone, key=self._rank)
        return [self.everyone[address] for address in ranked[: config.aperture]]

    def _rank(self, address: str) -> int:
        return zlib.crc32(address.encode(), self._salt)

    def of(self, address: str) -> Standing:
        """Of an endpoint with open tickets; KeyError for a stranger."""
        return self.everyone.get(address) or self._left[address]

    def closed(self, standing: Standing) -> None:
        """One ticket less; the last one of an endpoint that has left takes it along."""
        standing.in_flight -= 1
        if not standing.in_flight:
            self._left.pop(standing.address, None)
