"""The waiting room at the gate: who waits, whose turn it is, who has to leave when it is full.

A free slot goes

1. to callers that have not had their share: by start-time fair queuing (fairness.py) among those with tokens
   (purses.py), so that budgets 3:1 give 3:1 (a Fisher market with one good);
2. what they leave is spare: sold to the best bid plus ageing (game/auction.py), who pays the critical value out of its
   balance; without bids it is the fair queue's order again.

The room is bounded. One too many, and the newest request of whoever has the longest backlog for its weight leaves: a
flooder crowds out itself, and a caller within its weight's part of the places is never the one (its backlog relative
to weight is below the mean, so somebody else's is above).
"""

from sidecar.game import auction
from sidecar.policy.ask import AdmissionConfig, Ask
from sidecar.policy.fairness import FairQueue, Flow, bounded_weight
from sidecar.policy.overload import red
from sidecar.policy.purses import Purses


class WaitingRoom:
    """Requests that wait, at most `bound`. `price`: of the last auction, in budget."""

    __slots__ = ("_ageing_per_s", "bound", "price", "purses", "queue")

    def __init__(self, config: AdmissionConfig) -> None:
        self._ageing_per_s = config.ageing_per_s
        self.queue: FairQueue[Ask] = FairQueue(config.most_callers)
        self.purses = Purses(config.most_callers, config.burst_s, config.balance_s, config.present_s)
        self.bound = config.least_queue
        self.price = 0.0

    @property
    def fill(self) -> float:
        """Of the places, in [0, 1]."""
        return min(1.0, self.queue.count / self.bound)

    @property
    def red(self) -> float:
        """Probability with which one more of a caller beyond its share is refused now."""
        return red.drop_probability(self.fill)

    @property
    def callers(self) -> int:
        """Callers remembered."""
        return max(len(self.purses), self.queue.flows)

    def seen(self, ask: Ask, capacity: float, now: float) -> None:
        """A request that may have to wait: its caller's purse is filled, and its bid is what the caller can pay."""
        purse = self.purses.seen(ask.caller, ask.weight, now)
        self.purses.refill(purse, capacity, now)
        ask.bid = min(ask.bid, purse.balance) if ask.bid > 0.0 else 0.0

    def ahead(self, ask: Ask) -> int:
        """How many would go in before it."""
        return self.queue.ahead(ask.caller, ask.weight)

    def beyond_its_share(self, ask: Ask) -> bool:
        """With this one its caller's backlog would be at least the mean, relative to weight."""
        queue, weight = self.queue, bounded_weight(ask.weight)
        own, total = queue.backlog(ask.caller), queue.weight()
        if not own:
            total += weight
        return (own + 1) * total >= (queue.count + 1) * weight

    def enter(self, ask: Ask) -> Ask | None:
        """It waits; of more than `bound`, the one returned has to leave (it may be the same)."""
        queue = self.queue
        queue.push(ask.caller, ask.weight, ask)
        if queue.count <= self.bound:
            return None
        first = queue.first()
        # Whose turn it is keeps its one place, or a small budget would be crowded out for ever.
        flow = queue.longest(first if first is not None and len(first.items) == 1 else None)
        return queue.evict(flow) if flow is not None else None

    def leave(self, ask: Ask) -> bool:
        """It waits no longer; False when it did not wait."""
        return self.queue.remove(ask.caller, ask)

    def waiting(self) -> list[Ask]:
        """All who wait, by caller."""
        return [ask for flow in self.queue.backlogged.values() for ask in flow.items]

    def choose(self, capacity: float, now: float) -> Ask | None:
        """The one who goes in, taken out; None when nobody waits. `capacity` in requests/s."""
        queue, purses = self.queue, self.purses
        best: Flow[Ask] | None = None
        bids = False
        for flow in queue.backlogged.values():
            if flow.items[0].bid > 0.0:
                bids = True
            purse = purses.get(flow.caller)
            if purse is not None:
                purses.refill(purse, capacity, now)
                if purse.tokens >= 1.0 and (best is None or flow.start < best.start):
                    best = flow
        if best is not None:
            return self._claimed(best)
        return self._sold(now) if bids else queue.pop()

    def _claimed(self, flow: Flow[Ask]) -> Ask:
        """A caller takes what it is entitled to."""
        purse = self.purses.get(flow.caller)
        if purse is not None:
            purse.tokens -= 1.0
        return self.queue.serve(flow)

    def _sold(self, now: float) -> Ask:
        """A spare slot goes to the best bid among those in front; ties in the fair queue's order."""
        flows = list(self.queue.backlogged.values())
        order = [place for _, place in sorted([(flow.start, place) for place, flow in enumerate(flows)])]
        heads = [flows[place].items[0] for place in order]
        bids = [self._affordable(head) for head in heads]
        outcome = auction.clear(bids, 1, [self._ageing_per_s * (now - head.arrived) for head in heads])
        winner, self.price = outcome.winners[0], outcome.prices[0]
        heads[winner].paid = self.price
        purse = self.purses.get(heads[winner].caller)
        if purse is not None:
            purse.balance -= self.price
        return self.queue.take(flows[order[winner]])  # it has paid: its caller's turn comes nevertheless

    def _affordable(self, ask: Ask) -> float:
        """The bid, or what is left to pay it from."""
        purse = self.purses.get(ask.caller)
        return min(ask.bid, purse.balance) if purse is not None else 0.0
