"""A street with a police: callers that send so many requests in each second, in virtual time."""

import random
from collections.abc import Callable
from typing import Final

from sidecar.policy.police import Account, Police, PoliceConfig

START: Final = 1000.0
Pattern = Callable[[int, random.Random], list[float]]
"""So many arrivals, as fractions of a second, in order."""


def evenly(count: int, _rng: random.Random) -> list[float]:
    return [(n + 0.5) / count for n in range(count)]


def by_chance(count: int, rng: random.Random) -> list[float]:
    return sorted(rng.random() for _ in range(count))


def at_once(count: int, _rng: random.Random) -> list[float]:
    return [0.0] * count


def at_the_end(count: int, _rng: random.Random) -> list[float]:
    return [0.999] * count


def in_four_clumps(count: int, _rng: random.Random) -> list[float]:
    return [(4 * n // count) / 4 for n in range(count)]


def ever_faster(count: int, _rng: random.Random) -> list[float]:
    return [((n + 0.5) / count) ** 0.5 for n in range(count)]


PATTERNS: Final = (evenly, by_chance, at_once, at_the_end, in_four_clumps, ever_faster)


class Street:
    """Callers have budget 1 unless told otherwise."""

    def __init__(self, config: PoliceConfig | None = None, *, capacity: float = 100.0) -> None:
        self.police = Police(config)
        self.capacity = capacity
        self.budgets: dict[str, float] = {}
        self.congested = True
        self.pattern: Pattern = evenly
        self.now = START
        self.passed: dict[str, list[float]] = {}
        """When, by caller."""
        self.defected_at: dict[str, float] = {}
        """End of the last second with a defection."""
        self._rng = random.Random(1)

    def __getitem__(self, name: str) -> Account:
        return self.police.account(name, self.budgets.get(name, 1.0), self.now)

    def second(self, **offered: int) -> None:
        """Requests of each caller, and the tick at the end."""
        before = {name: self[name].defections for name in offered}
        arrivals = [(at, name) for name, count in offered.items() for at in self.pattern(count, self._rng)]
        start = self.now
        for at, name in sorted(arrivals):
            self.now = start + at
            if self.police.request(self[name], self.now) == 0.0:
                self.passed.setdefault(name, []).append(self.now)
        self.now = start + 1.0
        self.tick()
        self.defected_at |= {name: self.now for name in offered if self[name].defections > before[name]}

    def seconds(self, count: int, **offered: int) -> None:
        """The same in each."""
        for _ in range(count):
            self.second(**offered)

    def tick(self) -> None:
        self.police.tick(self.now, capacity=self.capacity, congested=self.congested)

    def send(self, name: str, times: int = 1, *, attempt: int = 1, key: bytes | None = None) -> list[float]:
        """All at this instant; the answers."""
        return [self.police.request(self[name], self.now, attempt=attempt, key=key) for _ in range(times)]

    def pause(self, seconds: float) -> None:
        """Nobody speaks, and nobody ticks."""
        self.now += seconds

    def until(self, done: Callable[[], bool], most: int, **offered: int) -> int:
        """Seconds until `done`, at most so many."""
        for second in range(most):
            if done():
                return second
            self.second(**offered)
        return most
