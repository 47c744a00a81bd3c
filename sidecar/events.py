"""What happened, told to whoever listens: bounded and lossy, so that telling never costs the teller anything.

A subscriber has a queue of its own; when it does not keep up, its oldest events are dropped and counted. Nobody is
called back: a publisher only appends.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Final

from sidecar import clock
from sidecar.policy.overload.governor import DEGRADED_MODE, MEM_PRESSURE, SCALE_DOWN, SCALE_UP

__all__ = [
    "BUF_SAT",
    "DEGRADED_MODE",
    "MEM_PRESSURE",
    "OTHER",
    "SCALE_DOWN",
    "SCALE_UP",
    "Bus",
    "Event",
    "Subscription",
]

BUF_SAT: Final = "BUF_SAT"
"""A queue or buffer is full."""
OTHER: Final = "other"
MOST_KINDS: Final = 64
"""Kinds beyond these are counted together."""


@dataclass(frozen=True, slots=True)
class Event:
    """`at_s`: seconds of the one clock. `detail`: plain values; no secrets, since events are written to files."""

    kind: str
    at_s: float
    detail: dict[str, object]


class Subscription:
    """One listener's queue. Closed by `close` or at the end of a `with`."""

    def __init__(self, bus: "Bus", most: int) -> None:
        self._bus = bus
        self._events: deque[Event] = deque(maxlen=most)
        self._waiting = asyncio.Event()
        self.dropped = 0
        """Events it did not fetch in time."""

    def __enter__(self) -> "Subscription":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __len__(self) -> int:
        return len(self._events)

    def put(self, event: Event) -> bool:
        """Append; False when the oldest had to go for it."""
        room = len(self._events) != self._events.maxlen
        self.dropped += not room
        self._events.append(event)
        self._waiting.set()
        return room

    def drain(self) -> list[Event]:
        """Everything that waits, oldest first."""
        events = list(self._events)
        self._events.clear()
        self._waiting.clear()
        return events

    async def next(self) -> Event:
        """The oldest that waits, or the next that happens. Cancelled, it loses none."""
        while not self._events:
            self._waiting.clear()
            await self._waiting.wait()
        return self._events.popleft()

    def close(self) -> None:
        """Hear no more."""
        self._bus.leave(self)


class Bus:
    """Publishers on one side, at most `most_subscribers` queues on the other."""

    def __init__(self, *, most_subscribers: int = 16, now: Callable[[], float] = clock.now) -> None:
        self._most_subscribers = most_subscribers
        self._now = now
        self._subscriptions: list[Subscription] = []
        self.counts: Counter[str] = Counter()
        """Events published, by kind (`equilibrium_events_total`)."""
        self.dropped = 0
        """Events some subscriber did not fetch in time, in all."""

    def __repr__(self) -> str:
        return f"Bus({len(self._subscriptions)} subscribers, {dict(self.counts)}, dropped={self.dropped})"

    def publish(self, kind: str, detail: Mapping[str, object] | None = None) -> Event:
        """Tell everybody. Never waits, never raises."""
        event = Event(kind, self._now(), dict(detail or {}))
        self.counts[kind if kind in self.counts or len(self.counts) < MOST_KINDS else OTHER] += 1
        for subscription in self._subscriptions:
            self.dropped += not subscription.put(event)
        return event

    def subscribe(self, most: int = 256) -> Subscription:
        """A queue of at most so many events. `ValueError` for one of none, `RuntimeError` when there are too many."""
        if most < 1:
            raise ValueError(f"a queue of {most} events; allowed: at least 1")
        if len(self._subscriptions) >= self._most_subscribers:
            raise RuntimeError(f"{self._most_subscribers} subscribers already; close one first")
        subscription = Subscription(self, most)
        self._subscriptions.append(subscription)
        return subscription

    def leave(self, subscription: Subscription) -> None:
        """Forget it; twice is once."""
        if subscription in self._subscriptions:
            self._subscriptions.remove(subscription)
