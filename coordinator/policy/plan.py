"""What a cycle has decided."""

from collections.abc import Mapping
from dataclasses import dataclass

from coordinator.game.explanation import Explanation
from coordinator.policy.grant import Grant, Held


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """In the order in which it is to be done: `reverts`, then `grants`."""

    reverts: tuple[Grant, ...]
    """Increases of ours the kubelet has no room for: taken back, because while they wait they keep new pods out."""
    grants: tuple[Grant, ...]
    """Sellers first, then buyers, by name."""
    held: tuple[Held, ...]
    markets: Mapping[str, Explanation]
    """By node. In millicores above what held pods keep."""
    spare_m: Mapping[str, int]
    """By node: what would be left once all of this is done; below 0 where a node is oversold."""
    potential: float | None
    """`gtcas_global_potential`, over all nodes. Of the market: `welfare.shortfall` over all bids, at most 0, of what
    pods have before this plan; None where nobody bids. Of agents: −Φ of their game."""
    bids: Mapping[str, float]
    """By uid: budget times average demand."""
    fairness: float
    """`mbcas_fairness_ratio`: see `coordinator.policy.fairness`."""
