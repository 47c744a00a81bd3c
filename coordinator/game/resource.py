"""The resource game: agents choose how much CPU to hold, and pay for what they take from each other.

Agent i at level a_i (millicores, from a list of its own) among others who hold S₋ᵢ in all has the cost

    v_i(a_i) + π·a_i + κ·a_i·(S₋ᵢ + a_i) / C        (levels in cores, C the node's capacity)

v_i: how late it answers, in units of its objective, plus what the CPU costs it; π: the node's shadow price; the last
term: congestion, every core held costs its holder in proportion to how full the node is. Utility is the negative of it:
performance − cost − congestion.

**Exact potential** (Monderer & Shapley, Games and Economic Behavior 14, 1996). With

    Φ(a) = Σ_i (v_i(a_i) + π·a_i) + κ/C · Σ_{i≤j} a_i·a_j

a change of agent i alone from a_i to b_i changes Φ by v_i(b) − v_i(a) + π(b − a) + κ/C·((b − a)·S₋ᵢ + b² − a²),
which is the change of its own cost. Each unit of CPU is a resource in Rosenthal's sense (1973) whose cost is linear in
its use, and linear costs are what keeps the potential exact where players weigh differently (Fotakis et al. 2005). So
better responses, one at a time, end, and where they end is a pure Nash equilibrium.

Costs are whole numbers of a tiny unit: "exact" and "gap 0" are meant literally.
"""

import math
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from typing import Final

_FULLEST: Final = 0.95
"""Use over level beyond which the queueing formula would have no end; from there latency is inverse to CPU."""
_WORST: Final = 10.0
"""Latency over objective, at most: one broken pod must not hide all others in the sum."""
_FINE: Final = 2**20
_STEPS: Final = 24
_STEP_M: Final = 10


@dataclass(frozen=True, slots=True)
class Agent:
    """One pod: it uses `usage_m` of `limit_m` and answers in `latency_s` (p95) where `slo_s` is its objective.

    `price`: what holding a core costs it, in the unit of latency over objective. `floor_m`, `cap_m`: levels it may
    choose between; None: the node's capacity. All finite; `slo_s` and `limit_m` above 0, the others 0 or more.
    """

    name: str
    usage_m: float
    limit_m: float
    latency_s: float
    slo_s: float
    price: float
    floor_m: float = 10.0
    cap_m: float | None = None


def lateness(agent: Agent, level_m: float) -> float:
    """Latency over objective at `level_m`, 0 to 10.

    As of a queue with one server (M/M/1): latency = service time / (1 − use/level), the service time being what
    fits the latency seen at the present limit.
    """
    busy = min(_FULLEST, agent.usage_m / agent.limit_m)
    service_s = agent.latency_s * (1.0 - busy)
    full_m = agent.usage_m / _FULLEST
    spare = 1.0 - (agent.usage_m / level_m if level_m > full_m else _FULLEST)
    shortage = max(1.0, full_m / level_m)
    return min(_WORST, service_s * shortage / (spare * agent.slo_s))


def levels(agent: Agent, capacity_m: int) -> tuple[int, ...]:
    """What it may choose between: multiples of 10 m, in equal ratios from its floor to its cap, and where it is now."""
    low_m = max(_STEP_M, _STEP_M * math.ceil(agent.floor_m / _STEP_M))
    top_m = capacity_m if agent.cap_m is None else min(capacity_m, agent.cap_m)
    high_m = max(low_m, _STEP_M * math.floor(top_m / _STEP_M))
    ratio = (high_m / low_m) ** (1.0 / (_STEPS - 1))
    grid = {_STEP_M * round(low_m * ratio**step / _STEP_M) for step in range(_STEPS)}
    present_m = _STEP_M * round(min(max(agent.limit_m, low_m), high_m) / _STEP_M)
    return tuple(sorted({low_m, high_m, present_m, *grid}))


class Game:
    """The game of `agents` on a node of `capacity_m` > 0 at shadow price `price` (π, per core). A profile is a list of
    levels in m, one per agent. Costs in units of 1/`unit`."""

    def __init__(self, agents: Sequence[Agent], capacity_m: int, price: float = 0.0) -> None:
        self.agents = tuple(agents)
        self.capacity_m = capacity_m
        self.unit = _FINE * 1000 * max(1, capacity_m)
        self.levels = tuple(levels(agent, capacity_m) for agent in self.agents)
        self._unpriced = [
            [lateness(agent, level) + agent.price * level / 1000.0 for level in choices]
            for agent, choices in zip(self.agents, self.levels, strict=True)
        ]
        self._each = [[_FINE * level for level in choices] for choices in self.levels]
        self._set_price(price)

    def at(self, price: float) -> "Game":
        """The same game at another shadow price."""
        other = copy(self)
        other._set_price(price)  # noqa: SLF001 - its own class
        return other

    def _set_price(self, price: float) -> None:
        self.price = price
        self._own = [
            {
                level: round((own + price * level / 1000.0) * self.unit)
                for level, own in zip(choices, unpriced, strict=True)
            }
            for choices, unpriced in zip(self.levels, self._unpriced, strict=True)
        ]
        # cost = alone + each·others, both by level
        self._alone = [[own[level] + _FINE * level * level for level in own] for own in self._own]

    def start(self) -> list[int]:
        """The levels nearest to the present limits."""
        return [
            min(choices, key=lambda level: (abs(level - agent.limit_m), level))
            for agent, choices in zip(self.agents, self.levels, strict=True)
        ]

    def cost(self, who: int, level: int, others_m: int) -> int:
        """Agent number `who` at `level` while all others hold `others_m`."""
        return self._own[who][level] + _FINE * level * (others_m + level)

    def costs(self, who: int, others_m: float) -> list[float]:
        """The same for all its levels. `others_m` may be an expectation: cost is linear in it, so that is exact too."""
        pairs = zip(self._alone[who], self._each[who], strict=True)
        return [alone + each * others_m for alone, each in pairs]

    def utility(self, who: int, profile: Sequence[int]) -> int:
        """Performance − cost − congestion."""
        return -self.cost(who, profile[who], sum(profile) - profile[who])

    def potential(self, profile: Sequence[int]) -> int:
        """−Φ: rises by exactly what a single mover gains."""
        own = sum(self._own[who][level] for who, level in enumerate(profile))
        total = sum(profile)
        squares = sum(level * level for level in profile)
        return -(own + _FINE * (total * total + squares) // 2)

    def mean_potential(self, mixes: Sequence[Sequence[float]]) -> float:
        """−Φ expected where everybody draws from a mix of its own; not in units."""
        own = squares = total = own_squares = 0.0
        for who, mix in enumerate(mixes):
            mean = 0.0
            for share, level in zip(mix, self.levels[who], strict=True):
                own += share * self._own[who][level]
                squares += share * level * level
                mean += share * level
            total += mean
            own_squares += mean * mean
        return -(own + _FINE * ((total * total - own_squares) / 2.0 + squares)) / self.unit

    def gap(self, profile: Sequence[int]) -> int:
        """What all could gain by deviating alone, in sum; 0: a pure Nash equilibrium."""
        total = sum(profile)
        return sum(
            self.cost(who, level, total - level)
            - min(self.cost(who, other, total - level) for other in self.levels[who])
            for who, level in enumerate(profile)
        )

    def respond(self, profile: list[int], order: Sequence[int]) -> int:
        """Everybody in turn takes a best response, in place; how many moved. The potential never falls."""
        moved, total = 0, sum(profile)
        for who in order:
            others_m = total - profile[who]
            costs = self.costs(who, others_m)
            least = min(costs)
            if least < self.cost(who, profile[who], others_m):
                profile[who] = self.levels[who][costs.index(least)]
                total, moved = others_m + profile[who], moved + 1
        return moved
