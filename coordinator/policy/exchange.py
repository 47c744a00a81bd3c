"""One node's cycle: sort its pods, clear the market, guard every move, make the amounts fit."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from coordinator.game import market, welfare
from coordinator.game.explanation import Explanation, Line
from coordinator.policy import fairness, guardrails, levels, memory, trade
from coordinator.policy.config import Node
from coordinator.policy.grant import Grant, Held
from coordinator.policy.reach import Reach, down, reach
from coordinator.policy.sieve import Cycle, Entry, Sorted, sift
from coordinator.policy.subject import Subject


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchanged:
    """What one node's cycle came to."""

    node: str
    sorted: Sorted
    market: Explanation
    grants: Sequence[Grant]
    held: Sequence[Held]
    spare_m: int
    potential: float
    """−Φ of the agents' game; where the market decides, `welfare.shortfall` of what its pods have."""
    fairness: float


def exchange(node: Node, subjects: Sequence[Subject], cycle: Cycle, rng: random.Random) -> Exchanged:
    """`subjects`: those on `node`, in the order of their names."""
    found = sift(subjects, cycle)
    capacity_m = max(0, node.capacity_m - found.reserved_m)
    cleared, potential = _allocated(found.entries, capacity_m, cycle, rng)
    present_m = sum(entry.subject.cpu_m for entry in found.entries)
    part = _part(node, subjects)
    moves = {
        entry.subject.key: _move(entry, cleared.lines[entry.subject.key], part, present_m > capacity_m, cycle)
        for entry in found.entries
    }
    amounts = trade.settle([_trader(entry, moves, part, cycle) for entry in found.entries], capacity_m)
    decided = [
        _decided(entry, amounts[entry.subject.key], moves[entry.subject.key], cleared, cycle)
        for entry in found.entries
    ]
    return Exchanged(
        node=node.name,
        sorted=found,
        market=cleared,
        grants=[each for each in decided if isinstance(each, Grant)],
        held=[*found.held, *(each for each in decided if isinstance(each, Held))],
        spare_m=node.capacity_m - found.reserved_m - sum(amounts.values()),
        potential=potential,
        fairness=fairness.ratio(cleared, amounts),
    )


def _allocated(
    entries: Sequence[Entry], capacity_m: int, cycle: Cycle, rng: random.Random
) -> tuple[Explanation, float]:
    if cycle.config.allocator == "regret":
        return levels.chosen(entries, capacity_m, cycle.config, rng)
    cleared = market.explain(capacity_m, [_bid(entry) for entry in entries])
    return cleared, welfare.shortfall(cleared, {entry.subject.key: entry.subject.cpu_m for entry in entries})


def _bid(entry: Entry) -> market.Bid:
    return market.Bid(
        pod=entry.subject.key,
        budget=entry.subject.budget,
        demand=entry.demand,
        floor_m=entry.reach.low_m,
        cap_m=entry.reach.high_m,
    )


def _part(node: Node, subjects: Sequence[Subject]) -> float:
    """What part of all floors the node can keep. Nobody sells below that: pods that are held for a while, whatever they
    have, take from the others what is above their floors, no more."""
    floors_m = sum(subject.floor_m for subject in subjects)
    return min(1.0, max(0, node.capacity_m) / floors_m) if floors_m > 0 else 1.0


def _floored(entry: Entry, part: float, cycle: Cycle) -> Reach:
    if part >= 1.0:
        return entry.reach
    poorer = replace(entry.subject, floor_m=down(part * entry.subject.floor_m))
    cut = reach(poorer, cycle.bounds_of(entry.subject))
    return entry.reach if isinstance(cut, str) else cut


def _move(entry: Entry, line: Line, part: float, oversold: bool, cycle: Cycle) -> guardrails.Move:
    case = guardrails.Case(
        present_m=entry.subject.cpu_m,
        exact_m=line.exact_m,
        reach=_floored(entry, part, cycle),
        demand=entry.seen.demand,
        record=entry.record,
        oversold=oversold,
    )
    return guardrails.guarded(case, cycle.config, cycle.now)


def _trader(entry: Entry, moves: Mapping[str, guardrails.Move], part: float, cycle: Cycle) -> trade.Trader:
    key = entry.subject.key
    return trade.Trader(key, entry.subject.cpu_m, _floored(entry, part, cycle), moves[key])


def _decided(
    entry: Entry, amount_m: int, move: guardrails.Move, cleared: Explanation, cycle: Cycle
) -> Grant | Held:
    subject = entry.subject
    reason = _words(entry, cleared, move, amount_m)
    more = memory.wanted_bytes(
        subject, entry.seen, entry.record, cycle.bounds_of(subject), cycle.config, cycle.now
    )
    if amount_m == subject.cpu_m and more is None:
        return Held(subject, move.why or ("room" if move.target_m > amount_m else "dead-band"), reason)
    return Grant(
        subject=subject,
        cpu_m=None if amount_m == subject.cpu_m else amount_m,
        memory_bytes=None if more is None else more[0],
        reason=reason if more is None else f"{reason}; {more[1]}",
    )


def _words(entry: Entry, cleared: Explanation, move: guardrails.Move, amount_m: int) -> str:
    """The figure, and everything that had a say in it."""
    line = cleared.lines[entry.subject.key]
    told = f"bid {entry.bid:.4g} (demand {entry.demand:.2f}) at price {cleared.price:.4g} buys {line.exact_m:.0f}m"
    if line.cap_hit:
        told += ", its cap"
    elif line.floor_hit:
        told += ", its floor"
    if move.why:
        told += f"; {move.why}: {move.target_m:.0f}m"
        veto = entry.record.cpu_veto
        if move.why == "veto" and veto is not None and veto.words:
            told += f" ({veto.words})"
    if abs(amount_m - move.target_m) >= 10:
        told += f"; room for {amount_m}m"
    return told
