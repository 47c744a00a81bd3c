"""What was played and what it cost over the last seconds: realised shares, average costs, whether they settle.

Half-second slots in a ring. Everything the equilibrium gauges say is computed here from what happened, not from
what the learner intended; probes are not plays and stay out.
"""

from typing import Final

from sidecar.game import mix as mixes
from sidecar.game import nash

SLOT_S: Final = 0.5
SLOTS: Final = 20
WINDOW: Final = 10
"""Slots in 5 s."""
LEAST_PLAYS: Final = 50
SETTLED_PER_S: Final = 0.05


class Row:
    """One endpoint's slots."""

    __slots__ = ("cost_s", "plays", "ticks")

    def __init__(self) -> None:
        self.plays = [0] * SLOTS
        self.cost_s = [0.0] * SLOTS
        self.ticks = [0] * SLOTS

    def clear(self, slot: int) -> None:
        """Its turn has come round again."""
        self.plays[slot] = 0
        self.cost_s[slot] = 0.0
        self.ticks[slot] = 0


class Ledger:
    """Rows by address; a slot number counts half seconds of the caller's clock."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        self.slot = 0
        self.changed_at = 0.0
        self.settled = False
        self.settled_after_s: list[float] = []  # not yet taken by the metrics
        self.last_settled_s = -1.0

    def keep(self, rows: dict[str, Row], now: float) -> None:
        """Exactly these endpoints from now on; one that comes back begins anew."""
        for address, row in rows.items():
            if address not in self.rows:
                for slot in range(SLOTS):
                    row.clear(slot)
        self.rows = rows
        self.change(now)

    def change(self, now: float) -> None:
        """Something happened that shares must adapt to."""
        self.changed_at = now
        self.settled = False

    def play(self, row: Row) -> None:
        """One pick."""
        row.plays[self.slot % SLOTS] += 1

    def cost(self, row: Row, seconds: float) -> None:
        """Modelled cost, at a tick."""
        slot = self.slot % SLOTS
        row.cost_s[slot] += seconds
        row.ticks[slot] += 1

    def advance(self, now: float) -> bool:
        """Open the slot of `now`; True when it is a new one."""
        slot = int(now / SLOT_S)
        if slot == self.slot:
            return False
        for passed in range(max(self.slot + 1, slot - SLOTS + 1), slot + 1):
            for row in self.rows.values():
                row.clear(passed % SLOTS)
        self.slot = slot
        self._judge(now)
        return True

    def plays(self, address: str, slots: int, before: int = 0) -> int:
        """Picks in the last `slots` slots, ending `before` slots ago."""
        row = self.rows.get(address)
        if row is None:
            return 0
        newest = self.slot - before
        return sum([row.plays[s % SLOTS] for s in range(newest - slots + 1, newest + 1)])

    def shares(self, slots: int = WINDOW, before: int = 0) -> list[float] | None:
        """Realised, in the order of the endpoints; None below `LEAST_PLAYS`."""
        counts = [self.plays(address, slots, before) for address in self.rows]
        total = sum(counts)
        return [count / total for count in counts] if total >= LEAST_PLAYS else None

    def mean_cost(self, address: str) -> float:
        """Seconds, over the last 5 s; 0 when it was never computed."""
        row = self.rows.get(address)
        if row is None:
            return 0.0
        slots = [s % SLOTS for s in range(self.slot - WINDOW + 1, self.slot + 1)]
        ticks = sum([row.ticks[s] for s in slots])
        return sum([row.cost_s[s] for s in slots]) / ticks if ticks else 0.0

    def gap(self, admitted: list[str]) -> float | None:
        """Relative Nash gap over these endpoints; None when too little was played to say."""
        counts = [self.plays(address, WINDOW) for address in admitted]
        total, costs = sum(counts), [self.mean_cost(address) for address in admitted]
        if total < LEAST_PLAYS or not costs or min(costs) <= 0.0:
            return None
        return nash.relative_gap([count / total for count in counts], costs)

    def rate_per_s(self) -> float | None:
        """How fast the shares move: total variation between two successive windows of 5 s, per second."""
        recent, earlier = self.shares(WINDOW, 0), self.shares(WINDOW, WINDOW)
        if recent is None or earlier is None:
            return None
        return mixes.total_variation(recent, earlier) / (WINDOW * SLOT_S)

    def take_settled(self) -> list[float]:
        """Seconds each change took to settle, since the last call."""
        taken, self.settled_after_s = self.settled_after_s, []
        return taken

    def _judge(self, now: float) -> None:
        rate = self.rate_per_s()
        if rate is None or now - self.changed_at < WINDOW * SLOT_S:  # the windows do not show the change yet
            return
        if rate >= SETTLED_PER_S:
            if self.settled:
                self.change(now)
        elif not self.settled:
            self.settled = True
            self.last_settled_s = now - self.changed_at
            self.settled_after_s.append(self.last_settled_s)
            del self.settled_after_s[:-100]
