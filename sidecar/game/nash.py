"""How much a deviation would gain: the certificate that routing is at equilibrium, computed from what happened.

A mix is a Nash equilibrium of the routing game when no endpoint in use costs more than the cheapest one
(Wardrop's first principle for one population).
"""

from typing import Final

TOLERANCE: Final = 0.15
"""Relative gap up to which we speak of equilibrium."""


def gap(shares: list[float], costs: list[float]) -> float:
    """`Σ p_j·c_j − min c`, in the costs' unit; ≥ 0 when the shares sum to 1."""
    total = 0.0
    for share, cost in zip(shares, costs):  # noqa: B905
        total += share * cost
    return max(0.0, total - min(costs))


def relative_gap(shares: list[float], costs: list[float]) -> float:
    """The gap as a fraction of the cheapest cost."""
    return gap(shares, costs) / max(min(costs), 1e-9)
