"""Our estimator without our game: the pod with the lowest cost, always. Shows what the mix itself is worth.

Source: `sidecar.policy.standing` and `sidecar.game.payoff`, with the router's defaults (`RouterConfig`): slowdown
believed at once and forgiven over 2 s, censored age of what is overdue, all within 2 × the fastest alike, a price of
5 s for failures in excess of the peers' or accused in a row, × (1 + in flight), and the router's probes, as its
estimates are held until the next sample. No mix, no learner, no ejection, no warm-up, no hedged probes. With a
board, its loads instead of what this sidecar has in flight.
"""

import math
import random
from collections.abc import Sequence
from typing import Final

from loadtest.lab.rules.board import covering
from loadtest.lab.rules.rule import Load, Rule
from sidecar.policy import failures
from sidecar.policy.baselines import Baselines
from sidecar.policy.probes import Probes
from sidecar.policy.standing import Standing
from sidecar.policy.strategies import RouterConfig
from sidecar.policy.ticket import Ticket

TICK_S: Final = 0.05
_ROUTE: Final = "GET /"
_CONFIG: Final = RouterConfig()


class Argmin(Rule):
    """Lowest cost by `payoff.base`; any of several."""

    def __init__(self, rng: random.Random) -> None:
        super().__init__(rng)
        self._probes = Probes(_CONFIG, rng)
        self.standings: list[Standing] = []
        self._pods: list[int] = []
        self._open: dict[int, tuple[Standing, Ticket]] = {}  # keeps those that have left until they settle
        self._baselines = Baselines(_CONFIG.error_memory_s)
        self._baselines.key(_ROUTE)
        self._sketch = self._baselines.sketches[_ROUTE]
        self._pool = self._baselines.pools[_ROUTE]
        self._fastest = 1.0
        self._ticked = -math.inf
        self._board: list[float] | None = None

    def members(self, pods: Sequence[int], now: float) -> None:
        """A newcomer is as slow as the median of the others, as in the router."""
        known = dict(zip(self._pods, self.standings, strict=True))
        paces = sorted([standing.slowdown for standing in self.standings])
        usual = paces[len(paces) // 2] if paces else 1.0
        self._pods = list(pods)
        if self._board is not None:
            self._board = covering(self._board, pods)
        self.standings = [known.get(pod) or self._newcomer(pod, now, usual) for pod in pods]
        for place, standing in enumerate(self.standings):
            standing.place = place
        self._ticked = -math.inf

    def _newcomer(self, pod: int, now: float, slowdown: float) -> Standing:
        standing = Standing(str(pod), now, _CONFIG.error_memory_s, _CONFIG.error_price_s)
        standing.slowdown = slowdown
        standing.backoff_s = _CONFIG.probe_failing_s
        return standing

    def board(self, loads: Sequence[float], now: float) -> None:
        """Believed until the next one, instead of the sidecar's own count."""
        self._board = covering(loads, self._pods)

    def pick(self, request: int, now: float) -> int:
        """The cheapest, unless one is due to be tried again."""
        if now - self._ticked >= TICK_S:
            self._tick(now)
        baseline = self._baselines.of(self._sketch)
        place = self._due(now)
        if place < 0:
            place = self._cheapest(baseline, now)
        self._ask(request, self.standings[place], now, baseline)
        return self._pods[place]

    def _due(self, now: float) -> int:
        """−1: none."""
        probes = self._probes
        probes.count()
        if now < probes.next_at or len(self.standings) < 2:
            return -1
        standing = probes.due(self.standings, now, frozenset(), hedged=False)
        return -1 if standing is None else standing.place

    def _cheapest(self, baseline: float, now: float) -> int:
        least = math.inf
        ties: list[int] = []
        for place in range(len(self.standings)):
            cost = self._cost(place, baseline, now)
            if cost < least:
                least = cost
                ties = [place]
            elif cost == least:
                ties.append(place)
        return ties[0] if len(ties) == 1 else ties[int(self.rng.random() * len(ties))]

    def _cost(self, place: int, baseline: float, now: float) -> float:
        """Of one more request there."""
        standing, board = self.standings[place], self._board
        load = standing.in_flight if board is None else board[self._pods[place]]
        return standing.base(baseline, now, self._fastest, _CONFIG.luck, 0.0, 0.0) * (1.0 + load)

    def _ask(self, request: int, standing: Standing, now: float, baseline: float) -> None:
        ticket = Ticket(None, standing.address, "", _ROUTE, now, replayable=False)
        ticket.baseline_s = baseline
        standing.waiting.add(ticket)
        standing.in_flight += 1
        standing.last_pick = now
        self._open[request] = standing, ticket

    def _close(self, request: int) -> tuple[Standing, Ticket]:
        standing, ticket = self._open.pop(request)
        standing.stop_waiting(ticket)
        standing.in_flight -= 1
        return standing, ticket

    def settled(
        self, request: int, pod: int, now: float, took_s: float, *, ok: bool, load: Load | None
    ) -> None:
        """How fast it was compared with its peers, or that it failed."""
        standing, _ = self._close(request)
        standing.failures.add(_ROUTE, now, failed=not ok)
        self._pool.add(now, failed=not ok)
        if ok:
            standing.accused = 0.0
            self._sketch.add(took_s, now)
            ratio = took_s / max(self._sketch.median_s, 1e-6)
            standing.answered(ratio, now, _CONFIG.slow_memory_s, _CONFIG.most_slowdown)
            self._probes.answered(standing, standing.slowdown)
        else:
            standing.accuse(failures.accusation(standing.failures, self._baselines.pools, now))
            standing.failures.excess = failures.excess(standing.failures, self._baselines.pools, now)
            self._probes.failed(standing)

    def abandoned(self, request: int, pod: int, now: float) -> None:
        """What it owed by then is the least it would have taken."""
        standing, ticket = self._close(request)
        standing.unanswered(ticket, now, _CONFIG.most_slowdown)

    def _tick(self, now: float) -> None:
        """As often as the router: quantiles, who is fastest, failures beyond the peers'."""
        self._ticked = now
        self._baselines.refresh(now)
        self._fastest = min([standing.slowdown for standing in self.standings], default=1.0)
        for standing in self.standings:
            record = standing.failures
            failed = record.total.failed > 0.01
            record.excess = failures.excess(record, self._baselines.pools, now) if failed else 0.0
        self._probes.plan(self.standings)
