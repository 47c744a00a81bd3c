"""What is usual: per route, how long the first byte takes and how often it fails, over all endpoints of a service."""

from typing import Final

from sidecar.policy.failures import Tally
from sidecar.policy.latency import LatencySketch, quantile

GUESS_S: Final = 0.01
"""Before anything has answered."""
MOST_ROUTES: Final = 512
OTHER: Final = "other"


class Baselines:
    """`B_r` and the pool's failures by route; bounded, however many routes there are."""

    def __init__(self, memory_s: float) -> None:
        self.sketches: dict[str, LatencySketch] = {}
        self.pools: dict[str, Tally] = {}
        self.service_s = 0.0  # request-weighted mean of B_r over the last seconds; 0: nothing has answered
        self._memory_s = memory_s

    def key(self, route: str) -> str:
        """The name under which a route is kept."""
        if route in self.sketches:
            return route
        if len(self.sketches) >= MOST_ROUTES:
            route = OTHER
        if route not in self.sketches:
            self.sketches[route] = LatencySketch()
            self.pools[route] = Tally(self._memory_s)
        return route

    def of(self, sketch: LatencySketch) -> float:
        """Seconds; the service's when the route is new, a guess when all is."""
        return sketch.median_s or self.service_s or GUESS_S

    def tail_s(self, q: float) -> float:
        """A quantile over all routes together, in seconds; 0 before anything has answered."""
        cells: list[int] = []
        for sketch in self.sketches.values():
            sketch.pour(cells)
        return quantile(cells, q)

    def refresh(self, now: float) -> None:
        """Bring quantiles and the service's mean up to date."""
        total = weighted = 0.0
        for route, sketch in self.sketches.items():
            if sketch.dirty:
                sketch.refresh()
            pool = self.pools[route]
            pool.fade(now)
            if sketch.median_s > 0.0:
                total += pool.tried
                weighted += pool.tried * sketch.median_s
        if total > 1e-9:
            self.service_s = weighted / total
