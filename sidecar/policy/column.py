"""A column: what the coordinator recommends to one sidecar for one service, slot by slot (game.md §2)."""

import math
from dataclasses import dataclass
from typing import Final

_SLOT_LEAST_S: Final = 0.1
_SLOT_MOST_S: Final = 3600.0
_EVER_S: Final = 1e12
"""Of a clock: what is further away is no time."""


@dataclass(frozen=True, slots=True)
class Column:
    """Our own part of one epoch. `actions[i]`: shares by address in slot `first_slot + i`; times are our own clock's.

    Slot n lasts from `zero_at + n·slot_s` to the next.
    """

    epoch: int
    first_slot: int
    slot_s: float
    zero_at: float
    actions: tuple[dict[str, float], ...]
    expires_at: float

    def timed(self) -> bool:
        """Whether its times are times at all."""
        return _SLOT_LEAST_S <= self.slot_s <= _SLOT_MOST_S and abs(self.zero_at) < _EVER_S

    def slot(self, now: float) -> int:
        """The number of the present one; only where it is `timed`."""
        return math.floor((now - self.zero_at) / self.slot_s)

    def action(self, slot: int) -> dict[str, float] | None:
        """What it says for a slot; None: nothing."""
        place = slot - self.first_slot
        return self.actions[place] if 0 <= place < len(self.actions) else None


def flaw(action: dict[str, float]) -> str:
    """Why shares are none; "" when they are."""
    for share in action.values():
        if not 0.0 <= share <= 1.0:  # nan is not
            return "a share that is not in 0..1"
    total = sum(action.values())
    return "" if abs(total - 1.0) <= 0.01 else "shares that do not sum to 1"
