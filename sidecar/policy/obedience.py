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

Means do not see who pays: a lie that sends most requests to good places and some to a very bad one may leave the mean
alone and double the p99. So the same is asked of squares of costs (a convex loss, which long requests decide).

Both sides are luck too. Advice is disobeyed once its regret exceeds the tolerance by more than `LUCK` standard
errors: a lie that doubles what requests cost is found after some dozens of them, one that adds a tenth after
thousands, and honest advice is not dropped for a bad second. It is looked at all the time, not once, and a boundary
that holds at all times together is 3 to 4 standard errors (Howard, Ramdas, McAuliffe and Sekhon, Annals of Statistics
49, 2021). These are 3.5: of exponentially faded sums the variance is half of what their weight says, and the error
here is of the weight. Then it is left alone for a while that doubles, since a lie that herds everybody looks fine as
long as nobody follows.
"""

import math
from typing import Final

from sidecar.policy.arm import Arm
from sidecar.policy.trust import Trust

LUCK: Final = 2.5
"""Standard errors: it is looked at all the time, so two would be exceeded by honest advice soon."""
LEAST_FOLLOWED: Final = 12.0
LEAST_OWN: Final = 12.0
"""Requests of either side before anything is concluded."""
LEAST_SPREAD: Final = 1.0
"""Least squared coefficient of variation that costs are believed to have: among a few, the longest are missing."""
MANY: Final = 96.0
"""Among so many they are not: with more, the least that is believed falls as their number rises."""
TAIL: Final = 2.0
"""Tolerances that squares of costs have: costs that are all 5 % higher have squares 10 % higher."""
TAIL_LUCK: Final = 1.0
"""Standard errors more that squares are allowed before they are a doubt: they scatter more."""
ACTION_S: Final = 60.0
"""Time constant of what one action has cost; only time under it counts."""
EVERYTHING_S: Final = 15.0
"""The same for all actions together: what has just begun to go wrong must not hide behind what went well."""


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
        """Of means, relative to the mean cost; negative: the advice is better. 0 while too little is known."""
        return self._apart(self.followed.mean(), self.own.mean()) if self._known() else 0.0

    def luck(self) -> float:
        """How much of that may be chance; infinite while too little is known."""
        one, other = self.followed, self.own
        return self._luck(one.total + other.total, one.squares + other.squares)

    def tail_regret(self) -> float:
        """The same of squares, which long requests decide."""
        return self._apart(self.followed.tail(), self.own.tail()) if self._known() else 0.0

    def tail_luck(self) -> float:
        """How much of that may be chance."""
        one, other = self.followed, self.own
        return self._luck(one.seconds + other.seconds, one.fourths + other.fourths)

    def regretted(self, tolerance: float) -> bool:
        """It costs more than the tolerance, on average or in the tail, and that is not luck."""
        return self._known() and (
            self.regret() - self.luck() > tolerance
            or self.tail_regret() - self.tail_luck() > TAIL * tolerance
        )

    def doubt(self, tolerance: float) -> float:
        """By how many standard errors it costs more than the tolerance, on average or in the tail."""
        if not self._known():
            return -math.inf
        mean = LUCK * (self.regret() - tolerance) / max(self.luck(), 1e-9)
        tail = LUCK * (self.tail_regret() - TAIL * tolerance) / max(self.tail_luck(), 1e-9) - TAIL_LUCK
        return max(mean, tail)

    def complaint(self, tolerance: float) -> str:
        """What is regretted, in words."""
        regret = self.regret()
        if regret - self.luck() > tolerance:
            return f"it costs {regret:.0%} more than our own mix"
        return f"its slow requests weigh {self.tail_regret():.0%} more than our own mix's"

    def begin(self) -> None:
        """What was measured before says nothing about the next time."""
        self.followed = Arm()
        self.own = Arm()

    def follow_anew(self) -> None:
        """The same for those that followed alone."""
        self.followed = Arm()

    def _known(self) -> bool:
        return self.followed.count >= LEAST_FOLLOWED and self.own.count >= LEAST_OWN

    def _apart(self, followed: float, own: float) -> float:
        """How far two means are apart, relative to that of both."""
        one, other = self.followed.count, self.own.count
        return (followed - own) / max((one * followed + other * own) / (one + other), 1e-9)

    def _luck(self, total: float, squares: float) -> float:
        """`LUCK` standard errors of that, of the sums of both sides. But for the advice nothing tells them apart, so
        they have one spread: by itself, the smaller side's is too small as often as its longest are missing."""
        if not self._known():
            return math.inf
        one, other = self.followed.count, self.own.count
        spread = max(
            (one + other) * squares / max(total * total, 1e-18) - 1.0,
            LEAST_SPREAD * min(1.0, MANY / (one + other)),
        )
        return LUCK * math.sqrt(spread * (1.0 / one + 1.0 / other))


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
