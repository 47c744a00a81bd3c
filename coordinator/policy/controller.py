"""From what was seen to what is to be done: a market on every node, and guardrails between it and the pods.

No clock and no I/O: `now` is given. What is decided depends on the arguments and on earlier calls, never on the order
in which pods are listed.
"""

import math
import random
from collections import Counter
from collections.abc import Container, Mapping, Sequence
from itertools import pairwise

from coordinator.game import welfare
from coordinator.policy.config import Bounds, Config, Node
from coordinator.policy.exchange import Exchanged, exchange
from coordinator.policy.fairness import PROPORTIONAL
from coordinator.policy.grant import Consent, Grant, Held
from coordinator.policy.observation import Observation
from coordinator.policy.outcome import Outcome
from coordinator.policy.plan import Plan
from coordinator.policy.records import Records
from coordinator.policy.setbacks import remember_answer, remember_outcome
from coordinator.policy.sieve import Cycle, kept_m
from coordinator.policy.subject import Subject

__all__ = ["Bounds", "Config", "Controller", "Node", "Plan"]


class Controller:
    """Remembers pods between cycles: averages of demand, cooldowns, vetoes, setbacks, what was written last."""

    def __init__(self, config: Config, rng: random.Random) -> None:
        self._config = config
        self._rng = rng
        self._records = Records()
        self._plans = 0
        self._last: float | None = None

    def plan(
        self,
        nodes: Sequence[Node],
        subjects: Sequence[Subject],
        observations: Mapping[str, Observation],
        bounds: Mapping[str, Bounds],
        *,
        now: float,
    ) -> Plan:
        """One cycle's decisions. `observations` by uid, `bounds` by namespace, `now` in seconds of one clock.

        Pods on nodes not listed, pods nobody observed and pods that cannot be priced are held, with the reason. Raises
        ValueError for two nodes of one name.
        """
        jumped = self._jumped(now)
        self._plans += 1
        self._records.see((subject.uid for subject in subjects), self._plans)
        ordered, twice = _unique(subjects)
        if jumped:
            held = [Held(subject, "clock", jumped) for subject in ordered]
            return _nothing([*held, *twice])
        cycle = Cycle(self._config, self._records, now, observations, bounds)
        there: dict[str, list[Subject]] = {}
        for subject in ordered:
            there.setdefault(subject.node, []).append(subject)
        exchanged = [
            exchange(node, there.get(node.name, ()), cycle, self._rng) for node in _by_name(nodes, twice)
        ]
        homeless = _homeless(ordered, {node.name for node in nodes})
        return self._gathered(exchanged, [*twice, *homeless], ordered)

    def answered(self, grant: Grant, consent: Consent, *, now: float) -> None:
        """What the pod said. A veto stands for some cycles, or until the proposal reaches the minimum it named."""
        remember_answer(self._records.of(grant.subject.uid), grant, consent, self._config, now)

    def settled(self, grant: Grant, outcome: Outcome, *, now: float) -> None:
        """What became of it: done starts the cooldown, not to be done a wait that doubles."""
        record = self._records.of(grant.subject.uid)
        remember_outcome(record, grant, outcome, self._config, now)

    def _jumped(self, now: float) -> str:
        """Why no age can be trusted in this cycle; empty: they can. Stamps are moved, so that nothing expires by it."""
        before, self._last = self._last, now
        if before is None:
            return ""
        passed_s = now - before
        if 0.0 <= passed_s <= self._config.clock_cycles * self._config.cycle_s:
            return ""
        self._records.shift(passed_s)
        return f"{passed_s:.1f} s passed since the last cycle of {self._config.cycle_s:g} s"

    def _gathered(
        self, exchanged: Sequence[Exchanged], held: Sequence[Held], subjects: Sequence[Subject]
    ) -> Plan:
        grants = [grant for each in exchanged for grant in each.grants]
        waiting = [*held, *(one for each in exchanged for one in each.held)]
        return Plan(
            reverts=tuple(grant for each in exchanged for grant in each.sorted.reverts),
            grants=tuple(sorted(grants, key=lambda grant: (not grant.sells, grant.subject.key))),
            held=tuple(sorted(waiting, key=lambda one: one.subject.key)),
            markets={each.node: each.market for each in exchanged},
            spare_m={each.node: each.spare_m for each in exchanged},
            potential=self._potential(exchanged),
            bids=self._bids(subjects),
            fairness=min((each.fairness for each in exchanged), default=PROPORTIONAL),
        )

    def _potential(self, exchanged: Sequence[Exchanged]) -> float | None:
        total = math.fsum(each.potential for each in exchanged)
        if self._config.allocator == "regret":
            return total
        bids = math.fsum(welfare.bids(each.market) for each in exchanged)
        return total / bids if bids > 0.0 else None

    def _bids(self, subjects: Sequence[Subject]) -> dict[str, float]:
        demands = {subject.uid: self._records.of(subject.uid).demand for subject in subjects}
        return {
            subject.uid: subject.budget * demand
            for subject in subjects
            if (demand := demands[subject.uid]) is not None and 0.0 <= subject.budget < math.inf
        }


def _by_name(nodes: Sequence[Node], outside: Sequence[Held]) -> list[Node]:
    """With the capacity that pods outside of everything leave."""
    taken: Counter[str] = Counter()
    for held in outside:
        taken[held.subject.node] += kept_m(held.subject)
    ordered = [Node(node.name, node.capacity_m - taken[node.name]) for node in nodes]
    ordered.sort(key=lambda node: node.name)
    for one, other in pairwise(ordered):
        if one.name == other.name:
            raise ValueError(f"node {one.name!r} is given twice; allowed: once")
    return ordered


def _unique(subjects: Sequence[Subject]) -> tuple[list[Subject], list[Held]]:
    """By name; of two pods with one name (or one uid) neither is touched."""
    names = Counter(subject.key for subject in subjects)
    uids = Counter(subject.uid for subject in subjects)
    ordered = sorted(subjects, key=lambda subject: (subject.key, subject.uid))
    clash = [each for each in ordered if names[each.key] > 1 or uids[each.uid] > 1]
    unique = [each for each in ordered if names[each.key] == 1 and uids[each.uid] == 1]
    return unique, [Held(each, "twice", "two pods of one name or uid are listed") for each in clash]


def _homeless(subjects: Sequence[Subject], known: Container[str]) -> list[Held]:
    return [
        Held(each, "node", f"nobody knows what node {each.node!r} has to give")
        for each in subjects
        if each.node not in known
    ]


def _nothing(held: Sequence[Held]) -> Plan:
    return Plan(
        reverts=(),
        grants=(),
        held=tuple(held),
        markets={},
        spare_m={},
        potential=None,
        bids={},
        fairness=PROPORTIONAL,
    )
