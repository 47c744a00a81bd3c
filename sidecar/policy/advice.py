"""What the coordinator recommends, and what becomes of it in a pick (game.md §2). No I/O.

A column says for each slot which shares this sidecar's requests should have: one side of a correlated equilibrium,
the other sides of which nobody here knows. Nothing in it is believed: an endpoint that is not fit, or takes more than
`advice_veto` times as long as the quickest at this instant, is not taken, whoever recommends it; and the advice as a
whole is obeyed only while it is not regretted (`obedience`), and by few while it is new (`confidence`).
"""

import math
import random
from typing import Final

from sidecar.policy.column import Column, flaw
from sidecar.policy.confidence import Confidence
from sidecar.policy.obedience import Stake, Trial
from sidecar.policy.slots import LEAST_SHARE, UNKNOWN_SHARE, Slots
from sidecar.policy.standing import Standing

__all__ = ["WHY_NOT", "Advice", "Column", "flaw"]

NOBODY: Final = -1

CONTROL: Final = "comparison"
GROWING: Final = "trust"
VETO: Final = "cost"
UNFIT: Final = "unfit"
CAPPED: Final = "share"
REGRETTED: Final = "regret"
OBSERVING: Final = "observe"
WHY_NOT: Final[tuple[str, ...]] = (CONTROL, GROWING, VETO, UNFIT, CAPPED, REGRETTED, OBSERVING)
"""Why a request for which there was advice did not follow it."""


class Advice:
    """One service's: the column in force, how far it is obeyed, and what became of the last request."""

    def __init__(self, tolerance: float, veto: float, rng: random.Random) -> None:
        self.slots = Slots()
        self.confidence = Confidence(tolerance, rng)
        self.followed = 0
        self.ignored: dict[str, int] = {}
        self.recommended = NOBODY  # by the last `choose`
        self.why_not = ""  # the last `choose` recommended nobody, or somebody who is not to be taken
        self.stake: Stake | None = None  # of the last `choose`
        self._veto = veto
        self._rng = rng
        self._looked_at = -math.inf

    @property
    def column(self) -> Column | None:
        """In force, if any."""
        return self.slots.column

    @property
    def slot(self) -> int:
        """The number of the present one."""
        return self.slots.slot

    @property
    def action(self) -> dict[str, float]:
        """Shares by address of this slot; empty: there is no advice now."""
        return self.slots.action

    @property
    def obeys(self) -> bool:
        """Whether some requests follow."""
        return self.confidence.obeys

    @property
    def why(self) -> str:
        """In words: obeyed, or why not."""
        return self.confidence.why if self.slots.action else self.slots.why

    @property
    def disobeyed(self) -> int:
        """How often trust was lost."""
        return self.confidence.disobeyed

    @property
    def trial(self) -> Trial:
        """This action against our own mix."""
        return self.confidence.trial

    @property
    def everything(self) -> Trial:
        """All actions together against our own mix."""
        return self.confidence.everything

    def take(self, column: Column | None, now: float) -> None:
        """From now on; None: there is none."""
        self.slots.take(column, now)

    def look(self, addresses: list[str], mix: list[float], now: float) -> None:
        """A tick: find the action of this instant, and judge what is known of it. `mix`: our own shares."""
        slots, confidence = self.slots, self.confidence
        elapsed_s = min(1.0, max(0.0, now - self._looked_at)) if self._looked_at > -math.inf else 0.0
        self._looked_at = now
        confidence.fade(elapsed_s, advised=bool(slots.action))
        if slots.look(addresses, mix, now):
            confidence.obeys = False
            if slots.action:
                confidence.meet(slots, now)
        if slots.action:
            confidence.judge(now)

    # -- a pick

    def choose(self, standings: list[Standing], costs: list[float], eligible: list[bool], now: float) -> int:
        """The place to send a request to, as advised; `NOBODY`: our own mix decides, `why_not` says why."""
        self.recommended = NOBODY
        self.stake = None
        confidence = self.confidence
        if not confidence.obeys:
            self.why_not = REGRETTED
            return NOBODY
        trial, everything = confidence.trial, confidence.everything
        u = self._rng.random() - confidence.compared()
        if u < 0.0:
            self.why_not = CONTROL
            self.stake = Stake(trial.own, everything.own)
            return NOBODY
        if u >= trial.part:
            self.why_not = GROWING
            return NOBODY
        self.stake = Stake(trial.followed, everything.followed)
        self.why_not = ""
        confidence.followed()
        unknown = self.slots.unknown
        if unknown > LEAST_SHARE and self._rng.random() < unknown:
            return self.reject(UNFIT)
        self.recommended = self._best(standings, costs, eligible, now)
        return self.recommended

    def _best(self, standings: list[Standing], costs: list[float], eligible: list[bool], now: float) -> int:
        """The advised endpoint with the least in flight for its share, among those that may be taken.

        In turn when idle, least loaded when busy, and it needs no signal but our own count. What is unfit leaves its
        share to the others, up to a half.
        """
        least = math.inf
        for place, cost in enumerate(costs):
            if eligible[place]:
                least = min(least, cost / (1.0 + standings[place].in_flight))
        best, left, fewest, dear = NOBODY, 0.0, math.inf, False
        shares = self.slots.shares
        for place in self.slots.places:
            if not eligible[place]:
                continue
            standing, share = standings[place], shares[place]
            if costs[place] > self._veto * least * (1.0 + standing.in_flight) or _late(standing, now):
                dear = True
                continue
            left += share
            queue = (standing.in_flight + self._rng.random()) / share
            if queue < fewest:
                best, fewest = place, queue
        if left < 1.0 - UNKNOWN_SHARE:
            return self.reject(VETO if dear else UNFIT)
        return best

    def reject(self, why: str) -> int:
        """What was recommended is not taken."""
        self.confidence.vetoed()
        self.why_not = why
        return NOBODY

    def forget_pick(self) -> None:
        """The next request is not asked about."""
        self.recommended = NOBODY
        self.stake = None
        self.why_not = ""

    def count(self, why_not: str) -> None:
        """A request there was advice for; "": it followed."""
        if why_not:
            self.ignored[why_not] = self.ignored.get(why_not, 0) + 1
        else:
            self.followed += 1


def _late(standing: Standing, now: float) -> bool:
    """It owes an answer for longer than anybody is patient."""
    return standing.waiting.count > 0 and standing.overdue(now) > 1.0
