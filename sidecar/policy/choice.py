"""Who takes one request: the cheapest of a few endpoints drawn from the mix; or as advised; or in turn."""

import random
from collections.abc import Set

from sidecar.game import mix as mixes
from sidecar.policy.advice import CAPPED, CONTROL, OBSERVING, Advice
from sidecar.policy.health import Health
from sidecar.policy.learning import Learning
from sidecar.policy.prices import Prices
from sidecar.policy.roster import Roster
from sidecar.policy.standing import ADMITTED, Standing
from sidecar.policy.strategies import RouterConfig


class NoEndpoint(Exception):
    """Nothing is left to pick: no endpoints, or all excluded."""


class Choice:
    """`costs` of the last `play`, in the roster's order; `follows`: it did as advised."""

    __slots__ = (
        "_config",
        "_health",
        "_learning",
        "_prices",
        "_rng",
        "_roster",
        "_turn",
        "costs",
        "follows",
    )

    def __init__(
        self,
        config: RouterConfig,
        rng: random.Random,
        roster: Roster,
        health: Health,
        prices: Prices,
        learning: Learning,
    ) -> None:
        self._config = config
        self._rng = rng
        self._roster = roster
        self._health = health
        self._prices = prices
        self._learning = learning
        self._turn = 0
        self.costs: list[float] = []
        self.follows = False

    # -- in turn

    def shuffle(self) -> None:
        """Begin anywhere: sidecars must not walk in step."""
        count = len(self._roster.playing)
        self._turn = self._rng.randrange(count) if count else 0

    def in_turn(self, exclude: Set[str]) -> Standing:
        """The next one; raises `NoEndpoint`."""
        standings = self._roster.playing
        for _ in range(len(standings)):
            self._turn = turn = (self._turn + 1) % len(standings)
            if standings[turn].address not in exclude:
                return standings[turn]
        raise NoEndpoint

    # -- by what they cost

    def play(self, baseline_s: float, now: float, exclude: Set[str], advice: Advice | None) -> Standing:
        """Draw a few from the played mix, take the cheapest; raises `NoEndpoint`."""
        standings, prices = self._roster.playing, self._prices
        self.costs = costs = [prices.of(s, baseline_s, now, s.in_flight) for s in standings]
        eligible = self._eligible(now, exclude)
        if advice is not None:
            advised = self._advised(advice, costs, eligible, now, exclude)
            if advised is not None:
                return advised
        draws = self._config.draws
        if advice is not None and advice.why_not == CONTROL:
            weights, draws = self._learning.mix, 1
        else:
            weights = self._learning.weights(costs)
        best = self._drawn([w if ok else 0.0 for w, ok in zip(weights, eligible)], costs, draws)  # noqa: B905
        if best < 0:
            best = self._cheapest(costs, eligible)
        chosen = standings[best]
        return chosen if chosen.share < self._config.max_share else self._next_best(best, costs, eligible)

    def _drawn(self, weights: list[float], costs: list[float], draws: int) -> int:
        """The cheapest of so many; −1: nobody has any weight."""
        total = sum(weights)
        best = -1
        if total > mixes.TINY:
            for _ in range(draws):
                k = mixes.draw(weights, total, self._rng.random())
                if best < 0 or costs[k] < costs[best]:
                    best = k
        return best

    def _advised(
        self, advice: Advice, costs: list[float], eligible: list[bool], now: float, exclude: Set[str]
    ) -> Standing | None:
        """Where the coordinator would send it; None: our own mix decides. A second attempt is its business alone."""
        self.follows = False
        advice.forget_pick()
        if not advice.action or exclude or self._health.panic:
            return None
        place = advice.choose(self._roster.playing, costs, eligible, now)
        chosen = self._roster.playing[place] if place >= 0 else None
        if chosen is not None and chosen.share >= self._config.max_share:
            other = self._next_best(place, costs, eligible)
            if other is not chosen:
                chosen = other
                advice.reject(CAPPED)
        if self._config.observe:
            advice.count(OBSERVING)
            return chosen
        advice.count(advice.why_not)
        self.follows = chosen is not None and not advice.why_not
        return chosen

    def _eligible(self, now: float, exclude: Set[str]) -> list[bool]:
        """Admitted, not draining, not excluded; everybody not excluded when that leaves nobody."""
        panic = self._health.panic
        standings = self._roster.playing
        good = [
            (panic or s.health == ADMITTED)
            and s.closing_until <= now
            and s.address not in exclude
            and self._takes_part(s, now)
            for s in standings
        ]
        if True in good:
            return good
        left = [s.address not in exclude for s in standings]
        if True in left:
            return left
        raise NoEndpoint

    def _takes_part(self, standing: Standing, now: float) -> bool:
        """A newcomer does now and then, more often as it ages."""
        age, warmup = now - standing.born, self._config.warmup_s
        return age >= warmup or self._rng.random() < max(0.1, age / warmup)

    def _cheapest(self, costs: list[float], eligible: list[bool]) -> int:
        least = min([cost for cost, ok in zip(costs, eligible) if ok])  # noqa: B905
        ties = [k for k, cost in enumerate(costs) if eligible[k] and cost <= least * 1.000001]
        return ties[0] if len(ties) == 1 else ties[int(self._rng.random() * len(ties))]

    def _next_best(self, best: int, costs: list[float], eligible: list[bool]) -> Standing:
        """The favourite has had more than its share: another, unless that costs more than twice as much."""
        rest = [ok and k != best for k, ok in enumerate(eligible)]
        if True in rest:
            other = self._cheapest(costs, rest)
            if costs[other] <= 2.0 * costs[best]:
                return self._roster.playing[other]
        return self._roster.playing[best]
