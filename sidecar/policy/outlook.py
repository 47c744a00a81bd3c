"""Whether waiting is of use: what cannot be served in time is refused at once rather than late.

Demand outside the feasible region (game/feasible.py: what goes in before it would take longer than anybody may wait),
and deadlines that cannot be met.
"""

from sidecar.game.feasible import Region
from sidecar.policy.ask import Ask


class Outlook:
    """Of requests that cannot go in now. Capacity is in requests/s, 0: unknown; `typical_s`: what an answer takes."""

    __slots__ = ("_most_wait_s", "_region")

    def __init__(self, most_wait_s: float) -> None:
        self._most_wait_s = most_wait_s
        self._region = Region(0.0, [0.0])

    def review(self, slots: int, capacity: float) -> None:
        """Now and then: what the application can do."""
        self._region = Region(float(slots), [slots / capacity if capacity > 0.0 else 0.0])

    def objection(self, ask: Ask, ahead: int, capacity: float, typical_s: float, now: float) -> str:
        """Why it need not even wait, with so many to go before it; empty: no reason."""
        if ask.deadline is not None:
            wait_s = ahead / capacity if capacity > 0.0 else 0.0
            if now + wait_s + typical_s >= ask.deadline:
                return "deadline"
        if ask.bid <= 0.0 and not self._region.contains([ahead / self._most_wait_s]):
            return "full"  # a bid may go in before its turn
        return ""

    def hopeless(self, ask: Ask, typical_s: float, now: float) -> str:
        """Why it need not wait any longer; empty: no reason."""
        if ask.deadline is not None and now + typical_s >= ask.deadline:
            return "deadline"
        return "full" if now - ask.arrived >= self._most_wait_s else ""
