"""What one more request would cost at an endpoint, in seconds, and costs as losses in [0, 1].

`cost = (B·max(s, a)·(1 + w·g) + P·e) · (1 + q)`: a peak-EWMA × in-flight cost (Linkerd, Finagle) with a censored
age, so that a hung endpoint looks bad before it answers, and a price for failures, so that failing fast never
looks cheap (the "black hole" of every latency learner).
"""

from typing import Final

ERROR_PRICE_S: Final = 5.0
MOST_ERROR_PRICE_S: Final = 60.0
SPAN: Final = 4.0
"""Losses are measured against this many times the best cost; what is worse than that is simply bad."""


def base(
    baseline_s: float, slowdown: float, price_s: float, excess: float, congestion: float, weight: float
) -> float:
    """Seconds a request takes at an idle endpoint: `slowdown` = max(s, a), `excess` failures its peers do not have."""
    return baseline_s * slowdown * (1.0 + weight * congestion) + price_s * excess


def pace(slowdown: float, fastest: float, luck: float) -> float:
    """`s`, but all within `luck` times the fastest count as that: a jump to the worst recent sample is mostly noise."""
    return slowdown if slowdown > luck * fastest else min(slowdown, fastest)


def error_price(retry_after_s: float | None, least_s: float = ERROR_PRICE_S) -> float:
    """P: seconds one failure is worth."""
    return min(MOST_ERROR_PRICE_S, max(least_s, retry_after_s or 0.0))


def losses(costs: list[float]) -> list[float]:
    """`x_k = min(1, c_k / (4·min c))`. Bounded, or seconds of being terrible would take a minute to forgive."""
    if not costs:
        return []
    least = costs[0]
    for cost in costs:  # `min` of a list is a call into the interpreter
        least = min(least, cost)
    scale = SPAN * max(least, 1e-9)
    return [min(1.0, cost / scale) for cost in costs]
