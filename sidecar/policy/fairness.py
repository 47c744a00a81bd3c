"""Whose turn is it? Start-time fair queuing (Goyal, Vin, Cheng: "Start-time Fair Queuing", SIGCOMM 1996).

A flow's next item starts at S = max(virtual time, finish of its item before) and finishes at S + 1/weight; least S
goes first, and virtual time is the S of what went last. While two flows are backlogged, what they receive per unit
of weight differs by at most 1/w₁ + 1/w₂ (theorem 1 there), whatever the speed of the server, and a newcomer is served
soon: it begins now, not behind everybody's backlog. A flow's items after its first start where the one before
finishes, so one tag per flow is all the state there is, and an item that leaves unserved costs its flow nothing.

Flows with a backlog are looked through one by one: they are at most as many as the queue has places, and few.
"""

from collections import deque
from typing import Final, Generic, TypeVar

Item = TypeVar("Item")

LEAST_WEIGHT: Final = 1e-3
"""Less than this counts as this: everybody's turn comes."""
MOST_WEIGHT: Final = 1e6
_TIE: Final = 1e-12


class Flow(Generic[Item]):
    """One caller's items, oldest first, and where its next one starts in virtual time."""

    __slots__ = ("caller", "finish", "items", "start", "weight")

    def __init__(self, caller: str, weight: float, now: float) -> None:
        self.caller = caller
        self.weight = weight
        self.items: deque[Item] = deque()
        self.start = now  # of its first item; virtual
        self.finish = now  # of what it was served last

    def __repr__(self) -> str:
        return f"<Flow {self.caller} w={self.weight:g} n={len(self.items)} S={self.start:.3f}>"


class FairQueue(Generic[Item]):
    """Items by caller; each pop serves the one whose turn it is. Remembers at most `most_idle` flows without items."""

    __slots__ = ("_flows", "_most_idle", "backlogged", "count", "virtual")

    def __init__(self, most_idle: int = 1024) -> None:
        self._most_idle = most_idle
        self._flows: dict[str, Flow[Item]] = {}
        self.backlogged: dict[str, Flow[Item]] = {}
        self.virtual = 0.0
        self.count = 0

    def __len__(self) -> int:
        return self.count

    @property
    def flows(self) -> int:
        """Flows remembered, with or without a backlog."""
        return len(self._flows)

    def backlog(self, caller: str) -> int:
        """Items of this caller."""
        flow = self.backlogged.get(caller)
        return len(flow.items) if flow is not None else 0

    def weight(self) -> float:
        """Of all flows with a backlog together."""
        total = 0.0
        for flow in self.backlogged.values():
            total += flow.weight
        return total

    def push(self, caller: str, weight: float, item: Item) -> Flow[Item]:
        """To the end of its caller's flow, which has this weight from now on (within 0.001 and a million)."""
        flow = self._flows.get(caller)
        if flow is None:
            flow = self._flows[caller] = Flow(caller, LEAST_WEIGHT, self.virtual)
        flow.weight = bounded_weight(weight)
        if not flow.items:
            flow.start = max(self.virtual, flow.finish)
            self.backlogged[caller] = flow
        flow.items.append(item)
        self.count += 1
        return flow

    def pop(self) -> Item | None:
        """The item whose turn it is; None when there is none."""
        flow = self.first()
        return self.serve(flow) if flow is not None else None

    def first(self) -> Flow[Item] | None:
        """The flow whose turn it is; of two, the one that has been waiting longer in the table."""
        best: Flow[Item] | None = None
        for flow in self.backlogged.values():
            if best is None or flow.start < best.start - _TIE:
                best = flow
        return best

    def serve(self, flow: Flow[Item]) -> Item:
        """The first item of this flow, on its account. Who is let before its turn pays by waiting longer after it."""
        self.virtual = max(self.virtual, flow.start)
        flow.finish = flow.start = flow.start + 1.0 / flow.weight
        return self.take(flow)

    def take(self, flow: Flow[Item]) -> Item:
        """The first item of this flow, not on its account: its turn comes as if nothing had happened."""
        item = flow.items.popleft()
        self._lost(flow)
        return item

    def evict(self, flow: Flow[Item]) -> Item:
        """The newest item of this flow leaves unserved."""
        item = flow.items.pop()
        self._lost(flow)
        return item

    def remove(self, caller: str, item: Item) -> bool:
        """This very item leaves unserved; False when it is not here."""
        flow = self.backlogged.get(caller)
        if flow is None:
            return False
        for place, queued in enumerate(flow.items):
            if queued is item:
                del flow.items[place]
                self._lost(flow)
                return True
        return False

    def longest(self, spare: Flow[Item] | None = None) -> Flow[Item] | None:
        """The flow with the most items relative to its weight, of two the one whose turn is later; never `spare`."""
        worst: Flow[Item] | None = None
        most = 0.0
        for flow in self.backlogged.values():
            if flow is spare:
                continue
            pressure = len(flow.items) / flow.weight
            if worst is None or pressure > most or (pressure == most and flow.start >= worst.start):
                worst, most = flow, pressure
        return worst

    def ahead(self, caller: str, weight: float) -> int:
        """Items served before a further one of this caller, if nothing else arrives; ties count as before it."""
        flow = self._flows.get(caller)
        own = len(flow.items) if flow is not None else 0
        start = max(self.virtual, flow.finish) if flow is not None else self.virtual
        if flow is not None and own:
            start = flow.start + own / bounded_weight(weight)
        total = own
        for other in self.backlogged.values():
            if other is not flow and other.start <= start + _TIE:
                due = (start + _TIE - other.start) * other.weight
                total += min(len(other.items), int(due) + 1)
        return total

    # -- details

    def _lost(self, flow: Flow[Item]) -> None:
        """An item of this flow has left."""
        self.count -= 1
        if flow.items:
            return
        del self.backlogged[flow.caller]
        if len(self._flows) > self._most_idle + len(self.backlogged):
            self._forget()

    def _forget(self) -> None:
        """Flows whose tag is past say nothing; if all still say something, those that say least."""
        idle = [(flow.finish, name) for name, flow in self._flows.items() if not flow.items]
        idle.sort()
        most = self._most_idle - self._most_idle // 8  # a few at once: sorting is not for every request
        for place, (finish, name) in enumerate(idle):
            if finish > self.virtual and len(idle) - place <= most:
                return
            del self._flows[name]


def bounded_weight(weight: float) -> float:
    """Within 0.001 and a million; undefined is the least."""
    return min(MOST_WEIGHT, weight) if weight > LEAST_WEIGHT else LEAST_WEIGHT
