"""Which endpoint takes the next request: regret matching over one service's endpoints. No I/O.

The caller brings time and randomness. A pick draws a few endpoints from the played mix (remembered regret plus what
can be seen right now) and takes the cheapest; a tick every 50 ms moves the regrets; settled tickets teach what
endpoints cost. The mathematics is in `sidecar.game`, the rules around it in the modules beside this one.
"""

import math
import random
from collections import deque
from collections.abc import Mapping, Sequence, Set
from typing import Final

from sidecar.game import mix as mixes
from sidecar.game import payoff, regret
from sidecar.policy import failures, telling
from sidecar.policy.advice import CAPPED, CONTROL, OBSERVING, Advice, Column
from sidecar.policy.baselines import GUESS_S, Baselines
from sidecar.policy.health import Health
from sidecar.policy.ledger import Ledger
from sidecar.policy.lessons import Lessons
from sidecar.policy.obedience import Stake
from sidecar.policy.probes import Probes
from sidecar.policy.roster import Roster
from sidecar.policy.standing import ADMITTED, CLOSING_S, Standing
from sidecar.policy.strategies import RouterConfig
from sidecar.policy.ticket import Book, Outcome, Ticket

__all__ = ["NoEndpoint", "Router", "RouterConfig"]

TICK_S: Final = 0.05
TICK_PER_ENDPOINT_S: Final = 0.0005
LONGEST_TICK_S: Final = 60.0
REMEMBERED: Final = 8
"""Decisions kept for `/explain`."""


class NoEndpoint(Exception):
    """Nothing is left to pick: no endpoints, or all excluded."""


class Router(Book):
    """One destination service, seen from one sidecar."""

    def __init__(self, config: RouterConfig | None = None, *, rng: random.Random | None = None) -> None:
        self.config = config or RouterConfig()
        self._rng = rng or random.Random()  # noqa: S311 (routing, not secrets)
        self.roster = Roster(self.config, self._rng)
        self.learner: regret.Learner = regret.make(self.config.learner, 0)
        self.mix: list[float] = []  # played, as of the last tick; the learner's own is what it remembers
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
        self._turn = 0
        self._ticked = -math.inf
        self._tick_s = TICK_S
        self._usual_congestion = 0.0
        self._fastest = 1.0  # slowdown of the fastest but a tenth: of many, the least is luck too
        self._costs: list[float] = []  # of the last play, in the roster's order
        self.advice: Advice | None = None
        self._follows = False  # the last play did as advised

    def set_endpoints(self, addresses: Sequence[str], now: float) -> None:
        """The ready endpoints from now on; what is known of those that stay is kept."""
        kept = self.roster.replace(addresses, now)
        if max(kept, default=-1) < 0:
            self.learner = regret.make(self.config.learner, len(kept))
        else:
            self.learner.reseat(kept)
        self.mix = self.learner.mix
        self.health.review(self.roster.playing)
        self.ledger.keep({standing.address: standing.row for standing in self.roster.playing}, now)
        self._tick_s = max(TICK_S, len(kept) * TICK_PER_ENDPOINT_S)
        if not self._plain:
            self.tick(now)
        self._turn = self._rng.randrange(len(kept)) if kept else 0  # sidecars must not walk in step

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
            standing = self._in_turn(exclude)
            return self._open(standing, "round-robin", route, now, replayable=replayable)
        if now - self._ticked >= self._tick_s:
            self.tick(now)
        route = self.baselines.key(route)
        sketch = self.baselines.sketches[route]
        baseline = self.baselines.of(sketch)
        hedged = replayable and sketch.samples >= self.config.hedge_samples
        standing, reason = self._choose(baseline, now, exclude, hedged=hedged)
        ticket = self._open(standing, reason, route, now, replayable=replayable)
        ticket.baseline_s = baseline
        ticket.predicted_s = (
            self._costs[standing.place] if self._costs else self._cost(standing, baseline, now, ticket.load)
        )
        standing.waiting.add(ticket)
        if self.advice is not None and reason != "probe" and not self.config.observe:
            self._recommended(self.advice, ticket)
        self.recent.append(telling.Decision(ticket, self.roster.playing, self._costs))
        return ticket

    def _choose(
        self, baseline: float, now: float, exclude: Set[str], *, hedged: bool
    ) -> tuple[Standing, str]:
        self._costs = []
        self._probes.count()
        playing = self.roster.playing
        if now >= self._probes.next_at and len(playing) > 1 and not self.config.observe:
            probed = self._probes.due(playing, now, exclude, hedged=hedged)
            if probed is not None:
                self.health.probed(probed)
                return probed, "probe"
        chosen = self._play(baseline, now, exclude)
        if self.config.observe:
            chosen.would += 1
            chosen = self._in_turn(exclude)
            self.ledger.play(chosen.row)
            return chosen, "observe"
        self.ledger.play(chosen.row)
        if self._follows:
            return chosen, "advice"
        return chosen, "panic" if self.health.panic else "best-of-mix"

    def _in_turn(self, exclude: Set[str]) -> Standing:
        standings = self.roster.playing
        for _ in range(len(standings)):
            self._turn = turn = (self._turn + 1) % len(standings)
            if standings[turn].address not in exclude:
                return standings[turn]
        raise NoEndpoint

    def _open(self, standing: Standing, reason: str, route: str, now: float, *, replayable: bool) -> Ticket:
        ticket = Ticket(self, standing.address, reason, route, now, replayable=replayable)
        ticket.load = standing.in_flight
        standing.in_flight += 1
        standing.picked += 1
        standing.last_pick = now
        self.reasons[reason] = self.reasons.get(reason, 0) + 1
        return ticket

    def _play(self, baseline: float, now: float, exclude: Set[str]) -> Standing:
        """Draw a few from the played mix, take the cheapest."""
        standings = self.roster.playing
        self._costs = costs = [self._cost(s, baseline, now, s.in_flight) for s in standings]
        eligible = self._eligible(now, exclude)
        if self.advice is not None:
            advised = self._advised(self.advice, costs, eligible, now, exclude)
            if advised is not None:
                return advised
        draws = self.config.draws
        if self.advice is not None and self.advice.why_not == CONTROL:
            weights, draws = self.mix, 1
        else:
            weights = self.learner.weights(payoff.losses(costs), self.config.trust, self.config.slack)
        weights = [w if ok else 0.0 for w, ok in zip(weights, eligible)]  # noqa: B905
        total = sum(weights)
        best = -1
        if total > mixes.TINY:
            for _ in range(draws):
                k = mixes.draw(weights, total, self._rng.random())
                if best < 0 or costs[k] < costs[best]:
                    best = k
        else:
            best = self._cheapest(costs, eligible)
        chosen = standings[best]
        return chosen if chosen.share < self.config.max_share else self._next_best(best, costs, eligible)

    def _advised(
        self, advice: Advice, costs: list[float], eligible: list[bool], now: float, exclude: Set[str]
    ) -> Standing | None:
        """Where the coordinator would send it; None: our own mix decides. A second attempt is its business alone."""
        self._follows = False
        advice.forget_pick()
        if not advice.action or exclude or self.health.panic:
            return None
        place = advice.choose(self.roster.playing, costs, eligible, now)
        chosen = self.roster.playing[place] if place >= 0 else None
        if chosen is not None and chosen.share >= self.config.max_share:
            other = self._next_best(place, costs, eligible)
            if other is not chosen:
                chosen = other
                advice.reject(CAPPED)
        if self.config.observe:
            advice.count(OBSERVING)
            return chosen
        advice.count(advice.why_not)
        self._follows = chosen is not None and not advice.why_not
        return chosen

    def _recommended(self, advice: Advice, ticket: Ticket) -> None:
        ticket.stake = advice.stake
        if advice.recommended >= 0:
            ticket.advised = self.roster.playing[advice.recommended].address

    def _eligible(self, now: float, exclude: Set[str]) -> list[bool]:
        """Admitted, not draining, not excluded; everybody not excluded when that leaves nobody."""
        panic = self.health.panic
        standings = self.roster.playing
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
        age, warmup = now - standing.born, self.config.warmup_s
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
                return self.roster.playing[other]
        return self.roster.playing[best]

    def _cost(self, standing: Standing, baseline: float, now: float, load: float) -> float:
        weight = self.config.congestion_weight
        congestion = standing.congested(self._usual_congestion, now) if weight > 0.0 else 0.0
        base = standing.base(baseline, now, self._fastest, self.config.luck, congestion, weight)
        return base * (1.0 + load)

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
            if ticket.stake is not None:
                self._settle_stake(ticket.stake, ticket, ticket.waited(now))
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
            if ticket.stake is not None:
                self._unanswered(ticket.stake, ticket, outcome, now)

    def _unanswered(self, stake: Stake, ticket: Ticket, outcome: Outcome, now: float) -> None:
        """Failed, or not waited for to the end: that it would have taken so long at least is known then."""
        if outcome is Outcome.FAILED:
            self._settle_stake(stake, ticket, self.config.error_price_s)
        elif not ticket.replied and ticket.waited(now) > ticket.baseline_s:
            self._settle_stake(stake, ticket, ticket.waited(now))
        ticket.stake = None

    def _settle_stake(self, stake: Stake, ticket: Ticket, took_s: float) -> None:
        stake.settle(min(self.config.most_slowdown, took_s / max(ticket.baseline_s, 1e-6)))
        ticket.stake = None

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
        elapsed = min(now - self._ticked, LONGEST_TICK_S) if self._ticked > -math.inf else TICK_S
        if self._plain or not standings or elapsed <= 0.0:
            return
        self._ticked = now
        self.baselines.refresh(now)
        paces = sorted([s.slowdown for s in standings if s.health == ADMITTED])
        self._fastest = paces[len(paces) // 10] if paces else 1.0
        self._usual_congestion = telling.median([s.congestion for s in standings if s.congestion >= 0.0])
        if self.ledger.advance(now):
            self._share_out()
        losses = payoff.losses([self._average(standing, now, elapsed) for standing in standings])
        retain = self.config.memory ** (elapsed / TICK_S)
        self.learner.observe(losses, retain, self.config.dead_zone, 2.0**elapsed, self.mix)
        played = self.learner.weights(losses, self.config.trust, self.config.slack)
        self.mix = mixes.normalised(played) or self.learner.mix
        self._probes.plan(standings)
        if self.advice is not None:
            self._consult(self.advice, now)

    def _average(self, standing: Standing, now: float, elapsed: float) -> float:
        """c̄: the cost under the average load instead of the present one."""
        standing.look(now, elapsed)
        if standing.failures.total.failed > 0.01:
            standing.failures.excess = failures.excess(standing.failures, self.baselines.pools, now)
        else:
            standing.failures.excess = 0.0
        if now > standing.price_until:
            standing.price_s = self.config.error_price_s
        standing.cost_s = self._cost(standing, self.baselines.service_s or GUESS_S, now, standing.load)
        self.ledger.cost(standing.row, standing.cost_s)
        return standing.cost_s

    def _share_out(self) -> None:
        """Realised shares of about the last second, for the cap on any one endpoint's."""
        standings = self.roster.playing
        counts = [self.ledger.plays(standing.address, 3) for standing in standings]
        total = sum(counts)
        for standing, count in zip(standings, counts):  # noqa: B905
            standing.share = count / total if total >= 10 else 0.0

    def explain(self, names: Mapping[str, str], now: float) -> str:
        """The same in words; `names` are what people call the endpoints."""
        self.tick(now)
        return telling.explain(self, names, now)

    def snapshot(self, now: float) -> dict[str, object]:
        """Plain values for `/state`, metrics and simulators."""
        self.tick(now)
        if self._plain and self.advice is not None:
            self._consult(self.advice, now)
        return telling.snapshot(self, now)
