"""What a column says of this instant, in the order of our own endpoints (game.md §2). No I/O.

Nothing in a column is believed before it is read: a slot that is not covered, shares that are none, times that are no
times, endpoints that are not here are no advice, and `why` says which.
"""

import math
from typing import Final

from sidecar.policy.column import Column, flaw

LEAST_MIX: Final = 0.25
"""Of an even share: what an endpoint has from us is never thought to be less."""
LEAST_SHARE: Final = 0.005
"""Less is not worth keeping an endpoint in mind for."""
UNKNOWN_SHARE: Final = 0.5
"""A slot with more than this on endpoints we do not play says nothing to us."""


class Slots:
    """One service's column, and the slot in force."""

    def __init__(self) -> None:
        self.column: Column | None = None
        self.slot = 0
        self.action: dict[str, float] = {}  # of this slot; empty: there is no advice now
        self.why = "none"  # there is none
        self.shares: list[float] = []  # in the order of the endpoints
        self.places: list[int] = []  # of those with a share
        self.unknown = 0.0  # the share of endpoints that are not here
        self._mix: list[float] = []  # our own shares, in the same order
        self._addresses: list[str] = []
        self._resolved: Column | None = None
        self._ends_at = -math.inf  # of what `look` found: the slot, the column

    def take(self, column: Column | None, now: float) -> None:
        """From now on; None: there is none. A column older than the one in force is not taken."""
        held = self.column
        older = (
            column is not None and held is not None and column.epoch < held.epoch and now < held.expires_at
        )
        if not older:
            self.column = column
            self._ends_at = -math.inf

    def look(self, addresses: list[str], mix: list[float], now: float) -> bool:
        """Find the action of this instant; False: it is the one found before. `mix`: our own shares."""
        self._mix = mix
        if now < self._ends_at and self.column is self._resolved and addresses == self._addresses:
            return False
        self._addresses = addresses
        self._resolved = column = self.column
        self.action = {}
        self._ends_at = math.inf
        if column is None:
            self.why = "none"
        elif not now < column.expires_at:
            self.why = "expired"
        elif not column.timed():
            self.why = "malformed: no times"
        else:
            self._enter(column, now)
        return True

    def _enter(self, column: Column, now: float) -> None:
        self.slot = slot = column.slot(now)
        self._ends_at = min(column.expires_at, column.zero_at + (slot + 1) * column.slot_s)
        action = column.action(slot)
        if action is None:
            self.why = "nothing for this slot"
            return
        wrong = flaw(action)
        if wrong:
            self.why = f"malformed: {wrong}"
            return
        shares = [action.get(address, 0.0) for address in self._addresses]
        self.unknown = max(0.0, 1.0 - sum(shares))
        if self.unknown > UNKNOWN_SHARE:
            self.why = "for endpoints that are not here"
            return
        self.action = action
        self.shares = shares
        self.places = [place for place, share in enumerate(shares) if share >= LEAST_SHARE]

    # -- what there is in it

    def key(self) -> str:
        """The action's name: the same for the same shares."""
        return ";".join([f"{address}={self.action[address]:.3f}" for address in sorted(self.action)])

    def adds(self, known: dict[str, float]) -> float:
        """How many times what an advised endpoint has from us is added to it by what is not in `known` already."""
        least = LEAST_MIX / len(self.shares)
        added = 0.0
        for place in self.places:
            share = self.shares[place]
            new = max(0.0, share - known.get(self._addresses[place], 0.0))
            added += share * new / max(least, self._mix[place])
        return added

    def overlap(self, known: dict[str, float]) -> float:
        """The part of the action that is in `known` too: 1 less their total variation."""
        common = 0.0
        for address, share in self.action.items():
            common += min(share, known.get(address, 0.0))
        return common
