"""What each player may be told: at most 16 share vectors over the endpoints.

What sidecars gain by advice is that they stop meeting each other everywhere: the same totals, cut into blocks of
which each player has its own few endpoints, queue less than the same shares for everybody (in the lab 8 % of the mean
latency at 64 sidecars × 50 pods). So the loads are chosen first, the social optimum's and two that mind others
less, and each is cut into blocks of about six endpoints (`coordinator.game.blocks`), quick and slow ones in each, so
that no player is advised for others' benefit, and the same from epoch to epoch while the order of endpoints by
latency and that of players by name stay.

A player's alternatives are these and what it would do alone (its own mix), or evenly. The shares of the selfish
equilibrium are none of them: no player can have them by disobeying, since alone it plays its own mix; and against
them the social optimum of queues is 5 to 17 % too dear for somebody, so that nothing better than that equilibrium
would be obeyed, in which the quickest pods are full.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from coordinator.game import blocks
from coordinator.game.latency import AnyCurve, Latencies
from coordinator.policy.advice.players import Player

Vector = NDArray[np.float64]
Profile = NDArray[np.intp]

RUNGS: Final = (1.0, 0.85, 0.7)
"""What of the harm to others is minded: 1 is the social optimum, 0 would be the equilibrium of the selfish."""
_GRID: Final = 256
_SAME: Final = 1e-4
_START: Final = 0.5


@dataclass(frozen=True, slots=True)
class Ladder:
    """Loads of every endpoint, (K,), for each of `RUNGS`, and what they would take there."""

    loads: tuple[Vector, ...]
    seconds: tuple[Vector, ...]


def ladder(players: Sequence[Player], curves: Sequence[AnyCurve], growth: float) -> Ladder:
    """`growth`: no endpoint gets more than so many times what it gets now, or half the mean if that is more."""
    rates = np.array([player.rate_per_s for player in players])
    now = rates @ np.array([player.sent for player in players])
    latencies = Latencies(curves)
    most = growth * np.maximum(now, _START * rates.sum() / len(curves))
    found = loads(latencies, float(rates.sum()), most, selfishness(rates))
    return Ladder(tuple(found), tuple(latencies.at(load) for load in found))


@dataclass(frozen=True, slots=True)
class Proposal:
    """`rows`: per player (m ≤ 16, K), the first what it does alone. `rungs`: for each of `RUNGS` the profile, (n,), in
    which everybody takes its block of that rung's loads; `kept`: that in which all go on with what they were told."""

    rows: list[Vector]
    rungs: list[Profile]
    kept: Profile | None = None


def proposed(
    players: Sequence[Player], rungs: Ladder, most: int, before: Sequence[Vector] | None = None
) -> Proposal:
    """Rows sum to 1, over endpoints their player may use. `before`: what each was told last, (n, K)."""
    rates = np.array([player.rate_per_s for player in players])
    present = np.array([player.present for player in players])
    ideas = [
        present,
        *(
            blocks.blocks(load, seconds, rates)
            for load, seconds in zip(rungs.loads, rungs.seconds, strict=True)
        ),
        *([np.array(before)] if before is not None else ()),
        np.full(present.shape, 1.0 / present.shape[1]),
    ][:most]
    mine = [_distinct([_within(idea[who], player) for idea in ideas]) for who, player in enumerate(players)]
    places = np.array([place for _, place in mine], dtype=np.intp)
    blocked = min(len(RUNGS), len(ideas) - 1)
    return Proposal(
        [rows for rows, _ in mine],
        [places[:, 1 + rung] for rung in range(blocked)],
        places[:, 1 + blocked] if before is not None and len(ideas) > 1 + blocked else None,
    )


def selfishness(rates: Vector) -> float:
    """Part of the harm that a player of the usual size does to itself: 1 / the number of players that count."""
    return float((rates @ rates) / rates.sum() ** 2)


# -- how much every endpoint gets


def loads(latencies: Latencies, total: float, most: Vector, least_care: float) -> list[Vector]:
    """For each rung, (K,) requests per second that sum to `total`, under which T + care·λ·dT/dλ is equal wherever there
    is load and no less elsewhere; care runs from 1 at the optimum to what a player minds by itself (Wardrop 1952 for
    many small ones)."""
    roof = np.maximum(np.minimum(most, total), 1e-9)
    grid = roof[None, :] * np.linspace(0.0, 1.0, _GRID)[:, None]
    seconds = latencies.at(grid)
    rise = np.gradient(seconds, axis=0) / np.gradient(grid, axis=0)
    found = []
    for rung in RUNGS:
        care = least_care + (1.0 - least_care) * rung
        marginal = np.maximum.accumulate(seconds + care * grid * rise, axis=0)
        found.append(_levelled(grid, marginal, total))
    return found


def _levelled(grid: Vector, marginal: Vector, total: float) -> Vector:
    """The loads at the level at which they sum to `total`, by halving."""
    low, high = float(marginal[0].min()), float(marginal[-1].max())
    for _ in range(60):
        level = 0.5 * (low + high)
        low, high = (low, level) if _filled(grid, marginal, level).sum() > total else (level, high)
    filled = _filled(grid, marginal, high)
    return np.asarray(filled * (total / filled.sum()), dtype=np.float64)


def _filled(grid: Vector, marginal: Vector, level: float) -> Vector:
    below = np.clip((marginal <= level).sum(axis=0), 1, len(grid) - 1)
    column = np.arange(grid.shape[1])
    before, after = marginal[below - 1, column], marginal[below, column]
    part = np.clip((level - before) / np.maximum(after - before, 1e-15), 0.0, 1.0)
    low, high = grid[below - 1, column], grid[below, column]
    return np.asarray(low + part * (high - low), dtype=np.float64)


def _within(row: Vector, player: Player) -> Vector:
    """Only what it may use; what it does alone where nothing is left."""
    kept = np.where(player.allowed, row, 0.0)
    total = float(kept.sum())
    return np.asarray(kept / total if total > 1e-9 else player.present, dtype=np.float64)


def _distinct(rows: Sequence[Vector]) -> tuple[Vector, list[int]]:
    """Each once, and where each is to be found."""
    kept: list[Vector] = []
    places: list[int] = []
    for row in rows:
        same = [place for place, other in enumerate(kept) if np.abs(row - other).max() <= _SAME]
        places.append(same[0] if same else len(kept))
        if not same:
            kept.append(row)
    return np.array(kept), places
