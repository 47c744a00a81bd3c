"""The gate in front of the application: who goes in now, who waits, who is refused, and why.

Slots are what the limit allows (overload/limits.py). While one is free and nobody waits, a request walks in: no table
is touched. Otherwise it waits, briefly, in a bounded room that is fair by budget (waiting.py).

What cannot be served is refused at once rather than late (outlook.py), and, early and at random while the room fills,
callers beyond their share (overload/red.py). Decisions are O(1) until somebody waits, then O(callers that wait).
"""

import math
import random
from typing import Final

from sidecar.policy.ask import ADMITTED, NEW, OVER, QUEUED, REFUSED, AdmissionConfig, Ask
from sidecar.policy.outlook import Outlook
from sidecar.policy.overload.limit import Limit
from sidecar.policy.pace import Pace
from sidecar.policy.purses import Exemptions
from sidecar.policy.ration import Ration
from sidecar.policy.waiting import WaitingRoom

__all__ = ["ADMITTED", "NEW", "OVER", "QUEUED", "REFUSED", "Admission", "AdmissionConfig", "Ask"]

CONGESTED_S: Final = 1.0
"""The application counts as congested for so long after somebody had to wait."""


class Admission:
    """One gate. `in_flight`: admitted and not over; `evicted`: see `arrive`; `drops`: refusals by cause.

    `room`: who waits, and how full it is.
    """

    __slots__ = (
        "_admitted",
        "_config",
        "_exempted",
        "_exemptions",
        "_late",
        "_limit",
        "_now",
        "_outlook",
        "_pace",
        "_queued_at",
        "_ration",
        "_refused",
        "_rng",
        "_waited",
        "_waiting",
        "drops",
        "evicted",
        "in_flight",
        "room",
        "slots",
    )

    def __init__(self, config: AdmissionConfig, limit: Limit, rng: random.Random) -> None:
        self._config = config
        self._limit = limit
        self._rng = rng
        self.room = WaitingRoom(config)
        self._waiting = self.room.queue
        self._pace = Pace()
        self._exemptions = Exemptions(config.probe_paths, config.probe_rate)
        self._outlook = Outlook(config.most_wait_s)
        self._ration = Ration()
        self._late: list[Ask] = []  # refused while the adapter was not looking
        self.slots = 1  # requests the application may have at a time, scale included
        self._now = 0.0
        self._queued_at = -math.inf
        self._admitted = self._waited = self._refused = self._exempted = 0
        self.drops = {"red": 0, "full": 0, "deadline": 0}
        self.evicted: Ask | None = None
        self.in_flight = 0
        self._fit()

    # -- one request

    def arrive(self, ask: Ask, now: float) -> str:
        """`""`: goes in at once; `queued`: `finish`, `next` or `sweep` will name it; else why it is refused.

        `evicted`, afterwards: another one that had to leave for it, its `cause` set, or None.
        """
        self.evicted = None
        if (
            self.in_flight < self.slots
            and self._waiting.count == 0
            and (ask.deadline is None or now < ask.deadline)
            and self._ration.take(now)
        ):
            self._admitted += 1
            self._go(ask, now)
            return ""
        return self._wait(ask, now)

    def finish(self, ask: Ask, now: float, *, took_s: float | None) -> Ask | None:
        """An admitted one is over; `took_s`: the application's time to answer, None: it says nothing.

        Returns who may go in now, or None. There may be more: call `next` until it says None.
        """
        if ask.state != ADMITTED:
            return None
        ask.state = OVER
        busy = self.in_flight >= self.slots
        self._pace.ended(
            now - ask.admitted_at,
            self.in_flight if busy else self.slots,
            busy=busy and self._limit.steady(),
        )
        if took_s is not None:
            self._pace.answered(took_s)
            self._limit.sample(took_s, self.in_flight, now)
            self._fit()
        self.in_flight -= 1
        return self.next(now) if self._waiting.count else None

    def next(self, now: float) -> Ask | None:
        """The one who may go in now, if there is a slot and somebody who waits."""
        while self._waiting.count and self.in_flight < self.slots:
            self._now = self._queued_at = now
            if not self._ration.take(now):
                return None
            ask = self.room.choose(self.capacity, now)
            if ask is None:
                return None
            if ask.deadline is None or now < ask.deadline:
                self._go(ask, now)
                return ask
            self._refuse(ask, "deadline")
            self._late.append(ask)
        return None

    def withdraw(self, ask: Ask, now: float) -> None:
        """Its client left while it was queued."""
        if ask.state == QUEUED and self.room.leave(ask):
            ask.state = OVER

    def overloaded(self, now: float) -> None:
        """The application timed out or refused."""
        self._limit.overloaded(now)
        self._fit()

    def exempt(self, path: bytes, now: float) -> bool:
        """Whether this is a probe: it goes in past the gate, uncounted. The path may carry a query."""
        if not self._exemptions.take(path, now):
            return False
        self._exempted += 1
        return True

    # -- now and then

    def sweep(self, now: float) -> list[Ask]:
        """About every 50 ms: who has waited too long or cannot meet its deadline, taken out, causes set.

        The limit may have moved meanwhile: call `next` afterwards until it says None.
        """
        elapsed_s, self._now = now - self._now, now
        self._limit.tick(now)
        self._fit()
        self._pace.measure(now)
        self._ration.see(self._pace.rate, elapsed_s)
        self.room.purses.review(now)
        self._outlook.review(self.slots, self.capacity)
        late, self._late = self._late, []
        for ask in self.room.waiting():
            cause = self._outlook.hopeless(ask, self._pace.typical_s, now)
            if cause and self.room.leave(ask):
                self._refuse(ask, cause)
                late.append(ask)
        return late

    # -- told

    @property
    def scale(self) -> float:
        """Share of the usual work, in [0, 1]: of the limit, and of what went in per second before it fell.

        At least one slot, and a request a second, stay. Set by the governor.
        """
        return self._ration.scale

    @scale.setter
    def scale(self, scale: float) -> None:
        scale = min(1.0, scale) if scale > 0.0 else 0.0
        if scale != self._ration.scale:
            self._ration.set(scale, self._now)
            self._fit()

    @property
    def queued(self) -> int:
        """Requests that wait."""
        return self._waiting.count

    @property
    def utilisation(self) -> float:
        """Slots in use, in [0, 1]."""
        return min(1.0, self.in_flight / self.slots)

    @property
    def capacity(self) -> float:
        """Requests/s when all slots are in use (Little's law), or as many as are rationed; 0 until enough is known."""
        return min(self._pace.capacity, self._ration.per_s)

    @property
    def told(self) -> int:
        """Slots as others are told them, scale included: while nothing is known, those it was configured with."""
        return max(1, int(self._limit.told * self._ration.scale))

    @property
    def latency_ratio(self) -> float | None:
        """Median time to answer over that without a queue; None until both are known."""
        calm_s, typical_s = self._limit.calm_s, self._pace.typical_s
        return typical_s / calm_s if calm_s > 0.0 and typical_s > 0.0 else None

    @property
    def headroom(self) -> float:
        """Requests/s more than now that would still be feasible; 0 until enough is known."""
        return max(0.0, self.capacity - self._pace.rate)

    @property
    def congested(self) -> bool:
        """Somebody had to wait within the last second."""
        return self._now - self._queued_at <= CONGESTED_S

    @property
    def steady(self) -> bool:
        """Slots are what the application can do: not lowered to measure it, nor to spare its memory."""
        return self._ration.scale >= 1.0 and self._limit.steady()

    @property
    def decisions(self) -> dict[str, int]:
        """Arrivals: admitted at once, queued, refused at once; and exempt ones."""
        return {
            "admitted": self._admitted,
            "queued": self._waited,
            "refused": self._refused,
            "exempt": self._exempted,
        }

    # -- details

    def _wait(self, ask: Ask, now: float) -> str:
        self._now = now
        if self._waiting.count or self.in_flight >= self.slots or self._ration.short:
            self._queued_at = now
        self.room.seen(ask, self.capacity, now)
        cause = self._objection(ask, now)
        if not cause:
            ask.state = QUEUED
            gone = self.room.enter(ask)
            if gone is not ask:
                self._waited += 1
                self.evicted = gone
                if gone is not None:
                    self._refuse(gone, "full")
                return "queued"
            cause = "full"
        self._refused += 1
        self._refuse(ask, cause)
        return cause

    def _objection(self, ask: Ask, now: float) -> str:
        """Why it need not even wait; empty: no reason."""
        ahead = self.room.ahead(ask) + 1  # the slots are in use: one has to end first
        cause = self._outlook.objection(ask, ahead, self.capacity, self._pace.typical_s, now)
        if cause:
            return cause
        chance = self.room.red
        if chance > 0.0 and self.room.beyond_its_share(ask) and self._rng.random() < chance:
            return "red"
        return ""

    def _go(self, ask: Ask, now: float) -> None:
        self.in_flight += 1
        ask.state = ADMITTED
        ask.admitted_at = now

    def _refuse(self, ask: Ask, cause: str) -> None:
        ask.state = REFUSED
        ask.cause = cause
        self.drops[cause] += 1

    def _fit(self) -> None:
        """The limit or its scale may have moved."""
        self.slots = max(1, int(self._limit.value * self._ration.scale))
        self.room.bound = max(self._config.least_queue, int(self.slots * self._config.queue_share))
