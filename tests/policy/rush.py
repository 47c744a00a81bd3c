"""An application with so many workers behind a gate, and an open loop of callers, in virtual time.

Whoever is admitted goes to a worker, or queues inside the application until one is free: what a limit has to find out.
Seeded: the same requests, the same service times, every time.
"""

import heapq
import math
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from sidecar.policy.admission import Admission, AdmissionConfig, Ask
from sidecar.policy.overload.limit import Limit

SERVICE_S = 0.02
WORKERS = 8
SIGMA = 0.5
SWEEP_S = 0.05


@dataclass
class Caller:
    """Sends `rate` requests/s, Poisson."""

    rate: float
    weight: float = 1.0
    bid: float = 0.0
    patience_s: float | None = None


@dataclass
class Visit:
    """One request: when it came, when it was answered, or why it was not."""

    ask: Ask
    done_at: float = math.inf

    @property
    def latency_s(self) -> float:
        return self.done_at - self.ask.arrived


@dataclass
class Rush:
    """`workers` and `service_s` may be changed between runs."""

    limit: Limit
    config: AdmissionConfig = field(default_factory=AdmissionConfig)
    workers: int = WORKERS
    service_s: float = SERVICE_S
    seed: int = 1

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        self.gate = Admission(self.config, self.limit, random.Random(self.seed + 1))
        self.now = 0.0
        self.busy = 0
        self.inside: deque[Visit] = deque()
        self.visits: list[Visit] = []
        self.overfull = 0  # arrivals after which more waited than may
        self.limits: list[int] = []
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._number = 0
        self._sweep()

    @property
    def capacity(self) -> float:
        """Requests/s all workers serve."""
        return self.workers / self.service_s

    def at(self, when: float, act: Callable[[], None]) -> None:
        self._number += 1
        heapq.heappush(self._events, (when, self._number, act))

    def run(self, seconds: float, callers: dict[str, Caller]) -> "Rush":
        """Let time pass."""
        end = self.now + seconds
        for name, caller in callers.items():
            if caller.rate > 0.0:
                self._expect(name, caller, end)
        while self._events and self._events[0][0] <= end:
            self.now, _, act = heapq.heappop(self._events)
            act()
        self.now = end
        return self

    # -- what came of it

    def since(self, start: float) -> list[Visit]:
        """The requests that came at or after `start`."""
        return [visit for visit in self.visits if visit.ask.arrived >= start]

    def goodput(self, start: float) -> float:
        """Answers per second since then."""
        return sum(start <= visit.done_at <= self.now for visit in self.visits) / (self.now - start)

    def served(self, caller: str, start: float = 0.0) -> int:
        """Answers to this caller since then."""
        return sum(v.ask.caller == caller and start <= v.done_at <= self.now for v in self.visits)

    def p99_s(self, start: float) -> float:
        """Of those answered, the wait at the gate included."""
        took = sorted(visit.latency_s for visit in self.since(start) if visit.done_at <= self.now)
        return took[int(0.99 * len(took))]

    # -- details

    def _expect(self, name: str, caller: Caller, end: float) -> None:
        when = self.now + self.rng.expovariate(caller.rate)
        if when <= end:
            self.at(when, lambda: self._arrive(name, caller, end))

    def _arrive(self, name: str, caller: Caller, end: float) -> None:
        deadline = None if caller.patience_s is None else self.now + caller.patience_s
        ask = Ask(name, caller.weight, self.now, bid=caller.bid, deadline=deadline)
        visit = Visit(ask)
        ask.owner = visit
        self.visits.append(visit)
        before = self.gate.queued
        if self.gate.arrive(ask, self.now) == "":
            self._enter(visit)
        self.overfull += self.gate.queued > max(before, self.gate.room.bound)  # the limit may have shrunk
        self._expect(name, caller, end)

    def _enter(self, visit: Visit) -> None:
        if self.busy >= self.workers:
            self.inside.append(visit)
        else:
            self._work(visit)

    def _work(self, visit: Visit) -> None:
        self.busy += 1
        took_s = self.service_s * math.exp(self.rng.gauss(-(SIGMA**2) / 2, SIGMA))
        self.at(self.now + took_s, lambda: self._done(visit))

    def _done(self, visit: Visit) -> None:
        self.busy -= 1
        visit.done_at = self.now
        while self.inside and self.busy < self.workers:
            self._work(self.inside.popleft())
        ask = visit.ask
        self._let_in(self.gate.finish(ask, self.now, took_s=self.now - ask.admitted_at))

    def _let_in(self, ask: Ask | None) -> None:
        while ask is not None:
            assert isinstance(ask.owner, Visit)
            self._enter(ask.owner)
            ask = self.gate.next(self.now)

    def _sweep(self) -> None:
        self.gate.sweep(self.now)
        self.limits.append(self.limit.value)
        self._let_in(self.gate.next(self.now))
        self.at(self.now + SWEEP_S, self._sweep)
