"""How many requests the application works on at a time: what every limit says, and the one that learns nothing."""

from abc import ABC, abstractmethod
from typing import Final

TOLERANCE: Final = 1.5
"""× calm: latency up to here is no reason to take less."""


class Limit(ABC):
    """Requests the application may have in flight, `value` ≥ 1."""

    value: int

    @abstractmethod
    def sample(self, took_s: float, in_flight: int, now: float) -> None:
        """The application answered after `took_s`; `in_flight` were under way then, this one included."""

    @abstractmethod
    def overloaded(self, now: float) -> None:
        """The application timed out or refused: it says itself that it is too much."""

    def tick(self, now: float) -> None:
        """Several times a second, traffic or not."""
        return

    @property
    def told(self) -> int:
        """What others are told of it: how busy we are is in flight over this."""
        return self.value

    def steady(self) -> bool:
        """Whether `value` is what the application is thought to manage, and not lowered to measure something."""
        return True

    @property
    def calm_s(self) -> float:
        """Seconds an answer takes without a queue; 0: not known."""
        return 0.0


class FixedLimit(Limit):
    """Learns nothing. `ValueError` for less than 1."""

    def __init__(self, initial: int) -> None:
        if initial < 1:
            raise ValueError(f"a limit must be at least 1: {initial}")
        self.value = initial

    def sample(self, took_s: float, in_flight: int, now: float) -> None:
        """Nothing to learn."""

    def overloaded(self, now: float) -> None:
        """Nothing to change."""
