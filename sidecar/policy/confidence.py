"""How far advice is followed: by few requests at first, by more while it is not regretted, by none once it is. No I/O.

A lie looks fine as long as nobody follows. So what may be lost is bounded before anything is known (nobody adds more
to an endpoint than it has from us already), grows with what was earned, and passes from one action to the next only
as far as they say the same.
"""

import math
import random
from typing import Final

from sidecar.policy.obedience import ACTION_S, EVERYTHING_S, Trial
from sidecar.policy.slots import Slots

COMPARED: Final = 0.03125
"""Part of the requests that go to an endpoint drawn from our own mix: what advice is measured against."""
COMPARED_FIRST: Final = 0.125
"""The same while trust grows: whether it may has to be known soon."""
FIRST: Final = 0.0625
"""Part of the requests that follow when trust begins, at most."""
SUSPECT: Final = 1.0
"""Standard errors of regret beyond the tolerance at which fewer follow than when trust began."""
DOUBTED: Final = 0.125
"""Of that part follow, at least, until trust is lost: enough to find out."""
UNEARNED: Final = 0.5
"""Before anything answers, an action may add this much, relatively, to what its endpoints have from us. All who are
told may be told the same: then it is what is added to the load of each."""
INHERITED: Final = 4.0
"""The same for what is new in an action that inherits trust."""
GROWS_AFTER: Final = 8.0
GROWS_AFTER_LEAST: Final = 4.0
GROWS_AFTER_S: Final = 1.0
"""Requests that followed (fewer while that part is below `FIRST`: less is at stake), and time, after which that part
doubles; it is halved while there is regret."""
MORE: Final = 1.25
"""Trust is inherited by an action that crowds on its endpoints at most so many times as much as the one before."""
MOST_ACTIONS: Final = 64
"""Distinct ones that are remembered."""
MOST_VETOED: Final = 0.5
"""Advice of which more than this is not taken is no advice."""
LEAST_TAKEN: Final = 16.0
"""Requests before that is judged."""
TAKEN_MEMORY_S: Final = 5.0


class Confidence:
    """One service's: what each action has cost, what all have, and whether the present one is obeyed."""

    def __init__(self, tolerance: float, rng: random.Random) -> None:
        self.obeys = False
        self.why = ""
        self.disobeyed = 0  # how often trust was lost
        self.trial = Trial(ACTION_S)  # of this action
        self.everything = Trial(EVERYTHING_S)  # all actions together: a liar need not repeat itself
        self.trials: dict[str, Trial] = {}
        self._tolerance = tolerance
        self._rng = rng
        self._taken = 0.0
        self._vetoed = 0.0
        self._known: dict[str, float] = {}  # the action before, whose trust the next may inherit
        self._crowds = 0.0  # how much that one adds to its endpoints
        self._begins = True  # trust is new
        self._tried = 0.0  # requests that followed since that part has grown
        self._grown_at = -math.inf

    # -- a pick

    def compared(self) -> float:
        """The part of the requests that go by our own mix, to compare with."""
        return COMPARED if self.trial.part > 0.5 else COMPARED_FIRST

    def followed(self) -> None:
        """One request is given to the advice."""
        self._tried += 1.0
        self._taken += 1.0

    def vetoed(self) -> None:
        """It was not taken after all, and proves nothing."""
        self._tried -= 1.0
        self._vetoed += 1.0

    # -- a tick

    def fade(self, elapsed_s: float, *, advised: bool) -> None:
        """Time has passed; of costs only that under advice counts."""
        if advised:
            self.trial.fade(elapsed_s)
            self.everything.fade(elapsed_s)
        keep = math.exp(-elapsed_s / TAKEN_MEMORY_S)
        self._taken *= keep
        self._vetoed *= keep

    def meet(self, slots: Slots, now: float) -> None:
        """Another action is in force: the memory of it, the oldest making room."""
        key = slots.key()
        trial = self.trials.pop(key, None)
        crowds = slots.adds({})
        if trial is None:
            trial = Trial(ACTION_S)
            trial.first = min(FIRST, _bound(UNEARNED, crowds))
            trial.part = self._inherited(slots, crowds, trial.first)
            if len(self.trials) >= MOST_ACTIONS:
                del self.trials[next(iter(self.trials))]
        self.trials[key] = trial
        if trial is not self.trial:
            self._grown_at, self._tried = now, 0.0
        self.trial, self._known, self._crowds = trial, slots.action, crowds

    def _inherited(self, slots: Slots, crowds: float, first: float) -> float:
        """Trust for what the action before said too, doubt for all of it."""
        before = self.trial
        if before.part <= before.first:
            return first * before.part / before.first if before.first > 0.0 else first
        if crowds > MORE * self._crowds:
            return first
        most = min(before.part, _bound(INHERITED, slots.adds(self._known)))
        return max(first, first + (most - first) * slots.overlap(self._known))

    def judge(self, now: float) -> None:
        """Obey, until it is regretted; then not, for a while."""
        for trial in (self.trial, self.everything):
            if now < trial.trust.again_at:
                self.obeys = False
                self.why = f"disobeyed, for {trial.trust.again_at - now:.0f} s more"
                return
        if not self.obeys:
            self._obey(now)
        elif now - self._grown_at >= GROWS_AFTER_S and self._tried >= self._grows_after():
            self._grow(now)
        useless = self._taken >= LEAST_TAKEN and self._vetoed > MOST_VETOED * self._taken
        if useless or self.everything.regretted(self._tolerance):
            self._lose(self.everything, now, "what it recommends is unfit" if useless else "")
        elif self.trial.regretted(self._tolerance):
            self._lose(self.trial, now, "")

    def _obey(self, now: float) -> None:
        self.obeys = True
        self.why = "obeyed"
        if self._begins:
            self._begins = False
            self._grown_at, self._tried = now, 0.0

    def _grows_after(self) -> float:
        return max(GROWS_AFTER_LEAST, GROWS_AFTER * min(1.0, self.trial.part / FIRST))

    def _grow(self, now: float) -> None:
        """More follow while nothing speaks against it, fewer while it does, though that may be luck."""
        self._grown_at, self._tried = now, 0.0
        trial = self.trial
        before = trial.part
        doubt = max(trial.doubt(self._tolerance), self.everything.doubt(self._tolerance))
        if doubt <= 0.0:
            trial.part = min(1.0 - COMPARED, 2.0 * before)
        elif before > trial.first:
            trial.part = max(trial.first, before / 2.0)
        elif doubt > SUSPECT:
            trial.part = max(DOUBTED * trial.first, before / 2.0)
        if trial.part != before:
            self.everything.follow_anew()  # what half as many cost says nothing about twice as many

    def _lose(self, trial: Trial, now: float, why: str) -> None:
        said = why or trial.complaint(self._tolerance)
        trial.trust.lose(now, self._rng)
        self.disobeyed += 1
        self.trial.begin()
        self.everything.begin()
        for each in self.trials.values():
            each.part = DOUBTED * each.first
        self._taken = self._vetoed = 0.0
        self._begins = True
        self.obeys = False
        self.why = f"disobeyed: {said}"


def _bound(most: float, added: float) -> float:
    """The part of our requests that may follow: if everybody is told the same, no more than `most` is added."""
    return most / max(added, most)
