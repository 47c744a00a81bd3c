"""Whether advice is worth following: what it costs, measured against what our own mix would have cost instead.

Conditional regret (Hart and Mas-Colell 2000; game.md §2): over the slots that gave the same advice, the mean cost of
requests that were given to it minus that of those that were not, but to an endpoint drawn from our own mix. Which is
which was decided by chance, so nothing else tells them apart: no model of an endpoint we did not play, which is what
a lie would hide behind. Requests that the veto sent elsewhere count on the side of the advice, since that is what
following it means here.

The deviation is our own mix *as a share vector*: one draw, without the look at every load that a pick of ours takes.
The players' actions are share vectors; an equilibrium among them promises that no other share vector is better, and
cannot promise anything about whoever watches all loads while the others keep to their shares: that one gains from
the order the others keep, and if all did so it would be gone. Nor is the best single endpoint a deviation: at the
optimum the quick pods are quicker than the slow ones, and everybody would want to be there.

Both sides are luck too. Advice is disobeyed once its regret exceeds the tolerance by more than `LUCK` standard
errors: a lie that doubles what requests cost is found after some dozens of them, one that adds a tenth after
thousands, and honest advice is not dropped for a bad second. Then it is left alone for a while that doubles, since a
lie that herds everybody looks fine as long as nobody follows.
"""

import math
import random
from typing import Final

LUCK: Final = 2.5
"""Standard errors: it is looked at all the time, so two would be exceeded by honest advice soon."""
LEAST_FOLLOWED: Final = 12.0
LEAST_OWN: Final = 12.0
"""Requests of either side before anything is concluded."""
LEAST_SPREAD: Final = 1.0
"""Least squared coefficient of variation that latencies are believed to have: among a few, the longest are missing."""
ACTION_S: Final = 60.0
"""Time constant of what one action has cost; only time under it counts."""
EVERYTHING_S: Final = 15.0
"""The same for all actions together: what has just begun to go wrong must not hide behind what went well."""
FIRST_S: Final = 5.0
LONGEST_S: Final = 300.0
"""Of a loss of trust."""
_WELL: Final = 4.0
"""Obeyed for so many times the last loss, the next begins with the first again."""


class Arm:
    """Costs of requests on one side, in baselines of their routes."""

    __slots__ = ("count", "squares", "total")

    def __init__(self) -> None:
        self.count = self.total = self.squares = 0.0

    def add(self, cost: float) -> None:
        """One request."""
        self.count += 1.0
        self.total += cost
        self.squares += cost * cost

    def fade(self, keep: float) -> None:
        """Older ones count less."""
        self.count *= keep
        self.total *= keep
        self.squares *= keep

    def mean(self) -> float:
        """0 without any."""
        return self.total / self.count if self.count > 0.0 else 0.0

    def error2(self) -> float:
        """Squared standard error of the mean."""
        if self.count <= 0.0:
            return 0.0
        mean = self.total / self.count
        variance = max(self.squares / self.count - mean * mean, LEAST_SPREAD * mean * mean)
        return variance / self.count


class Trial:
    """One advice against our own mix."""

    __slots__ = ("_memory_s", "first", "followed", "own", "part", "trust")

    def __init__(self, memory_s: float) -> None:
        self._memory_s = memory_s
        self.first = self.part = 0.0  # of the requests follows: while trust is new, and now
        self.followed = Arm()
        self.own = Arm()
        self.trust = Trust()

    def fade(self, elapsed_s: float) -> None:
        """So much time under this advice has passed."""
        keep = math.exp(-elapsed_s / self._memory_s)
        self.followed.fade(keep)
        self.own.fade(keep)

    def regret(self) -> float:
        """Relative to the mean cost; negative: the advice is better. 0 while too little is known."""
        if not self._known():
            return 0.0
        return (self.followed.mean() - self.own.mean()) / self._mean()

    def luck(self) -> float:
        """How much of that may be chance; infinite while too little is known."""
        if not self._known():
            return math.inf
        return LUCK * math.sqrt(self.followed.error2() + self.own.error2()) / self._mean()

    def regretted(self, tolerance: float) -> bool:
        """It costs more than the tolerance, and that is not luck."""
        return self._known() and self.regret() - self.luck() > tolerance

    def begin(self) -> None:
        """What was measured before says nothing about the next time."""
        self.followed = Arm()
        self.own = Arm()

    def follow_anew(self) -> None:
        """The same for those that followed alone."""
        self.followed = Arm()

    def _known(self) -> bool:
        return self.followed.count >= LEAST_FOLLOWED and self.own.count >= LEAST_OWN

    def _mean(self) -> float:
        count = self.followed.count + self.own.count
        return max((self.followed.total + self.own.total) / count, 1e-9)


class Stake:
    """One request's: where its cost is counted once it is known. A trial that has begun anew has other arms."""

    __slots__ = ("_all", "_one")

    def __init__(self, one: Arm, everything: Arm) -> None:
        self._one = one
        self._all = everything

    def settle(self, cost: float) -> None:
        """In baselines of its route."""
        self._one.add(cost)
        self._all.add(cost)


class Trust:
    """Lost for a while, and each time for twice as long."""

    __slots__ = ("again_at", "lost_s")

    def __init__(self) -> None:
        self.again_at = -math.inf  # when it returns, or returned
        self.lost_s = 0.0  # the last time

    def lose(self, now: float, rng: random.Random) -> None:
        """Disobey from now on; the jitter is against everybody's return at once."""
        well = now - self.again_at > max(ACTION_S, _WELL * self.lost_s)
        self.lost_s = FIRST_S if well else min(LONGEST_S, 2.0 * self.lost_s)
        self.again_at = now + self.lost_s * (0.75 + 0.5 * rng.random())
