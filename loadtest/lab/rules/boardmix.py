"""Our game on a stale board: the loads everybody sees instead of what this sidecar has in flight, and one draw.

The estimator is `Argmin`'s, the learner our own (`sidecar.game.regret`). With stale signals whoever takes the cheapest
takes what everybody takes: so one draw from the mix, and no choice among several (game.md §1).
"""

import random
from collections.abc import Sequence
from typing import Final

from loadtest.lab.rules.argmin import TICK_S, Argmin
from sidecar.game import mix as mixes
from sidecar.game import payoff, regret
from sidecar.policy.strategies import STRATEGIES

TRUST: Final = 0.1
"""κ: weight of the board against remembered regret; measured best of 0.1 … 1 in the advice worlds."""
_CONFIG: Final = STRATEGIES["balanced"]


class BoardMix(Argmin):
    """Regret matching on the board's loads."""

    def __init__(self, rng: random.Random, trust: float = TRUST) -> None:
        super().__init__(rng)
        self._trust = trust
        self._learner = regret.make(_CONFIG.learner, 0)
        self._played: list[float] = []

    def members(self, pods: Sequence[int], now: float) -> None:
        """What is known of those that stay is kept."""
        before = {standing.address: place for place, standing in enumerate(self.standings)}
        super().members(pods, now)
        kept = [before.get(standing.address, -1) for standing in self.standings]
        if max(kept, default=-1) < 0:
            self._learner = regret.make(_CONFIG.learner, len(kept))
        else:
            self._learner.reseat(kept)
        self._played = self._learner.mix

    def _cheapest(self, baseline: float, now: float) -> int:
        """Not the cheapest: one draw."""
        losses = payoff.losses(self._costs(baseline, now))
        weights = self._learner.weights(losses, self._trust, _CONFIG.slack)
        total = sum(weights)
        if total <= mixes.TINY:
            return super()._cheapest(baseline, now)
        return mixes.draw(weights, total, self.rng.random())

    def _tick(self, now: float) -> None:
        elapsed = min(1.0, max(TICK_S, now - self._ticked))
        super()._tick(now)
        losses = payoff.losses(self._costs(self._baselines.of(self._sketch), now))
        retain = _CONFIG.memory ** (elapsed / TICK_S)
        self._learner.observe(losses, retain, _CONFIG.dead_zone, 2.0**elapsed, self._played)
        played = self._learner.weights(losses, self._trust, _CONFIG.slack)
        self._played = mixes.normalised(played) or self._learner.mix

    def _costs(self, baseline: float, now: float) -> list[float]:
        return [self._cost(place, baseline, now) for place in range(len(self.standings))]
