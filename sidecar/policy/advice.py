"""What the coordinator recommends, and how far it is followed (game.md §2). No I/O.

A column says for each slot which shares this sidecar's requests should have: one side of a correlated equilibrium,
the other sides of which nobody here knows. Nothing in it is believed: an endpoint that is not fit, or takes more than
`advice_veto` times as long as the quickest at this instant, is not taken, whoever recommends it; and the advice as a
whole is obeyed only while it is not regretted (`obedience`), by an eighth of the requests at first, and by fewer
where they would crowd on few endpoints.
"""

import math
import random
from typing import Final

from sidecar.policy.column import Column, flaw
from sidecar.policy.obedience import ACTION_S, EVERYTHING_S, Stake, Trial, Trust
from sidecar.policy.standing import Standing

__all__ = ["WHY_NOT", "Advice", "Column", "flaw"]

COMPARED: Final = 0.03125
"""Part of the requests that go to an endpoint drawn from our own mix: what advice is measured against."""
COMPARED_FIRST: Final = 0.125
"""The same while trust grows: whether it may has to be known soon."""
FIRST: Final = 0.125
"""Part of the requests that follow when trust begins, at most."""
UNEARNED: Final = 1.0
"""Before anything answers, an action may add this much, relatively, to what its endpoints have from us. All who are
told may be told the same: then it is what is added to the load of each."""
INHERITED: Final = 4.0
"""The same for what is new in an action that inherits trust: honest ones change with every epoch."""
LEAST_MIX: Final = 0.25
"""Of an even share: what an endpoint has from us is never thought to be less."""
GROWS_AFTER: Final = 16.0
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
UNKNOWN_SHARE: Final = 0.5
"""A slot with more than this on endpoints we do not play says nothing to us."""
LEAST_SHARE: Final = 0.005
"""Less is not worth keeping an endpoint in mind for."""
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
    """One service's: the column in force, what following it has cost, whether it is obeyed."""

    def __init__(self, tolerance: float, veto: float, rng: random.Random) -> None:
        self.column: Column | None = None
        self.followed = 0
        self.disobeyed = 0  # how often trust was lost
        self.ignored: dict[str, int] = {}
        self.why = "none"
        self.slot = 0
        self.action: dict[str, float] = {}  # of this slot; empty: there is no advice now
        self.obeys = False
        self.trial = Trial(ACTION_S)  # of this action
        self.everything = Trial(EVERYTHING_S)  # all actions together: a liar need not repeat itself
        self.recommended = NOBODY  # by the last `choose`
        self.why_not = ""  # the last `choose` recommended nobody, or somebody who is not to be taken
        self.stake: Stake | None = None  # of the last `choose`
        self.trials: dict[str, Trial] = {}
        self._tolerance = tolerance
        self._veto = veto
        self._rng = rng
        self._shares: list[float] = []  # in the order of the endpoints
        self._mix: list[float] = []  # our own, the same
        self._places: list[int] = []  # of those with a share
        self._unknown = 0.0
        self._addresses: list[str] = []
        self._resolved: Column | None = None
        self._ends_at = -math.inf  # of what `look` found: the slot, the column
        self._looked_at = -math.inf
        self._taken = 0.0
        self._vetoed = 0.0
        self._known: dict[str, float] = {}  # the action before, whose trust the next may inherit
        self._crowds = 0.0  # how much that one adds to its endpoints
        self._begins = True  # trust is new
        self._tried = 0.0  # requests that followed since that part has grown
        self._grown_at = -math.inf

    def take(self, column: Column | None, now: float) -> None:
        """From now on; None: there is none. A column older than the one in force is not taken."""
        held = self.column
        older = (
            column is not None and held is not None and column.epoch < held.epoch and now < held.expires_at
        )
        if not older:
            self.column = column
            self._ends_at = -math.inf

    # -- a tick

    def look(self, addresses: list[str], mix: list[float], now: float) -> None:
        """Find the action of this instant, and judge what is known of it. `mix`: our own shares."""
        self._mix = mix
        elapsed = min(1.0, max(0.0, now - self._looked_at)) if self._looked_at > -math.inf else 0.0
        self._looked_at = now
        if self.action:
            self.trial.fade(elapsed)
            self.everything.fade(elapsed)
        keep = math.exp(-elapsed / TAKEN_MEMORY_S)
        self._taken *= keep
        self._vetoed *= keep
        if now >= self._ends_at or self.column is not self._resolved or addresses != self._addresses:
            self._resolve(addresses, now)
        if self.action:
            self._judge(now)

    def _resolve(self, addresses: list[str], now: float) -> None:
        self._addresses = addresses
        self._resolved = column = self.column
        self.action = {}
        self.obeys = False
        self._ends_at = math.inf
        if column is None:
            self.why = "none"
        elif not now < column.expires_at:
            self.why = "expired"
        elif not column.timed():
            self.why = "malformed: no times"
        else:
            self._enter(column, now)

    def _enter(self, column: Column, now: float) -> None:
        """The slot of this instant."""
        self.slot = slot = column.slot(now)
        self._ends_at = min(column.expires_at, column.zero_at + (slot + 1) * column.slot_s)
        action = column.action(slot)
        if action is None:
            self.why = "nothing for this slot"
            return
        wrong = flaw(action)
        if wrong:
            self.why = f"malformed: {wrong}"
            return
        shares = [action.get(address, 0.0) for address in self._addresses]
        self._unknown = max(0.0, 1.0 - sum(shares))
        if self._unknown > UNKNOWN_SHARE:
            self.why = "for endpoints that are not here"
            return
        self.action = action
        self._shares = shares
        self._places = [place for place, share in enumerate(shares) if share >= LEAST_SHARE]
        self._meet(action, now)

    def _meet(self, action: dict[str, float], now: float) -> None:
        """The memory of this action, the oldest making room."""
        key = ";".join([f"{address}={action[address]:.3f}" for address in sorted(action)])
        trial = self.trials.pop(key, None)
        crowds = self._adds({})
        if trial is None:
            trial = Trial(ACTION_S)
            trial.first = trial.part = min(FIRST, _bound(UNEARNED, crowds))
            if crowds <= MORE * self._crowds:
                inherited = min(self.trial.part, _bound(INHERITED, self._adds(self._known)))
                trial.part = max(trial.first, inherited)
            if len(self.trials) >= MOST_ACTIONS:
                del self.trials[next(iter(self.trials))]
        self.trials[key] = trial
        if trial is not self.trial:
            self._grown_at, self._tried = now, 0.0
        self.trial, self._known, self._crowds = trial, action, crowds

    def _adds(self, known: dict[str, float]) -> float:
        """How many times what an advised endpoint has from us is added to it by what is not known already."""
        least = LEAST_MIX / len(self._shares)
        added = 0.0
        for place in self._places:
            share = self._shares[place]
            new = max(0.0, share - known.get(self._addresses[place], 0.0))
            added += share * new / max(least, self._mix[place])
        return added

    def _judge(self, now: float) -> None:
        """Obey, until it is regretted; then not, for a while."""
        for trial in (self.trial, self.everything):
            if now < trial.trust.again_at:
                self._disobey(trial.trust, now)
                return
        if not self.obeys:
            self._trust(now)
        elif now - self._grown_at >= GROWS_AFTER_S and self._tried >= self._grows_after():
            self._grow(now)
        useless = self._taken >= LEAST_TAKEN and self._vetoed > MOST_VETOED * self._taken
        if useless or self.everything.regretted(self._tolerance):
            self._lose(self.everything, now, "what it recommends is unfit" if useless else "")
        elif self.trial.regretted(self._tolerance):
            self._lose(self.trial, now, "")

    def _trust(self, now: float) -> None:
        self.obeys = True
        self.why = "obeyed"
        if self._begins:
            self._begins = False
            self.trial.part = self.trial.first
            self._grown_at, self._tried = now, 0.0

    def _grows_after(self) -> float:
        return max(GROWS_AFTER_LEAST, GROWS_AFTER * min(1.0, self.trial.part / FIRST))

    def _grow(self, now: float) -> None:
        """More follow while nothing speaks against it, fewer while it does, though that may be luck."""
        self._grown_at, self._tried = now, 0.0
        worst = max(self.trial.regret(), self.everything.regret())
        before = self.trial.part
        self.trial.part = (
            min(1.0 - COMPARED, 2.0 * before)
            if worst <= self._tolerance
            else max(self.trial.first, before / 2.0)
        )
        if self.trial.part != before:
            self.everything.follow_anew()  # what half as many cost says nothing about twice as many

    def _disobey(self, trust: Trust, now: float) -> None:
        self.obeys = False
        self.why = f"disobeyed, for {trust.again_at - now:.0f} s more"

    def _lose(self, trial: Trial, now: float, why: str) -> None:
        regret = trial.regret()
        trial.trust.lose(now, self._rng)
        self.disobeyed += 1
        self.trial.begin()
        self.everything.begin()
        for each in self.trials.values():
            each.part = each.first
        self._taken = self._vetoed = 0.0
        self._begins = True
        self.obeys = False
        self.why = f"disobeyed: {why or f'it costs {regret:.0%} more than our own mix'}"

    # -- a pick

    def choose(self, standings: list[Standing], costs: list[float], eligible: list[bool], now: float) -> int:
        """The place to send a request to, as advised; `NOBODY`: our own mix decides, `why_not` says why."""
        self.recommended = NOBODY
        self.stake = None
        if not self.obeys:
            self.why_not = REGRETTED
            return NOBODY
        u = self._rng.random() - (COMPARED if self.trial.part > 0.5 else COMPARED_FIRST)
        if u < 0.0:
            self.why_not = CONTROL
            self.stake = Stake(self.trial.own, self.everything.own)
            return NOBODY
        if u >= self.trial.part:
            self.why_not = GROWING
            return NOBODY
        self.stake = Stake(self.trial.followed, self.everything.followed)
        self.why_not = ""
        self._tried += 1.0
        self._taken += 1.0
        if self._unknown > LEAST_SHARE and self._rng.random() < self._unknown:
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
        for place in self._places:
            if not eligible[place]:
                continue
            standing, share = standings[place], self._shares[place]
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
        self._vetoed += 1.0
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


def _bound(most: float, added: float) -> float:
    """The part of our requests that may follow: if everybody is told the same, no more than `most` is added."""
    return most / max(added, most)


def _late(standing: Standing, now: float) -> bool:
    """It owes an answer for longer than anybody is patient."""
    return standing.waiting.count > 0 and standing.overdue(now) > 1.0
