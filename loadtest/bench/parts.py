"""A part that breaks off must not take with it what was measured before."""

from collections.abc import Callable
from typing import Protocol, TypeVar

from loadtest import processes

T_co = TypeVar("T_co", covariant=True)


class Bench(Protocol[T_co]):
    """A part that can be measured."""

    def outcome(self) -> T_co:
        """Do it."""


class Parts:
    """Measures parts and keeps, by name, why some broke off. `say` is told at once."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.broken: dict[str, str] = {}
        self._say = say

    def measured(self, name: str, bench: Bench[T_co] | None) -> T_co | None:
        """Its outcome; None without a bench, and when a process of it did not come up or ended."""
        if bench is None:
            return None
        try:
            return bench.outcome()
        except processes.StartError as error:
            self._say(f"{name} broke off: {error}")
            self.broken[name] = str(error).partition("\n")[0]
            return None
