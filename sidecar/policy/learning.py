"""What the time since the last tick has shown, and the mix that follows from it: regret matching (game.md §1).

Every 50 ms, seldom for a service with many endpoints: the average cost of each endpoint moves its regret, regrets make
the mix. Picks read it in between.
"""

import math
from typing import Final

from sidecar.game import mix as mixes
from sidecar.game import payoff, regret
from sidecar.policy import failures
from sidecar.policy.baselines import GUESS_S, Baselines
from sidecar.policy.ledger import Ledger
from sidecar.policy.prices import Prices
from sidecar.policy.standing import Standing
from sidecar.policy.strategies import RouterConfig

TICK_S: Final = 0.05
TICK_PER_ENDPOINT_S: Final = 0.0005
LONGEST_TICK_S: Final = 60.0


class Learning:
    """`mix` is played, as of the last tick; the learner's own is what it remembers."""

    __slots__ = ("_baselines", "_config", "_ledger", "_prices", "_tick_s", "_ticked", "learner", "mix")

    def __init__(self, config: RouterConfig, baselines: Baselines, ledger: Ledger, prices: Prices) -> None:
        self._config = config
        self._baselines = baselines
        self._ledger = ledger
        self._prices = prices
        self._ticked = -math.inf
        self._tick_s = TICK_S
        self.learner: regret.Learner = regret.make(config.learner, 0)
        self.mix: list[float] = []

    def reseat(self, kept: list[int]) -> None:
        """Others play from now on: where each stood before, −1: it is new."""
        if max(kept, default=-1) < 0:
            self.learner = regret.make(self._config.learner, len(kept))
        else:
            self.learner.reseat(kept)
        self.mix = self.learner.mix
        self._tick_s = max(TICK_S, len(kept) * TICK_PER_ENDPOINT_S)

    def due(self, now: float) -> bool:
        """The mix is out of date."""
        return now - self._ticked >= self._tick_s

    def tick(self, standings: list[Standing], now: float) -> bool:
        """Move the regrets, unless no time has passed since the last tick: False."""
        elapsed = min(now - self._ticked, LONGEST_TICK_S) if self._ticked > -math.inf else TICK_S
        if elapsed <= 0.0:
            return False
        self._ticked = now
        self._baselines.refresh(now)
        self._prices.review(standings)
        if self._ledger.advance(now):
            self._share_out(standings)
        losses = payoff.losses([self._average(standing, now, elapsed) for standing in standings])
        retain = self._config.memory ** (elapsed / TICK_S)
        self.learner.observe(losses, retain, self._config.dead_zone, 2.0**elapsed, self.mix)
        self.mix = mixes.normalised(self._played(losses)) or self.learner.mix
        return True

    def weights(self, costs: list[float]) -> list[float]:
        """Remembered regret, and what can be seen right now: what these costs are worth playing."""
        return self._played(payoff.losses(costs))

    def _played(self, losses: list[float]) -> list[float]:
        return self.learner.weights(losses, self._config.trust, self._config.slack)

    def _average(self, standing: Standing, now: float, elapsed: float) -> float:
        """c̄: the cost under the average load instead of the present one."""
        standing.look(now, elapsed)
        if standing.failures.total.failed > 0.01:
            standing.failures.excess = failures.excess(standing.failures, self._baselines.pools, now)
        else:
            standing.failures.excess = 0.0
        if now > standing.price_until:
            standing.price_s = self._config.error_price_s
        baseline_s = self._baselines.service_s or GUESS_S
        standing.cost_s = self._prices.of(standing, baseline_s, now, standing.load)
        self._ledger.cost(standing.row, standing.cost_s)
        return standing.cost_s

    def _share_out(self, standings: list[Standing]) -> None:
        """Realised shares of about the last second, for the cap on any one endpoint's."""
        counts = [self._ledger.plays(standing.address, 3) for standing in standings]
        total = sum(counts)
        for standing, count in zip(standings, counts):  # noqa: B905
            standing.share = count / total if total >= 10 else 0.0
