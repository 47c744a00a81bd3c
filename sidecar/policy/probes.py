"""When a neglected endpoint is tried again. Nobody pays for curiosity: a timer with back-off, a budget, no pile-ups.

A probe is an ordinary request, preferably one that may be replayed and is then hedged at its route's p95; others
are limited to a small share of all requests.
"""

import random
from collections.abc import Set
from typing import Final

from sidecar.policy.standing import Standing
from sidecar.policy.strategies import RouterConfig

MOST_TOKENS: Final = 3.0
BACK_OFF: Final = 1.25
"""Each interval against the last: what is bad for 12 s is looked at again within the next 10."""
AWAITED: Final = 1.6
"""A probe that somebody has to wait for is sent so much later: slow ones must stay out of the p99.9."""
ANSWERED_WELL: Final = 5.0
"""Below so many baselines an answer is a sign of recovery."""
TRUSTED: Final = 2.0


class Probes:
    """The timers of one service's endpoints."""

    def __init__(self, config: RouterConfig, rng: random.Random) -> None:
        self._config = config
        self._rng = rng
        self._tokens = self._hedged_tokens = 1.0
        self.next_at = 0.0  # no timer runs out before

    def count(self) -> None:
        """One request: pays a little into both budgets."""
        self._tokens = min(MOST_TOKENS, self._tokens + self._config.probe_share)
        self._hedged_tokens = min(MOST_TOKENS, self._hedged_tokens + self._config.hedged_probe_share)

    def plan(self, standings: list[Standing]) -> None:
        """Find the earliest instant at which a timer may run out (picks only put it off)."""
        self.next_at = min([s.last_pick + s.backoff_s for s in standings], default=0.0)

    def due(
        self, standings: list[Standing], now: float, exclude: Set[str], *, hedged: bool
    ) -> Standing | None:
        """The endpoint to try now, if any; `hedged`: a second copy will save the user from its slowness."""
        if (self._hedged_tokens if hedged else self._tokens) < 1.0:
            return None
        patience = 1.0 if hedged else AWAITED
        for standing in standings:
            if (
                now - standing.last_pick > patience * standing.backoff_s
                and not standing.in_flight
                and standing.address not in exclude
            ):
                self._spend(standing, hedged=hedged)
                return standing
        return None

    def _spend(self, standing: Standing, *, hedged: bool) -> None:
        if hedged:
            self._hedged_tokens -= 1.0
        else:
            self._tokens -= 1.0
        config = self._config
        failing = standing.failures.in_a_row > 0
        most = config.probe_failing_most_s if failing else config.probe_slow_most_s
        standing.backoff_s = min(most, BACK_OFF * standing.backoff_s * (0.8 + 0.4 * self._rng.random()))

    def answered(self, standing: Standing, ratio: float) -> None:
        """It answered in `ratio` baselines: well enough to look again soon, until it is trusted?"""
        standing.undecided = False
        config = self._config
        if ratio < ANSWERED_WELL:
            unsure = standing.slowdown >= TRUSTED or standing.health != "admitted"
            standing.backoff_s = config.probe_hopeful_s if unsure else config.probe_slow_s
        else:  # slow, but no longer failing
            standing.backoff_s = min(standing.backoff_s, config.probe_slow_most_s)

    def undecided(self, standing: Standing) -> None:
        """The second copy was faster: that may be luck once, so ask again soon; twice it may be hanging."""
        config = self._config
        standing.backoff_s = config.probe_slow_s if standing.undecided else config.probe_hopeful_s
        standing.undecided = True

    def failed(self, standing: Standing) -> None:
        """It failed: no sooner than this."""
        standing.undecided = False
        standing.backoff_s = max(standing.backoff_s, self._config.probe_failing_s)
