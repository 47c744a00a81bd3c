"""How near amounts are to proportional: `mbcas_fairness_ratio`."""

from collections.abc import Mapping
from typing import Final

from coordinator.game.explanation import Explanation
from coordinator.policy.reach import STEP_M

PROPORTIONAL: Final = 1.0


def ratio(market: Explanation, amounts_m: Mapping[str, int]) -> float:
    """The least, over pods, of (what it has above its floor + one step) / (its share by bids), at most 1.

    Shares are of what the pods compared have above their floors; compared are those that bid and whom no cap stops.
    The step of 10 m is forgiven because amounts come in steps. 1: nobody has less than its bid's share. 0 to 1.
    """
    compared = [line for line in market.lines.values() if line.beta > 0.0 and not line.cap_hit]
    above = {line.pod: max(0, amounts_m[line.pod] - line.floor_m) for line in compared}
    total_m = sum(above.values())
    bids = sum(line.beta for line in compared)
    ratios = [
        (above[line.pod] + STEP_M) / (total_m * (line.beta / bids))
        for line in compared
        if total_m * (line.beta / bids) > 0.0
    ]
    return min([PROPORTIONAL, *ratios])
