"""The other allocator: each pod an agent of the resource game, levels from regret matching (`--allocator regret`)."""

import math
import random
from collections.abc import Sequence

from coordinator.game import agents
from coordinator.game.explanation import Explanation, Line
from coordinator.policy.config import Config
from coordinator.policy.sieve import Entry

_USAGE = 0.5
"""Of what a pod has, where nobody knows its use."""
_POOREST = 1e-3
"""The least budget: whoever has none minds every millicore."""


def chosen(
    entries: Sequence[Entry], capacity_m: int, config: Config, rng: random.Random
) -> tuple[Explanation, float]:
    """Levels as an explanation (price: the node's shadow price), and the game's potential at the end."""
    advice = agents.recommend([_agent(entry, config) for entry in entries], capacity_m, rng)
    lines = {entry.subject.key: _line(entry, advice.levels[entry.subject.key]) for entry in entries}
    told = Explanation(
        capacity_m=capacity_m,
        lines=lines,
        price=advice.price,
        infeasible=advice.infeasible,
        idle=all(line.beta <= 0.0 for line in lines.values()),
        left_m=max(0, capacity_m - sum(line.cpu_m for line in lines.values())),
    )
    return told, advice.potential[-1]


def _agent(entry: Entry, config: Config) -> agents.Agent:
    """What a core costs it is one over its budget: the richer, the less it minds."""
    subject, seen = entry.subject, entry.seen
    present_m = float(subject.cpu_m or entry.reach.low_m)
    return agents.Agent(
        name=subject.key,
        usage_m=_known(seen.usage_m, _USAGE * present_m),
        limit_m=present_m,
        latency_s=_known(seen.latency_s, config.slo_s),
        slo_s=config.slo_s,
        price=1.0 / max(subject.budget, _POOREST),
        floor_m=entry.reach.low_m,
        cap_m=entry.reach.high_m,
    )


def _known(value: float | None, default: float) -> float:
    return value if value is not None and 0.0 <= value < math.inf else default


def _line(entry: Entry, level_m: int) -> Line:
    low_m, high_m = entry.reach.low_m, entry.reach.high_m
    return Line(
        pod=entry.subject.key,
        beta=entry.bid,
        floor_m=low_m,
        cap_m=high_m,
        exact_m=float(level_m),
        cpu_m=level_m,
        floor_hit=level_m <= low_m,
        cap_hit=level_m >= high_m,
    )
