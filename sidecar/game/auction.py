"""Who gets what nobody is entitled to: a sealed-bid auction with critical-value prices.

Unit demand, k equal slots: the k highest scores win, a score being the bid plus an ageing credit, so that waiting is
worth something too. Each winner pays the least bid with which it would still have won: the highest losing score less
its own credit (Vickrey 1961; critical values: Myerson 1981, Nisan et al., "Algorithmic Game Theory", theorem 9.36).
The rule is monotone and the price does not depend on the winner's own bid, so to bid one's true value is a dominant
strategy. That is claimed for one round, unit demand and a bid the bidder can pay, and no further: over many rounds
with a balance to keep, a bidder may do better by waiting for a cheap one.
"""

from dataclasses import dataclass
from typing import Final

_MOST: Final = 1e18
"""Beyond this a number is treated as this: infinities must not turn prices into NaN."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """`winners`: indices of the winning bids, best first; `prices[n]`: what `winners[n]` pays, ≥ 0."""

    winners: list[int]
    prices: list[float]


def clear(bids: list[float], slots: int, ageing: list[float] | None = None) -> Outcome:
    """Sell `slots` equal slots. Ties go to whoever comes first in the list.

    `bids` in any currency, `ageing` in the same, 0 for all when not given. Negative and undefined numbers count as 0:
    bids come from outside. `ValueError` when the lists differ in length.
    """
    aged = [0.0] * len(bids) if ageing is None else [_plain(credit) for credit in ageing]
    if len(aged) != len(bids):
        raise ValueError(f"{len(bids)} bids, {len(aged)} ageing credits")
    offers = [_plain(bid) for bid in bids]
    scores = [offer + credit for offer, credit in zip(offers, aged)]  # noqa: B905
    order = [i for _, i in sorted([(-score, i) for i, score in enumerate(scores)])]
    won = max(0, min(slots, len(order)))
    winners = order[:won]
    if won == len(order):
        return Outcome(winners, [0.0] * won)
    losing = scores[order[won]]
    # Never above the bid itself, whatever the rounding.
    return Outcome(winners, [min(offers[i], max(0.0, losing - aged[i])) for i in winners])


def _plain(value: float) -> float:
    """0 ≤ value ≤ 1e18; NaN is 0."""
    return min(value, _MOST) if value > 0.0 else 0.0
