"""Which endpoint takes the next request: regret matching over one service's endpoints. No I/O.

The caller brings time and randomness. A pick takes one endpoint (`choice`) and hands out a ticket; a tick every 50 ms
moves the regrets (`learning`); settled tickets teach what endpoints cost (`lessons`). The mathematics is in
`sidecar.game`, the rules around it in the modules beside this one.
"""

import random
from collections import deque
from collections.abc import Mapping, Sequence, Set
from typing import Final

from sidecar.game import regret
from sidecar.policy import explanation, telling
from sidecar.policy.advice import Advice, Column
from sidecar.policy.baselines import Baselines
from sidecar.policy.choice import Choice, NoEndpoint
from sidecar.policy.health import Health
from sidecar.policy.learning import Learning
from sidecar.policy.ledger import Ledger
from sidecar.policy.lessons import Lessons
from sidecar.policy.prices import Prices
from sidecar.policy.probes import Probes
from sidecar.policy.roster import Roster
from sidecar.policy.standing import CLOSING_S, Standing
from sidecar.policy.strategies import RouterConfig
from sidecar.policy.ticket import Book, Outcome, Ticket

__all__ = ["NoEndpoint", "Router", "RouterConfig"]

REMEMBERED: Final = 8
"""Decisions kept for `/explain`."""


class Router(Book):
    """One destination service, seen from one sidecar."""

    def __init__(self, config: RouterConfig | None = None, *, rng: random.Random | None = None) -> None:
        self.config = config or RouterConfig()
        self._rng = rng or random.Random()  # noqa: S311 (routing, not secrets)
        self.roster = Roster(self.config, self._rng)
        self.baselines = Baselines(self.config.error_memory_s)
        self.health = Health(self.config)
        self.ledger = Ledger()
        self.reasons: dict[str, int] = {}
        self.recent: deque[telling.Decision] = deque(maxlen=REMEMBERED)
        self._probes = Probes(self.config, self._rng)
        self._lessons = Lessons(
            self.config, self.roster, self.baselines, self.health, self._probes, self.ledger
        )
        self._plain = self.config.learner == "none"
        self._prices = Prices(self.config)
        self._learning = Learning(self.config, self.baselines, self.ledger, self._prices)
        self._choice = Choice(self.config, self._rng, self.roster, self.health, self._prices, self._learning)
        self.advice: Advice | None = None

    def set_endpoints(self, addresses: Sequence[str], now: float) -> None:
        """The ready endpoints from now on; what is known of those that stay is kept."""
        kept = self.roster.replace(addresses, now)
        self._learning.reseat(kept)
        self.health.review(self.roster.playing)
        self.ledger.keep({standing.address: standing.row for standing in self.roster.playing}, now)
        if not self._plain:
            self.tick(now)
        self._choice.shuffle()

    def advise(self, column: Column | None, now: float) -> None:
        """What the coordinator recommends from now on; None: nothing."""
        if self.advice is None:
            if column is None:
                return
            self.advice = Advice(self.config.advice_tolerance, self.config.advice_veto, self._rng)
        self.advice.take(column, now)
        self._consult(self.advice, now)

    def _consult(self, advice: Advice, now: float) -> None:
        advice.look([standing.address for standing in self.roster.playing], self.mix, now)

    # -- pick

    def pick(
        self, route: str, now: float, exclude: Set[str] = frozenset(), replayable: bool = False
    ) -> Ticket:
        """The endpoint for one request; raises `NoEndpoint` when nothing is left."""
        if self._plain:
            standing = self._choice.in_turn(exclude)
            return self._open(standing, "round-robin", route, now, replayable=replayable)
        if self._learning.due(now):
            self.tick(now)
        route = self.baselines.key(route)
        sketch = self.baselines.sketches[route]
        baseline = self.baselines.of(sketch)
        hedged = replayable and sketch.samples >= self.config.hedge_samples
        standing, reason = self._choose(baseline, now, exclude, hedged=hedged)
        ticket = self._open(standing, reason, route, now, replayable=replayable)
        ticket.baseline_s = baseline
        costs = self._choice.costs
        if costs:
            ticket.predicted_s = costs[standing.place]
        else:
            ticket.predicted_s = self._prices.of(standing, baseline, now, ticket.load)
        standing.waiting.add(ticket)
        if self.advice is not None and reason != "probe" and not self.config.observe:
            self._recommended(self.advice, ticket)
        self.recent.append(telling.Decision(ticket, self.roster.playing, costs))
        return ticket

    def _choose(
        self, baseline: float, now: float, exclude: Set[str], *, hedged: bool
    ) -> tuple[Standing, str]:
        self._choice.costs = []
        self._probes.count()
        playing = self.roster.playing
        if now >= self._probes.next_at and len(playing) > 1 and not self.config.observe:
            probed = self._probes.due(playing, now, exclude, hedged=hedged)
            if probed is not None:
                self.health.probed(probed)
                return probed, "probe"
        chosen = self._choice.play(baseline, now, exclude, self.advice)
        if self.config.observe:
            chosen.would += 1
            chosen = self._choice.in_turn(exclude)
            self.ledger.play(chosen.row)
            return chosen, "observe"
        self.ledger.play(chosen.row)
        if self._choice.follows:
            return chosen, "advice"
        return chosen, "panic" if self.health.panic else "best-of-mix"

    def _open(self, standing: Standing, reason: str, route: str, now: float, *, replayable: bool) -> Ticket:
        ticket = Ticket(self, standing.address, reason, route, now, replayable=replayable)
        ticket.load = standing.in_flight
        standing.in_flight += 1
        standing.picked += 1
        standing.last_pick = now
        self.reasons[reason] = self.reasons.get(reason, 0) + 1
        return ticket

    def _recommended(self, advice: Advice, ticket: Ticket) -> None:
        ticket.stake = advice.stake
        if advice.recommended >= 0:
            ticket.advised = self.roster.playing[advice.recommended].address

    # -- what became of it

    def hedge_at(self, ticket: Ticket) -> float | None:
        """When a second copy of this request is worth sending, or None. Probes are always worth one."""
        if not ticket.replayable or not (self.config.hedging or ticket.reason == "probe"):
            return None
        sketch = self.baselines.sketches.get(ticket.route)
        if sketch is None or sketch.samples < self.config.hedge_samples:
            return None
        return ticket.picked_at + sketch.p95_s

    def on_first_byte(self, ticket: Ticket, now: float) -> None:
        """It answers."""
        if not self._plain:
            self._lessons.first_byte(self.roster.of(ticket.endpoint), ticket, now)
        elif self.config.hedging:
            ticket.route = self.baselines.key(ticket.route)
            self.baselines.sketches[ticket.route].add(ticket.waited(now), now)

    def on_settled(
        self, ticket: Ticket, outcome: Outcome, now: float, congestion: float | None, kind: str
    ) -> None:
        """Close a ticket. Endpoints that have left are forgotten with their last one."""
        standing = self.roster.of(ticket.endpoint)
        self.roster.closed(standing)
        if outcome is Outcome.SUCCEEDED:
            standing.succeeded += 1
        elif outcome is Outcome.FAILED:
            standing.failed += 1
        else:
            standing.abandoned += 1
        if not self._plain:
            self._lessons.settled(standing, ticket, outcome, now, congestion)

    def closing(self, ticket: Ticket, now: float, *, certain: bool) -> None:
        """`Connection: close`. `certain`: from a sidecar, which closes only when it drains; others may have their
        reasons, and are left alone from the second time in a row."""
        standing = self.roster.of(ticket.endpoint)
        ticket.closes = True
        standing.closes += 1
        if certain or standing.closes > 1:
            standing.closing_until = now + CLOSING_S

    # -- tick

    def tick(self, now: float) -> None:
        """Move the regrets by what the time since the last tick has shown."""
        standings = self.roster.playing
        if self._plain or not standings or not self._learning.tick(standings, now):
            return
        self._probes.plan(standings)
        if self.advice is not None:
            self._consult(self.advice, now)

    @property
    def mix(self) -> list[float]:
        """Played, as of the last tick, in the roster's order."""
        return self._learning.mix

    @property
    def learner(self) -> regret.Learner:
        """What remembers regret."""
        return self._learning.learner

    def explain(self, names: Mapping[str, str], now: float) -> str:
        """The same in words; `names` are what people call the endpoints."""
        self.tick(now)
        return explanation.explain(self, names, now)

    def snapshot(self, now: float) -> dict[str, object]:
        """Plain values for `/state`, metrics and simulators."""
        self.tick(now)
        if self._plain and self.advice is not None:
            self._consult(self.advice, now)
        return telling.snapshot(self, now)
