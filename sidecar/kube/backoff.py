"""How long to wait before trying again: doubling, bounded, half of it random."""

from random import Random
from typing import Final

FIRST_S: Final = 0.1
LONGEST_S: Final = 3.0
"""Short: whoever returns is noticed within this and a round trip, and the promise is 5 s."""
REFUSED_S: Final = 30.0
"""For a certain no (403, 404), which lasts until somebody changes a role."""


class Backoff:
    """Counts failures in a row."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._failures = 0

    def __repr__(self) -> str:
        return f"Backoff({self._failures} failures)"

    def reset(self) -> None:
        """It works."""
        self._failures = 0

    def next_s(self, *, longest_s: float = LONGEST_S, least_s: float = 0.0) -> float:
        """Seconds to wait after one more failure; `least_s`: what the server asked for."""
        self._failures += 1
        delay_s = min(longest_s, FIRST_S * 2.0 ** min(self._failures - 1, 16))
        return max(delay_s * self._rng.uniform(0.5, 1.0), least_s)
