"""What a ticket teaches: how fast its endpoint answers, how often it fails, whether it is still to be played.

And, where it was sent as advised or to compare with advice, what that has cost (`obedience`).
"""

from typing import Final

from sidecar.game import payoff
from sidecar.policy import failures
from sidecar.policy.baselines import Baselines
from sidecar.policy.health import Health
from sidecar.policy.ledger import Ledger
from sidecar.policy.obedience import Stake
from sidecar.policy.probes import Probes
from sidecar.policy.roster import Roster
from sidecar.policy.standing import Standing
from sidecar.policy.strategies import RouterConfig
from sidecar.policy.ticket import Outcome, Ticket

SLOW: Final = 3.0
"""Times its route's baseline: evidence of a degraded endpoint."""


class Lessons:
    """Takes tickets as they answer and settle, and tells standings, baselines, health and probes."""

    def __init__(
        self,
        config: RouterConfig,
        roster: Roster,
        baselines: Baselines,
        health: Health,
        probes: Probes,
        ledger: Ledger,
    ) -> None:
        self._config = config
        self._roster = roster
        self._baselines = baselines
        self._health = health
        self._probes = probes
        self._ledger = ledger

    def first_byte(self, standing: Standing, ticket: Ticket, now: float) -> None:
        """It answers: how fast, compared with its route. A failure's latency must not come here."""
        standing.stop_waiting(ticket)
        took = ticket.waited(now)
        sketch = self._baselines.sketches[ticket.route]
        sketch.add(took, now)
        ratio = took / max(sketch.median_s, 1e-6)
        standing.answered(ratio, now, self._config.slow_memory_s, self._config.most_slowdown)
        standing.curve.add(ticket.load, took)
        self._probes.answered(standing, ratio)
        if ticket.stake is not None:
            self._settle_stake(ticket.stake, ticket, took)

    def settled(
        self, standing: Standing, ticket: Ticket, outcome: Outcome, now: float, congestion: float | None
    ) -> None:
        """It is over."""
        if ticket.stake is not None:
            self._unanswered(ticket.stake, ticket, outcome, now)
        if ticket.first_byte_at is None:
            standing.stop_waiting(ticket)
            if outcome is Outcome.ABANDONED and not ticket.replied:
                standing.unanswered(ticket, now, self._config.most_slowdown)
                if ticket.reason == "probe":
                    self._probes.undecided(standing)
        elif not ticket.closes:
            standing.closes, standing.closing_until = 0, 0.0  # it keeps connections: it is staying
        if congestion is not None:
            standing.reported(congestion, now)
        if outcome is Outcome.ABANDONED:
            return
        failed = outcome is Outcome.FAILED
        pool = self._baselines.pools[ticket.route]
        usual = failures.peer_rate(pool, standing.failures.routes.get(ticket.route), now)
        standing.failures.add(ticket.route, now, failed=failed)
        pool.add(now, failed=failed)
        if failed:
            self._failed(standing, ticket, now, usual)
        else:
            self._succeeded(standing, ticket, now, usual)

    def _unanswered(self, stake: Stake, ticket: Ticket, outcome: Outcome, now: float) -> None:
        """Failed, or not waited for to the end: that it would have taken so long at least is known then."""
        if outcome is Outcome.FAILED:
            self._settle_stake(stake, ticket, self._config.error_price_s)
        elif not ticket.replied and ticket.waited(now) > ticket.baseline_s:
            self._settle_stake(stake, ticket, ticket.waited(now))
        ticket.stake = None

    def _settle_stake(self, stake: Stake, ticket: Ticket, took_s: float) -> None:
        stake.settle(min(self._config.most_slowdown, took_s / max(ticket.baseline_s, 1e-6)))
        ticket.stake = None

    def _failed(self, standing: Standing, ticket: Ticket, now: float, usual: float) -> None:
        price_s = self._config.error_price_s
        standing.forecast.add(ticket.predicted_s, price_s)
        if ticket.retry_after_s is not None:
            standing.price_s = payoff.error_price(ticket.retry_after_s, price_s)
            standing.price_until = now + standing.price_s
        standing.types.failed(usual)
        posterior = failures.accusation(standing.failures, self._baselines.pools, now)
        standing.accuse(posterior)
        standing.failures.excess = failures.excess(standing.failures, self._baselines.pools, now)
        self._probes.failed(standing)
        if self._health.accuse(standing, posterior):
            self._changed(now)

    def _succeeded(self, standing: Standing, ticket: Ticket, now: float, usual: float) -> None:
        began = ticket.first_byte_at if ticket.first_byte_at is not None else now
        standing.forecast.add(ticket.predicted_s, ticket.waited(began))
        standing.accused = 0.0
        standing.types.answered(usual, slow=standing.slowdown > SLOW)
        if self._health.answered(standing):
            self._changed(now)
        self._probes.answered(standing, standing.slowdown)

    def _changed(self, now: float) -> None:
        self._health.review(self._roster.playing)
        self._ledger.change(now)
