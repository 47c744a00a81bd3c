"""Trust in advice, lost for a while: a lie that herds everybody looks fine as long as nobody follows. No I/O."""

import math
import random
from typing import Final

FIRST_S: Final = 5.0
LONGEST_S: Final = 300.0
"""Of a loss of trust."""
WELL_S: Final = 60.0
_WELL: Final = 4.0
"""Obeyed for so long, and for so many times the last loss, the next begins with the first again."""


class Trust:
    """Lost for a while, and each time for twice as long."""

    __slots__ = ("again_at", "lost_s")

    def __init__(self) -> None:
        self.again_at = -math.inf  # when it returns, or returned
        self.lost_s = 0.0  # the last time

    def lose(self, now: float, rng: random.Random) -> None:
        """Disobey from now on; the jitter is against everybody's return at once."""
        well = now - self.again_at > max(WELL_S, _WELL * self.lost_s)
        self.lost_s = FIRST_S if well else min(LONGEST_S, 2.0 * self.lost_s)
        self.again_at = now + self.lost_s * (0.75 + 0.5 * rng.random())
