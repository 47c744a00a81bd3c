"""A scale that shrinks by a factor and grows by a step: additive increase, multiplicative decrease.

Of the linear rules it is the one that frees what is short at once and still brings those who share it together (Chiu
and Jain, "Analysis of the increase and decrease algorithms for congestion avoidance", 1989).
"""

from typing import ClassVar


class Aimd:
    """A number in [least, 1], 1 at first. `ValueError` when it could leave that range or never move."""

    DIGITS: ClassVar[int] = 9
    """What sums of a step lose to rounding is given back: ten steps of 0.05 above 0.5 are 1, not nearly."""

    __slots__ = ("_factor", "_least", "_step", "scale")

    def __init__(self, factor: float = 0.5, step: float = 0.05, least: float = 0.1) -> None:
        if not 0.0 < factor < 1.0:
            raise ValueError(f"factor={factor}: a contraction is by a factor between 0 and 1")
        if not 0.0 < step <= 1.0:
            raise ValueError(f"step={step}: growth is by more than 0 and at most 1")
        if not 0.0 < least <= 1.0:
            raise ValueError(f"least={least}: the floor is above 0 and at most 1")
        self._factor = factor
        self._step = step
        self._least = least
        self.scale = 1.0

    def __repr__(self) -> str:
        return f"Aimd({self.scale:.3f})"

    def contract(self) -> bool:
        """Shrink by the factor, never below the floor. True when it moved."""
        before = self.scale
        self.scale = max(self._least, round(before * self._factor, Aimd.DIGITS))
        return self.scale < before

    def grow(self) -> bool:
        """Grow by the step, never above 1. True when it moved."""
        before = self.scale
        self.scale = min(1.0, round(before + self._step, Aimd.DIGITS))
        return self.scale > before
