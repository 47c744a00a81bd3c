"""What one request would cost at an endpoint, in seconds, seen against its peers (game.md §1)."""

from sidecar.policy.standing import ADMITTED, Standing
from sidecar.policy.strategies import RouterConfig


def median(values: list[float]) -> float:
    """The upper one of two; 0 for none."""
    return sorted(values)[len(values) // 2] if values else 0.0


class Prices:
    """One service's. `review` looks at all endpoints, `of` says what one costs beside them."""

    __slots__ = ("_fastest", "_luck", "_usual_congestion", "_weight")

    def __init__(self, config: RouterConfig) -> None:
        self._luck = config.luck
        self._weight = config.congestion_weight
        self._fastest = 1.0  # slowdown of the fastest but a tenth: of many, the least is luck too
        self._usual_congestion = 0.0

    def review(self, standings: list[Standing]) -> None:
        """Once a tick: what is fast, and how congested endpoints usually are."""
        paces = sorted([s.slowdown for s in standings if s.health == ADMITTED])
        self._fastest = paces[len(paces) // 10] if paces else 1.0
        self._usual_congestion = median([s.congestion for s in standings if s.congestion >= 0.0])

    def of(self, standing: Standing, baseline_s: float, now: float, load: float) -> float:
        """One more request, with so many in flight; `baseline_s`: what its route usually takes."""
        weight = self._weight
        congestion = standing.congested(self._usual_congestion, now) if weight > 0.0 else 0.0
        base = standing.base(baseline_s, now, self._fastest, self._luck, congestion, weight)
        return base * (1.0 + load)
