"""One request at the gate in front of the application, and how the gate is set up."""

from dataclasses import dataclass
from typing import Final

NEW: Final = 0
QUEUED: Final = 1
ADMITTED: Final = 2
REFUSED: Final = 3
OVER: Final = 4
"""Admitted and finished, or withdrawn from the queue by its client."""
_STATES: Final[tuple[str, ...]] = ("new", "queued", "admitted", "refused", "over")


class Ask:
    """A request that asks to go in.

    `weight`: its caller's budget; `bid`: what a spare slot is worth to it, in budget; `deadline`: when its client stops
    waiting, on the clock of `now`. The gate sets the rest: `state`, `cause` of a refusal (red, full, deadline),
    `admitted_at` (0 until then), `paid`. `owner` is the adapter's own.
    """

    __slots__ = (
        "admitted_at",
        "arrived",
        "bid",
        "caller",
        "cause",
        "deadline",
        "owner",
        "paid",
        "state",
        "weight",
    )

    def __init__(
        self, caller: str, weight: float, now: float, *, bid: float = 0.0, deadline: float | None = None
    ) -> None:
        self.caller = caller
        self.weight = weight
        self.bid = bid
        self.deadline = deadline
        self.arrived = now
        self.admitted_at = 0.0
        self.state = NEW
        self.cause = ""
        self.paid = 0.0
        self.owner: object | None = None

    def __repr__(self) -> str:
        why = f" {self.cause}" if self.cause else ""
        return f"<Ask {self.caller} w={self.weight:g} {_STATES[self.state]}{why}>"


@dataclass(frozen=True, slots=True)
class AdmissionConfig:
    """Of the gate; immutable, swapped whole. `ValueError` names what does not fit."""

    queue_share: float = 0.5
    """Places in the queue per slot."""
    least_queue: int = 10
    """Places however few the slots."""
    most_wait_s: float = 0.5
    """Nobody waits longer at the gate."""
    probe_rate: float = 10.0
    """Exempt requests/s per probe path."""
    probe_paths: tuple[bytes, ...] = ()
    """Paths, without query, that are never queued, policed or counted."""
    balance_s: float = 10.0
    """Seconds of its budget a caller can save up for bids."""
    burst_s: float = 0.5
    """Seconds of its share of the capacity a caller can save up."""
    present_s: float = 10.0
    """A caller unseen for so long leaves its share to the others."""
    ageing_per_s: float = 2.0
    """What a second of waiting is worth in the auction, in budget."""
    most_callers: int = 1024
    """Callers remembered."""

    def __post_init__(self) -> None:
        if self.least_queue < 1 or self.most_callers < 1:
            raise ValueError("least_queue and most_callers must be at least 1")
        if not (self.queue_share >= 0.0 and self.most_wait_s > 0.0 and self.probe_rate >= 0.0):
            raise ValueError("queue_share and probe_rate must not be negative, most_wait_s must be positive")
