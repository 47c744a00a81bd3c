"""What endpoints' loads and latencies have been: the last few samples of each, which count less as they age."""

from collections import deque
from collections.abc import Collection, Mapping
from typing import Final

from coordinator.policy.advice.scene import Arrivals

KEPT: Final = 16
"""Samples of an endpoint: at one an epoch, what is older counts little."""
_HALF_LIVES: Final = 8.0
"""An endpoint without a sample for so long is forgotten."""

_SOONEST_S: Final = 1e-6
"""No answer takes less; figures near the least there is divide to nonsense."""
_OLD: Final = 0.67
"""Of a usual mix, from one epoch to the next: about three epochs count."""

Sample = tuple[float, float, float]
"""When (seconds), load (requests per second), latency (seconds)."""


class Past:
    """One sample of every endpoint an epoch, by service and address; and what was expected of each service."""

    def __init__(self, half_life_s: float) -> None:
        self._half_life_s = half_life_s
        self._samples: dict[str, dict[str, deque[Sample]]] = {}
        self._mixes: dict[str, dict[str, dict[str, float]]] = {}
        self.told: dict[str, Mapping[str, Mapping[str, float]]] = {}
        """By service: what every player was told for each slot of the last epoch; nothing where slots differed."""
        self.workers: dict[str, float] = {}
        """By service: how many requests an endpoint serves at a time, as the last fit had it."""
        self.expected_s: dict[str, float] = {}
        """By service: the mean latency that the last advice was to lead to."""
        self.caution: dict[str, float] = {}
        """By service: the part of its growth that is taken, below 1 after surprises."""

    def __len__(self) -> int:
        return sum(map(len, self._samples.values()))

    def forget(self, now: float) -> None:
        """Endpoints, and services, of which nothing was heard for eight half-lives."""
        since = now - _HALF_LIVES * self._half_life_s
        for service, endpoints in list(self._samples.items()):
            for address in [address for address, kept in endpoints.items() if kept[-1][0] < since]:
                del endpoints[address]
            if not endpoints:
                del self._samples[service]
                self._mixes.pop(service, None)
                for memory in (self.workers, self.expected_s, self.caution, self.told):
                    memory.pop(service, None)

    def add(self, service: str, arrivals: Mapping[str, Arrivals], now: float) -> None:
        """What is seen now."""
        endpoints = self._samples.setdefault(service, {})
        for address, seen in arrivals.items():
            if seen.latency_s is not None and seen.latency_s > 0 and seen.load_per_s > 0:
                kept = endpoints.setdefault(address, deque(maxlen=KEPT))
                kept.append((now, seen.load_per_s, max(seen.latency_s, _SOONEST_S)))
        if not endpoints:
            del self._samples[service]

    def usual(self, service: str, player: str, mix: Mapping[str, float]) -> Mapping[str, float]:
        """What it does by itself, over the last few epochs: a learner's mix of one instant may be a single endpoint."""
        mixes = self._mixes.setdefault(service, {})
        before = mixes.get(player, mix)
        mixes[player] = {
            name: _OLD * before.get(name, 0.0) + (1 - _OLD) * share for name, share in mix.items()
        }
        return mixes[player]

    def keep(self, service: str, players: Collection[str]) -> None:
        """Forget the mixes of those who have gone."""
        mixes = self._mixes.get(service, {})
        for gone in mixes.keys() - set(players):
            del mixes[gone]

    def depth(self, service: str) -> int:
        """Samples of the usual endpoint."""
        counts = sorted(len(kept) for kept in self._samples.get(service, {}).values())
        return counts[len(counts) // 2] if counts else 0

    def surprised(self, service: str, mean_s: float, surprise: float) -> float:
        """The part of the growth to take now: halved by a bad surprise, and slowly whole again (0.05 to 1)."""
        expected_s = self.expected_s.get(service)
        caution = self.caution.get(service, 1.0)
        if expected_s is not None and mean_s > surprise * expected_s:
            caution = max(0.5 * caution, 0.05)
        else:
            caution = min(1.25 * caution, 1.0)
        self.caution[service] = caution
        return caution

    def of(self, service: str, address: str, now: float) -> list[Sample]:
        """(weight in (0, 1], load, latency), oldest first; empty where nothing is known."""
        kept = self._samples.get(service, {}).get(address, ())
        return [
            (0.5 ** (max(now - at, 0.0) / self._half_life_s), load, latency) for at, load, latency in kept
        ]
