"""How near pods are to the market's solution: its Lagrangian at what they have, less that at the solution.

The market maximises W(x) = Σ β·ln(x − floor) where Σx ≤ C (Nash's bargaining solution, the program of Eisenberg & Gale,
1959, for one good). With its price λ, what pods have now is worth W(x) + λ·(C − Σx): their welfare, and what they leave
at the price others would pay. With e = x − floor, e* the solution's, and r = (e + ε·e*)/((1 + ε)·e*), the difference is

    P(x) = Σ β·ln r − λ/(1 + ε)·Σ(e − e*) ≤ 0, and 0 at the solution alone.

ε keeps the logarithm finite for a pod that has its floor and no more; taken of the pod's own e*, it leaves the solution
where it was: the conditions of Karush, Kuhn and Tucker hold there with λ/(1 + ε). Every term is concave in one pod's
amount and largest at that pod's share. So P rises whenever a pod moves towards its share, whoever else moves: a
Lyapunov function of any loop that takes pods some of the way (guardrails differ from pod to pod, and W alone falls
while sellers have sold and buyers may not yet buy).
"""

import math
from collections.abc import Mapping
from typing import Final

from coordinator.game.explanation import Explanation, Line

SMOOTH: Final = 0.05
"""ε: a pod with its floor alone counts as one with a twentieth of its share, ln 21 below it."""
_FAINTEST_M: Final = 1e-9
"""Above its floor: what is less is nothing, and not worth a logarithm."""


def shortfall(market: Explanation, present_m: Mapping[str, float]) -> float:
    """P of one node, in bids (β has no unit) times nats; ≤ 0. `present_m`: what each pod of `market` has, millicores.

    0 where nothing was decided: nobody bids, or nothing is left above the floors. Less than the floor counts as the
    floor, more than the cap as the cap, because neither is the market's doing.
    """
    if market.infeasible or not 0.0 < market.price < math.inf:
        return 0.0
    price = market.price / (1.0 + SMOOTH)
    return min(0.0, math.fsum(_term(line, present_m[name], price) for name, line in market.lines.items()))


def bids(market: Explanation) -> float:
    """Σ β: what `shortfall` is divided by to be compared between nodes and hours."""
    return math.fsum(line.beta for line in market.lines.values())


def _term(line: Line, has_m: float, price: float) -> float:
    """One pod's part: at most 0, since it is largest where the pod has what the market gives it."""
    due = line.exact_m - line.floor_m
    has = min(max(has_m, line.floor_m), line.cap_m) - line.floor_m
    if due < _FAINTEST_M:
        return -price * has
    return line.beta * math.log((has + SMOOTH * due) / ((1.0 + SMOOTH) * due)) - price * (has - due)
