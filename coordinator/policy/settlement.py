"""What buyers can still have when sellers did not sell: nobody is given CPU that nobody gave up."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from coordinator.policy.grant import Grant
from coordinator.policy.reach import STEP_M
from coordinator.policy.trade import bought


def affordable(
    buyers: Sequence[Grant], refused: Sequence[Grant], spare_m: Mapping[str, int]
) -> tuple[Grant, ...]:
    """`buyers` with as much of their increases as is there, in their order.

    `refused`: grants that were to free CPU and have not: vetoed, failed, or not sent. `spare_m`: by node, what the
    plan left over (`Plan.spare_m`). Each buyer of a node gets the same part of its increase, in steps of 10 m by
    largest remainder; one with no step left keeps its CPU, and its grant is left out where it was about nothing else.
    Buyers of nodes where nothing was refused, and grants that buy no CPU, are returned as they are.
    """
    missing: dict[str, int] = {}
    for grant in refused:
        node = grant.subject.node
        missing[node] = missing.get(node, 0) + max(0, -grant.delta_m)
    amounts: dict[str, int] = {}
    for node, missing_m in missing.items():
        theirs = [grant for grant in buyers if grant.subject.node == node and grant.delta_m > 0]
        room_m = sum(grant.delta_m for grant in theirs) - missing_m + max(0, spare_m.get(node, 0))
        wants = {grant.subject.uid: (grant.subject.cpu_m, float(grant.cpu_m or 0)) for grant in theirs}
        amounts |= bought(wants, max(0, room_m), STEP_M)
    cut = [_cut(grant, amounts.get(grant.subject.uid)) for grant in buyers]
    return tuple(grant for grant in cut if grant is not None)


def _cut(grant: Grant, amount_m: int | None) -> Grant | None:
    if amount_m is None or grant.delta_m <= 0 or amount_m == grant.cpu_m:
        return grant
    if amount_m > grant.subject.cpu_m:
        return replace(grant, cpu_m=amount_m, reason=f"{grant.reason}; {amount_m}m: sellers did not sell")
    if grant.memory_bytes is None:
        return None
    return replace(grant, cpu_m=None, reason=f"{grant.reason}; no CPU: sellers did not sell")
