"""What requests have cost on one side of a comparison: sums of powers that fade, and what they say. No I/O."""

from typing import Final

LONG: Final = 6.0
"""Baselines: a cost above it weighs no more than this in the tail, where single ones would decide."""


class Arm:
    """Costs of requests on one side, in baselines of their routes."""

    __slots__ = ("count", "fourths", "seconds", "squares", "total")

    def __init__(self) -> None:
        self.count = self.total = self.squares = 0.0
        self.seconds = self.fourths = 0.0  # powers of costs up to `LONG`

    def add(self, cost: float) -> None:
        """One request."""
        square = min(cost, LONG)
        square *= square
        self.count += 1.0
        self.total += cost
        self.squares += cost * cost
        self.seconds += square
        self.fourths += square * square

    def fade(self, keep: float) -> None:
        """Older ones count less."""
        self.count *= keep
        self.total *= keep
        self.squares *= keep
        self.seconds *= keep
        self.fourths *= keep

    def mean(self) -> float:
        """0 without any."""
        return self.total / self.count if self.count > 0.0 else 0.0

    def tail(self) -> float:
        """The mean of squares; 0 without any."""
        return self.seconds / self.count if self.count > 0.0 else 0.0
