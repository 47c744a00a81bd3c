"""What a node's agents settle on: better responses, regret matching, and a polish that ends in an exact pure Nash.

1. Everybody in turn answers the others once: the potential cannot fall (the theorem in `coordinator.game.resource`).
2. Fifty rounds of simultaneous regret matching (Hart & Mas-Colell, Econometrica 68, 2000; R⁺ of Tammelin 2014) on
   mixes of levels. Simultaneous moves may lower the potential, so in a round nobody moves more of its mix than a
   quarter of its relative gain (game.md §1). Time averages of such play approach the coarse correlated equilibria; the
   gap reported is theirs: Σ over agents of (mean cost − mean cost of the best fixed level), over Σ mean costs.
3. Best responses in turn until nobody gains: pure Nash. Of the polished end of 2 and the polished end of 1 the one
   with the higher potential is taken, so the potential ends at least where it began.

What agents choose must fit the node. Where it does not, the shadow price π is raised (doubling, then bisection) and all
is played again at that price: it is the same game with a dearer core, so everything above holds for it, and at some
price everybody is at its lowest level.
"""

import math
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from coordinator.game import figures
from coordinator.game.resource import Agent, Game
from coordinator.game.whole import whole

__all__ = ["Agent", "Game", "Recommendation", "recommend"]

ROUNDS: Final = 50
_CAUTION: Final = 0.25
_FIRST_PRICE: Final = 0.01
_BISECTIONS: Final = 12
_RAISE: Final = 1.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendation:
    """Levels for use, and how they came about."""

    levels: Mapping[str, int]
    """Millicores by name; Σ ≤ capacity."""
    potential: tuple[float, ...]
    """−Φ: at the present limits, after the first turn, after each round of regret matching, after each turn of the
    polish, the last of which changed nothing."""
    gap: float
    """Of the rounds of regret matching, time average, relative to cost."""
    polished_gap: float
    """Of the levels, exact: 0."""
    plateau: bool
    """The potential ends constant."""
    price: float
    """π, the node's shadow price per core; 0 where all fits."""
    infeasible: bool
    """The lowest levels alone exceed the capacity: they are cut pro rata, and nothing was played."""


def recommend(
    agents: Sequence[Agent], capacity_m: int, rng: random.Random, *, rounds: int = ROUNDS
) -> Recommendation:
    """Levels for all of `agents` on a node of `capacity_m`. The same `rng` state and agents give the same answer,
    whatever the order of the agents. Raises ValueError naming the agent and the value for anything but sound figures.
    """
    _check(agents, capacity_m, rounds)
    ordered = sorted(agents, key=lambda agent: agent.name)
    lowest = [max(10, 10 * math.ceil(agent.floor_m / 10)) for agent in ordered]
    if sum(lowest) > capacity_m:
        return _cut(ordered, lowest, capacity_m)
    order = list(range(len(ordered)))
    rng.shuffle(order)
    game = Game(ordered, capacity_m)
    price = _fitting_price(game, order)
    while True:
        played = _played(game.at(price), order, rounds)
        if sum(played.levels.values()) <= capacity_m:
            return played
        price = max(_FIRST_PRICE, price * _RAISE)


def _played(game: Game, order: Sequence[int], rounds: int) -> Recommendation:
    start = game.start()
    turned = list(start)
    game.respond(turned, order)
    path = [game.potential(start) / game.unit, game.potential(turned) / game.unit]
    mixes, gap = _match(game, turned, rounds, path)
    ends = [_polished(game, _pure(game, mixes), order), _polished(game, turned, order)]
    end, trail = max(ends, key=lambda each: game.potential(each[0]))
    path += [value / game.unit for value in trail]
    return Recommendation(
        levels={agent.name: level for agent, level in zip(game.agents, end, strict=True)},
        potential=tuple(path),
        gap=gap,
        polished_gap=game.gap(end) / game.unit,
        plateau=path[-1] == path[-2],
        price=game.price,
        infeasible=False,
    )


def _match(
    game: Game, start: Sequence[int], rounds: int, path: list[float]
) -> tuple[list[list[float]], float]:
    """Simultaneous regret matching from `start`: the mixes at the end, and the time-average gap. Extends `path`."""
    mixes = [
        [1.0 if level == at else 0.0 for level in choices]
        for at, choices in zip(start, game.levels, strict=True)
    ]
    regrets = [[0.0] * len(mix) for mix in mixes]
    sums = [[0.0] * len(mix) for mix in mixes]
    spent, left = 0.0, rounds
    while left > 0:
        costs = _costs(game, mixes)
        moved = [_learn(*each) for each in zip(mixes, regrets, costs, strict=True)]
        times = 1 if any(part > 0.0 for _, part in moved) else left  # where nobody moves, nobody will
        spent += times * sum(cost for cost, _ in moved)
        sums = [_added(total, each, times) for total, each in zip(sums, costs, strict=True)]
        path += [game.mean_potential(mixes)] * times
        left -= times
    best = sum(min(each) for each in sums)
    return mixes, max(0.0, spent - best) / spent if spent > 0.0 else 0.0


def _costs(game: Game, mixes: Sequence[Sequence[float]]) -> list[list[float]]:
    """Of every level of everybody, expected, while the others draw from their mixes."""
    means = [_dot(mix, choices) for mix, choices in zip(mixes, game.levels, strict=True)]
    total = sum(means)
    return [game.costs(who, total - mean) for who, mean in enumerate(means)]


def _learn(mix: list[float], regrets: list[float], costs: Sequence[float]) -> tuple[float, float]:
    """One round of one agent, in place: what it paid, and what part of its mix it moved."""
    cost = _dot(mix, costs)
    for index, each in enumerate(costs):
        regrets[index] = max(0.0, regrets[index] + cost - each)
    total = sum(regrets)
    if total <= 0.0 or cost <= 0.0:
        return cost, 0.0
    moved = _CAUTION * max(0.0, cost - min(costs)) / cost
    for index, regret in enumerate(regrets):
        mix[index] += moved * (regret / total - mix[index])
    return cost, moved


def _dot(shares: Sequence[float], values: Sequence[float]) -> float:
    return sum(share * value for share, value in zip(shares, values, strict=True) if share)


def _added(total: Sequence[float], more: Sequence[float], times: int) -> list[float]:
    return [before + times * each for before, each in zip(total, more, strict=True)]


def _pure(game: Game, mixes: Sequence[Sequence[float]]) -> list[int]:
    """The likeliest level of each; of two the lower."""
    return [
        max(zip(mix, choices, strict=True), key=lambda pair: (pair[0], -pair[1]))[1]
        for mix, choices in zip(mixes, game.levels, strict=True)
    ]


def _polished(game: Game, profile: Sequence[int], order: Sequence[int]) -> tuple[list[int], list[int]]:
    """Turns of best responses until one changes nothing: where they end, and the potential before and after each."""
    end = list(profile)
    trail = [game.potential(end)]
    while game.respond(end, order):
        trail.append(game.potential(end))
    return end, [*trail, trail[-1]]


def _fitting_price(game: Game, order: Sequence[int]) -> float:
    """About the least π at which what agents settle on fits."""
    if _fits(game, 0.0, order):
        return 0.0
    high = _FIRST_PRICE
    while not _fits(game, high, order):
        high *= 2.0
    low = high / 2.0 if high > _FIRST_PRICE else 0.0
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2.0
        if _fits(game, middle, order):
            high = middle
        else:
            low = middle
    return high


def _fits(game: Game, price: float, order: Sequence[int]) -> bool:
    dearer = game.at(price)
    end, _ = _polished(dearer, dearer.start(), order)
    return sum(end) <= game.capacity_m


def _cut(agents: Sequence[Agent], lowest: Sequence[int], capacity_m: int) -> Recommendation:
    total = sum(lowest)
    levels = whole([low * capacity_m / total for low in lowest], capacity_m)
    return Recommendation(
        levels={agent.name: level for agent, level in zip(agents, levels, strict=True)},
        potential=(0.0, 0.0),
        gap=0.0,
        polished_gap=0.0,
        plateau=True,
        price=math.inf,
        infeasible=True,
    )


def _check(agents: Sequence[Agent], capacity_m: int, rounds: int) -> None:
    if not (isinstance(capacity_m, int) and not isinstance(capacity_m, bool) and capacity_m >= 0):
        raise ValueError(f"capacity_m is {capacity_m!r}; allowed: whole millicores, 0 or more")
    if not (isinstance(rounds, int) and rounds >= 1):
        raise ValueError(f"rounds is {rounds!r}; allowed: 1 or more")
    for agent in agents:
        if not isinstance(agent, Agent) or not isinstance(agent.name, str):
            raise figures.unfit("agent", agent, "an agents.Agent, its name a text")
    for name, count in Counter(agent.name for agent in agents).items():
        if count > 1:
            raise ValueError(f"agent {name!r} is given twice; allowed: once")
    for agent in agents:
        _check_agent(agent)


def _check_agent(agent: Agent) -> None:
    for name in ("usage_m", "latency_s", "price", "floor_m"):
        value = getattr(agent, name)
        if not (figures.is_number(value) and 0.0 <= value < math.inf):
            raise ValueError(
                f"agent {agent.name!r}: {name} is {value!r}; allowed: a finite number, 0 or more"
            )
    for name in ("limit_m", "slo_s"):
        value = getattr(agent, name)
        if not (figures.is_number(value) and 0.0 < value < math.inf):
            raise ValueError(f"agent {agent.name!r}: {name} is {value!r}; allowed: a finite number above 0")
    least_m = 10 * math.ceil(agent.floor_m / 10)
    cap_m = agent.cap_m
    if cap_m is not None and not (figures.is_number(cap_m) and least_m <= cap_m < math.inf):
        raise ValueError(f"agent {agent.name!r}: cap_m is {agent.cap_m!r}; allowed: {least_m} or more")
