"""Routing as a congestion game: cost curves per endpoint, and the function every unilateral improvement lowers.

Rosenthal (1973) for agents that move one by one; Beckmann, McGuire, Winsten (1956) for divisible traffic. Unilateral
better responses lower it (a theorem); simultaneous ones may oscillate.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Curve:
    """Cost of an endpoint under load: `base_s + slope_s·load`, both ≥ 0; load in requests in flight."""

    base_s: float
    slope_s: float

    def at(self, load: float) -> float:
        """Seconds."""
        return self.base_s + self.slope_s * load

    def area(self, load: float) -> float:
        """`∫₀^load`, seconds × requests."""
        return self.base_s * load + 0.5 * self.slope_s * load * load


@dataclass(slots=True)
class Moments:
    """Discounted sums over (load, cost) samples: all that a least-squares line needs."""

    weight: float = 0.0
    load: float = 0.0
    load2: float = 0.0
    cost: float = 0.0
    product: float = 0.0

    def add(self, load: float, cost: float) -> None:
        """One sample."""
        self.weight += 1.0
        self.load += load
        self.load2 += load * load
        self.cost += cost
        self.product += load * cost

    def fade(self, keep: float) -> None:
        """Older samples count less."""
        self.weight *= keep
        self.load *= keep
        self.load2 *= keep
        self.cost *= keep
        self.product *= keep


def fit(m: Moments) -> Curve | None:
    """Non-negative least squares of a line; None without samples."""
    if m.weight < 1e-6:
        return None
    spread = m.load2 - m.load * m.load / m.weight
    if spread <= 1e-9 * m.load2:  # one load seen: no slope to speak of
        return Curve(m.cost / m.weight, 0.0)
    slope = (m.product - m.load * m.cost / m.weight) / spread
    base = (m.cost - slope * m.load) / m.weight
    if slope < 0.0:
        return Curve(m.cost / m.weight, 0.0)
    if base < 0.0:
        return Curve(0.0, m.product / m.load2)
    return Curve(base, slope)


def beckmann(curves: Sequence[Curve], loads: Sequence[float]) -> float:
    """`Σ_k ∫₀^{load_k} c_k`: least exactly where divisible traffic is at equilibrium."""
    return sum(curve.area(load) for curve, load in zip(curves, loads, strict=True))


def rosenthal(costs: Sequence[Callable[[int], float]], counts: Sequence[int]) -> float:
    """`Σ_k Σ_{i ≤ n_k} c_k(i)`: changes by exactly what a single mover gains."""
    return sum(cost(i) for cost, count in zip(costs, counts, strict=True) for i in range(1, count + 1))


def better_response(costs: Sequence[Callable[[int], float]], counts: Sequence[int]) -> tuple[int, int] | None:
    """A move (from, to) that helps whoever makes it, the most helpful one; None at a Nash equilibrium."""
    moves = [
        (costs[k](counts[k] + 1) - costs[j](counts[j]), j, k)
        for j in range(len(counts))
        for k in range(len(counts))
        if j != k and counts[j] > 0
    ]
    gain, j, k = min(moves, default=(0.0, 0, 0))
    return (j, k) if gain < 0.0 else None
