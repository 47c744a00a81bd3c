"""Coordinators around one API server, in virtual time: what may go wrong between them does, from a seed.

Everything that decides is the real `Elector`; here are only clocks that run at different rates, messages that are
late, lost or doubled, processes that stand still or die, and a server with compare-and-swap.
"""

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from coordinator.policy.leadership import Elector, Read, Record, Terms, Wait, Write

REPLY_S = (0.001, 0.02)
LATE_S = 12.0
TICK_S = 0.25


class Server:
    """Keeps one Lease. `uid` and `version` are never used twice."""

    def __init__(self) -> None:
        self.record: Record | None = None
        self.holders: list[str] = []
        """Everybody who got it, in this order."""
        self.renewed_at: dict[str, float] = {}
        """When a write of this holder was last accepted."""
        self._last = 0

    def serve(self, step: Read | Write, now: float) -> tuple[str, Record | None]:
        if isinstance(step, Read):
            return "read", self.record
        if (None if self.record is None else self.record.version) != step.version:
            return "refused", None
        self._last += 1
        self.record = Record(
            holder=step.holder,
            version=str(self._last),
            uid=f"u{self._last}" if self.record is None else self.record.uid,
            duration_s=step.duration_s,
            transitions=step.transitions,
        )
        if step.holder and step.holder not in self.holders[-1:]:
            self.holders.append(step.holder)
        self.renewed_at[step.holder] = now
        return "written", self.record

    def delete(self) -> None:
        self.record = None


@dataclass
class Link:
    """Between a candidate and the server."""

    to_server: bool = True
    from_server: bool = True
    lost: float = 0.0
    doubled: float = 0.0
    late: float = 0.0


@dataclass(frozen=True)
class Sent:
    """A write to a pod that left. `since_s`: true time since the server last accepted a renewal of its sender.

    `gap_s`: how long the process stood still between asking the guard and sending. `others`: who believed to lead then.
    """

    sender: str
    since_s: float
    gap_s: float
    others: tuple[str, ...]


@dataclass(order=True)
class _Event:
    at: float
    number: int
    do: Callable[[], None] = field(compare=False)


class World:
    """True time, and all that happens in it."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.now = 0.0
        self.server = Server()
        self.candidates: list[Candidate] = []
        self.sent: list[Sent] = []
        self.two: list[tuple[float, tuple[str, ...]]] = []
        """Moments at which more than one believed."""
        self.led_at = 0.0
        """When somebody who runs led last."""
        self._events: list[_Event] = []
        self._number = 0

    def at(self, when: float, do: Callable[[], None]) -> None:
        self._number += 1
        heapq.heappush(self._events, _Event(max(when, self.now), self._number, do))

    def after(self, seconds: float, do: Callable[[], None]) -> None:
        self.at(self.now + seconds, do)

    def believers(self) -> tuple[str, ...]:
        return tuple(each.elector.identity for each in self.candidates if each.believes())

    def run(self, until: float, stop: Callable[[], bool] = lambda: False) -> bool:
        """Whether `stop` came true before the time was over."""
        while self._events and self._events[0].at <= until:
            event = heapq.heappop(self._events)
            self._look(event.at)
            event.do()
            self._look(event.at)
            if stop():
                return True
        self.now = until
        return False

    def _look(self, at: float) -> None:
        """Before and after everything that happens: belief begins there, or ends in between."""
        self.now = at
        believing = self.believers()
        if len(believing) > 1:
            self.two.append((at, believing))
        if any(each.running and each.believes() for each in self.candidates):
            self.led_at = at


class Candidate:
    """A process: an elector, a loop that writes while it may, a clock, a link."""

    def __init__(self, world: World, name: str, terms: Terms, *, rate: float = 1.0) -> None:
        self.world = world
        self.name = name
        self.rate = rate
        self.terms = terms
        self.link = Link()
        self.alive = False
        self.stands_until = 0.0
        self.gap_s: Callable[[], float] = lambda: 0.0
        """How long it stands still between a decision to send and the sending."""
        self._offset = world.rng.uniform(0, 1e6)
        self._lives = 0
        self._asked = 0
        self.start()
        world.candidates.append(self)

    @property
    def running(self) -> bool:
        return self.alive and self.world.now >= self.stands_until

    def start(self) -> None:
        if not self.alive:
            self.alive = True
            self._lives += 1
            self.elector = Elector(f"{self.name}/{self._lives}", self.terms, self.world.rng.uniform)
            self._step()
            self._work()

    def kill(self) -> None:
        self.alive = False

    def stand(self, seconds: float) -> None:
        self.stands_until = max(self.stands_until, self.world.now + seconds)

    def clock(self) -> float:
        return self._offset + self.rate * self.world.now

    def believes(self) -> bool:
        return self.alive and self.elector.left_s(self.clock()) > 0

    # -- the loop of `Leader`, without a network

    def _when_running(self, do: Callable[[], None]) -> Callable[[], None]:
        """What the process does: not when it is dead, later when it stands still, never in another life."""
        life = self._lives

        def then() -> None:
            if not self.alive or self._lives != life:
                return
            if self.world.now < self.stands_until:
                self.world.at(self.stands_until, then)
                return
            do()

        return then

    def _step(self) -> None:
        step = self.elector.step(self.clock())
        if isinstance(step, Wait):
            if step.seconds < 1e9:
                self.world.after(step.seconds / self.rate, self._when_running(self._step))
            return
        self._asked += 1
        asked = self._asked
        self.stand(self.gap_s())
        self._when_running(lambda: self._send(step, asked))()

    def _send(self, step: Read | Write, asked: int) -> None:
        self.world.after(self.terms.timeout_s / self.rate, self._when_running(lambda: self._lost(asked)))
        for _ in range(1 + (self.world.rng.random() < self.link.doubled)):
            if self.link.to_server and self.world.rng.random() >= self.link.lost:
                self.world.after(self._trip_s(), lambda: self._served(step, asked))

    def _served(self, step: Read | Write, asked: int) -> None:
        verdict, record = self.world.server.serve(step, self.world.now)
        if self.link.from_server and self.world.rng.random() >= self.link.lost:
            hear = self._when_running(lambda: self._heard(verdict, record, asked))
            self.world.after(self._trip_s(), hear)

    def _trip_s(self) -> float:
        late = self.world.rng.random() < self.link.late
        return self.world.rng.uniform(*((0.02, LATE_S) if late else REPLY_S))

    def _heard(self, verdict: str, record: Record | None, asked: int) -> None:
        if asked != self._asked:
            return
        self._asked += 1
        now = self.clock()
        if verdict == "read":
            self.elector.read(record, now)
        elif verdict == "refused":
            self.elector.refused(now)
        else:
            assert record is not None
            self.elector.written(record, now)
        self._step()

    def _lost(self, asked: int) -> None:
        if asked == self._asked:
            self._asked += 1
            self.elector.lost(self.clock())
            self._step()

    # -- the work it is all about

    def _work(self) -> None:
        """Ask the guard and send, as the loop does, or stand still in between where the world wants it."""
        if self.elector.left_s(self.clock()) > 0:
            gap_s = self.gap_s()
            self.stand(gap_s)
            self._when_running(lambda: self._sent(gap_s))()
        self.world.after(TICK_S * self.world.rng.uniform(0.5, 1.0), self._when_running(self._work))

    def _sent(self, gap_s: float) -> None:
        world, me = self.world, self.elector.identity
        others = tuple(name for name in world.believers() if name != me)
        world.sent.append(Sent(me, world.now - world.server.renewed_at[me], gap_s, others))
