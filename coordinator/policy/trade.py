"""From moves to amounts that the node can carry: buyers get what sellers and idle CPU leave."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from coordinator.policy.guardrails import Move
from coordinator.policy.reach import STEP_M, Reach, down


@dataclass(frozen=True, slots=True)
class Trader:
    """A pod with its guarded move. `name` breaks ties."""

    name: str
    present_m: int
    reach: Reach
    move: Move


def settle(traders: Sequence[Trader], capacity_m: int) -> Mapping[str, int]:
    """New amounts by name: multiples of 10 where they differ from the present ones.

    Σ ≤ max(`capacity_m`, Σ present), whatever the moves; buyers' increases are cut alike where they do not fit.
    """
    present_m = sum(trader.present_m for trader in traders)
    amounts = {trader.name: _sold(trader, present_m > capacity_m) for trader in traders}
    room_m = capacity_m - sum(amounts.values())
    buyers = [trader for trader in traders if trader.move.target_m > trader.present_m]
    amounts |= bought(
        {trader.name: (trader.present_m, trader.move.target_m) for trader in buyers}, room_m, STEP_M
    )
    return amounts


def bought(wants: Mapping[str, tuple[int, float]], room_m: int, step_m: int) -> dict[str, int]:
    """From `present` towards `wanted`, each by the same part of what it wants, in multiples of `step_m`.

    Largest remainder; Σ of the increases ≤ `room_m`. Who cannot reach the next step keeps what it has.
    """
    total_m = sum(wanted - present for present, wanted in wants.values())
    part = min(1.0, max(0.0, room_m / total_m)) if total_m > 0 else 0.0
    shares = {name: present + part * (wanted - present) for name, (present, wanted) in wants.items()}
    amounts = {
        name: max(present, int((shares[name] + 1e-6) // step_m) * step_m)
        for name, (present, _) in wants.items()
    }
    spare_m = room_m - sum(amounts[name] - present for name, (present, _) in wants.items())
    for name in sorted(wants, key=lambda name: (round(amounts[name] - shares[name], 6), name)):
        following = (amounts[name] // step_m + 1) * step_m
        if following - amounts[name] <= spare_m and shares[name] - amounts[name] > 1e-6:
            spare_m -= following - amounts[name]
            amounts[name] = following
    return amounts


def _sold(trader: Trader, oversold: bool) -> int:
    """What a seller keeps, to the nearest step; others keep what they have."""
    target_m = trader.move.target_m
    if target_m >= trader.present_m:
        return trader.present_m
    kept_m = down(target_m) if oversold else down(target_m + STEP_M / 2)
    return min(trader.present_m, max(kept_m, down(trader.reach.low_m)))
