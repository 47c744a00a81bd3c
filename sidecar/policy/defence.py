"""The zero-sum game at the application's door: against an adversary that rotates identities and paths.

Once a second the prefixes are judged (suspects.py), the matrix is filled with what good and bad requests cost
(measures.py), and the defender's minimax mix is solved for (game/minimax.py). Each request from an accused prefix draws
its measure from that mix: whatever the adversary rotates, it gains no more than the game's value.

By caller and by path a measure hits only those above `key_rate`; delay and drop keep hitting while they go on. By
prefix, throttling leaves what the prefix sent in peace, delay and drop hit everybody in it. Proven callers and other
prefixes are never touched.
"""

import math
import random
from collections import OrderedDict
from typing import Final

from sidecar.game import minimax
from sidecar.game import mix as mixes
from sidecar.policy import measures, suspects
from sidecar.policy.buckets import Buckets
from sidecar.policy.costs import Costs, Crowd
from sidecar.policy.measures import ADMIT, DELAY, THROTTLE
from sidecar.policy.suspects import DefenceConfig, Group

__all__ = ["Defence", "DefenceConfig"]

TICK_S: Final = 1.0
_LEAST_TICK_S: Final = 0.5
"""Asked more often, a tick does nothing; a timer that fires a little early still counts."""
_KEY_BITS: Final = 2**30 - 1
_GAMES: Final = 16
"""Accused prefixes with a game of their own, the busiest; the others share one."""
_LOOKS: Final = 8
"""Prefixes looked at to make room for another."""


class Defence:
    """Decides about requests of unproven callers. All times are the caller's clock in seconds."""

    def __init__(self, config: DefenceConfig | None, rng: random.Random) -> None:
        self.config = config or DefenceConfig()
        self.adversaries: list[str] = []  # prefixes under suspicion
        self.probabilities: dict[str, float] = {ADMIT: 1.0}  # measure → how often it is drawn
        self.exploitability = 0.0  # of the payoff range
        self.value = 0.0  # of the game, busy seconds per second; ≤ 0
        self.waiting = 0  # delayed requests
        self.decisions: dict[str, int] = {}  # answers to accused prefixes
        self.untracked = 0  # requests let in because too many prefixes were busy to watch another
        self._rng = rng
        self._groups: OrderedDict[str, Group] = OrderedDict()
        self._callers = Buckets(self.config.most_tracked)
        self._paths = Buckets(self.config.most_tracked)
        self._costs = Costs()
        self._answers = Costs()
        self._elsewhere_s = 0.0  # busy seconds of this tick, by nobody we watch
        self._ticked_at = self._turned_at = -math.inf

    def __repr__(self) -> str:
        return f"<Defence against {self.adversaries or 'nobody'}, {self.probabilities}>"

    def judge(self, identity: str, prefix: str, path: bytes, now: float, *, proven: bool) -> str:
        """`admit`, `delay`, `throttle` or `drop` one request.

        `identity` is what it claims to be, `prefix` where its address belongs. After `delay` the caller asks for room
        with `delayed(1)`, waits `delay_s`, then gives it back with `delayed(-1)`.
        """
        if proven:
            return ADMIT
        group = self._groups.get(prefix)
        if group is None:
            group = self._open(prefix, now)
            if group is None:
                self.untracked += 1
                return ADMIT
        group.saw(hash(identity) & _KEY_BITS, hash(path) & _KEY_BITS)
        if not group.suspect:
            return ADMIT
        answer = self._play(group, identity, path, now)
        self.decisions[answer] = self.decisions.get(answer, 0) + 1
        return answer

    def settled(self, prefix: str, cost_s: float, *, good: bool) -> None:
        """The application took `cost_s` for an admitted request; `good`: the answer was of use to somebody."""
        if not 0.0 <= cost_s < math.inf:
            return
        self._answers.add(cost_s, good=good)
        group = self._groups.get(prefix)
        if group is None:
            self._elsewhere_s += cost_s
        else:
            group.answered(cost_s, good=good)

    def delayed(self, by: int) -> bool:
        """One more (+1) waits or one less (−1); False when there is no room, and then it was not counted."""
        if by > 0 and self.waiting + by > self.config.most_delayed:
            return False
        self.waiting = max(0, self.waiting + by)
        return True

    def posterior(self) -> dict[str, list[float]]:
        """Per prefix watched: probability of cooperative, greedy, hostile."""
        return {prefix: list(group.posterior.probability) for prefix, group in self._groups.items()}

    def tick(self, now: float, *, congested: bool) -> None:
        """Once a second: judge the prefixes, then play against those that are accused."""
        elapsed_s = TICK_S if self._ticked_at == -math.inf else now - self._ticked_at
        if elapsed_s < _LEAST_TICK_S:
            return
        self._ticked_at = now
        self._review(min(elapsed_s, self.config.window_s), congested=congested)
        self._forget(now)
        self.adversaries = [prefix for prefix, group in self._groups.items() if group.suspect]
        if self.adversaries:
            self._solve([self._groups[prefix] for prefix in self.adversaries])
        elif len(self.probabilities) > 1:
            self._make_peace()

    # -- one request of an accused prefix

    def _play(self, group: Group, identity: str, path: bytes, now: float) -> str:
        measure = mixes.draw(group.mix, 1.0, self._rng.random())
        answer = measures.action(measure)
        if measure == 0 or not self._hits(measure, answer, group, identity, path, now):
            return ADMIT
        return THROTTLE if answer == DELAY and self.waiting >= self.config.most_delayed else answer

    def _hits(self, measure: int, answer: str, group: Group, identity: str, path: bytes, now: float) -> bool:
        """Whether the measure concerns this one."""
        key = measures.key(measure)
        if key == measures.PREFIX:
            return answer != THROTTLE or not group.bucket.take(group.allowed_per_s(), now)
        rate, debt = self.config.key_rate, answer != THROTTLE
        if key == measures.CALLER:
            return not self._callers.take(hash(identity) ^ group.salt, rate, now, debt=debt)
        query = path.find(b"?")
        plain = path if query < 0 else path[:query]
        return not self._paths.take(hash(plain) ^ group.salt, rate, now, debt=debt)

    # -- once a second

    def _review(self, elapsed_s: float, *, congested: bool) -> None:
        keep = math.exp(-elapsed_s / self.config.window_s)
        self._costs.merge(self._answers, keep)
        crowd = Crowd(self._costs, self._elsewhere_s)
        for group in self._groups.values():
            group.fold(keep)
            crowd.demand_s += group.demand_s(crowd.mean_s())
            crowd.active += 1 if group.requests else 0
        for group in self._groups.values():
            group.review(crowd, elapsed_s, congested=congested)
        self._answers = Costs()
        self._elsewhere_s = 0.0

    def _solve(self, accused: list[Group]) -> None:
        """A game for each prefix: what is right against one that attacks is wrong for one that was accused with it.

        While one pauses its last mix stands: an adversary that returns is met by it.
        """
        typical_s = Crowd(self._costs).mean_s()
        largest = sorted([group for group in accused if group.rate_per_s > 0.0], key=_rate, reverse=True)
        if not largest:
            return
        games = [[group] for group in largest[:_GAMES]]
        if len(largest) > _GAMES:
            games.append(largest[_GAMES:])
        played = [0.0] * len(measures.MEASURES)
        self.value = self.exploitability = 0.0
        for groups in games:
            solution = minimax.solve(measures.payoffs(suspects.stakes(groups, self.config, typical_s)))
            self.value += solution.value
            self.exploitability = max(self.exploitability, solution.relative)
            for group in groups:
                group.mix = solution.row
                played = [p + group.rate_per_s * q for p, q in zip(played, solution.row)]  # noqa: B905
        total = sum(played)
        self.probabilities = {name: p / total for name, p in zip(measures.MEASURES, played)}  # noqa: B905

    def _make_peace(self) -> None:
        self.probabilities = {ADMIT: 1.0}
        self.exploitability = self.value = 0.0
        self._callers.clear()
        self._paths.clear()

    # -- bounds

    def _open(self, prefix: str, now: float) -> Group | None:
        """Watch another prefix, in place of one that hardly asks for anything; None when there is no such."""
        if len(self._groups) >= self.config.most_groups and not self._make_room():
            return None
        group = Group(self.config, hash(prefix), now)
        self._groups[prefix] = group
        return group

    def _make_room(self) -> bool:
        for _ in range(min(_LOOKS, len(self._groups))):
            prefix, group = self._groups.popitem(last=False)
            if not group.suspect and group.in_window + group.requests < self.config.least_requests:
                return True
            self._groups[prefix] = group  # a second chance (Corbató's clock)
        return False

    def _forget(self, now: float) -> None:
        for prefix in [prefix for prefix, group in self._groups.items() if group.idle()]:
            del self._groups[prefix]
        if now - self._turned_at >= self.config.memory_s:
            self._turned_at = now
            for group in self._groups.values():
                group.turn()


def _rate(group: Group) -> float:
    return group.rate_per_s
