"""Correlated equilibria of small games, exactly: one linear program over all joint actions (Aumann 1974, 1987).

A distribution over joint actions is a correlated equilibrium when nobody, told its own action and nothing else,
gains by another one: for every player i and actions a, b of it, Σ over the others of p(a, ·)·(u_i(b, ·) −
u_i(a, ·)) ≤ 0. Coarse (Moulin & Vial 1978): nobody gains by ignoring the advice for one fixed action. Those
rows are linear in p, and every finite game has a solution (Hart & Schmeidler 1989), so what is infeasible is
only what the caller asks for beside.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from coordinator.game import figures
from coordinator.game.linear import Indices, Infeasible, Program
from coordinator.game.normal_form import Game

__all__ = ["Infeasible", "Solution", "solve"]

WORDS: Final = ("welfare", "worst", "egalitarian")
MOST_ENTRIES: Final = 4_000_000
"""Of the constraint matrix."""

Vector = NDArray[np.float64]
Row = tuple[Indices, Vector]


@dataclass(frozen=True, slots=True, eq=False)
class Solution:
    """An equilibrium, best by its objective."""

    distribution: Vector
    """(a1, …, an): ≥ 0, sums to 1."""
    value: float
    """Of the objective, expected: "welfare" and "worst": the sum of payoffs; "egalitarian": the least player's."""


def solve(
    game: Game,
    objective: str | ArrayLike = "welfare",
    coarse: bool = False,
    *,
    least: ArrayLike | None = None,
) -> Solution:
    """The correlated equilibrium of `game` with the highest `objective`; `coarse`: coarse correlated.

    `objective`: "welfare" (sum of payoffs), "worst" (the least sum: what an arbitrary equilibrium can cost),
    "egalitarian" (the payoff of whoever gets least), or worth by joint action, (a1, …, an). `least`: what each
    player, or every one, must expect at least. Raises Infeasible where no equilibrium gives that much,
    ValueError for an objective that is none and for games too large for one program (4 million entries; see
    `coordinator.game.pool`).
    """
    if not isinstance(game, Game):
        raise figures.unfit("game", game, "a coordinator.game.normal_form.Game")
    worth = _worth(game, objective)
    needs = np.zeros(0) if least is None else _needs(game, least)
    entries = game.payoffs[0].size * sum(count - (not coarse) for count in game.actions)
    if entries > MOST_ENTRIES:
        raise ValueError(f"{entries} entries are too many for one linear program; at most {MOST_ENTRIES}")
    sign = -1.0 if isinstance(objective, str) and objective == "worst" else 1.0
    rows = list(_coarse_rows(game) if coarse else _rows(game))
    best = _fairest if worth is None else partial(_highest, sign * worth)
    try:
        found = best(game, rows + _asked(game, needs))
    except Infeasible:
        raise Infeasible(_why(game, rows, needs)) from None
    distribution = found.reshape(game.actions)
    value = game.expected(distribution).min() if worth is None else np.sum(worth * distribution)
    return Solution(distribution, float(value))


def _worth(game: Game, objective: str | ArrayLike) -> Vector | None:
    """By joint action; None: egalitarian."""
    if isinstance(objective, str) and objective in WORDS:
        return None if objective == "egalitarian" else game.payoffs.sum(axis=0)
    allowed = f"{', '.join(WORDS)}, or an array of finite numbers over joint actions, of shape {game.actions}"
    worth = figures.array("objective", objective, allowed)
    if worth.shape != game.actions:
        raise figures.unfit("objective", objective, f"{allowed}; this one has shape {worth.shape}")
    return worth


def _needs(game: Game, least: ArrayLike) -> Vector:
    allowed = f"one finite payoff, or one for each of {game.players} players"
    needs = figures.array("least", least, allowed)
    if needs.shape not in ((), (game.players,)):
        raise figures.unfit("least", least, allowed)
    return np.broadcast_to(needs, game.players)


def _highest(worth: Vector, game: Game, rows: list[Row]) -> Vector:
    """Most of `worth`, by joint action, flat."""
    span = float(np.ptp(worth))
    costs = (worth.max() - worth.ravel()) / (span if span > 0.0 else 1.0)
    program = Program(costs)
    program.add(rows)
    return program.solve()


def _fairest(game: Game, rows: list[Row]) -> Vector:
    """One column more: what everybody gets at least."""
    cells = game.payoffs[0].size
    span, low = float(np.ptp(game.payoffs)), float(game.payoffs.min())
    gains = (game.payoffs.reshape(game.players, cells) - low) / (span if span > 0.0 else 1.0)
    program = Program(np.append(np.zeros(cells), -1.0), free=1)
    columns = np.arange(cells + 1, dtype=np.int32)
    program.add(rows + [(columns, np.append(-each, 1.0)) for each in gains])
    return program.solve()[:cells]


def _rows(game: Game) -> Iterator[Row]:
    """Told a, gaining by b: at most 0. Payoffs as parts of the player's own range."""
    for cells, payoffs in _views(game):
        for told, others in enumerate(cells):
            for played in range(len(cells)):
                if played != told:
                    yield others, payoffs[played] - payoffs[told]


def _coarse_rows(game: Game) -> Iterator[Row]:
    """Gaining by b whatever is told: at most 0."""
    for cells, payoffs in _views(game):
        for played in range(len(cells)):
            yield cells.ravel(), (payoffs[played] - payoffs).ravel()


def _views(game: Game) -> Iterator[tuple[Indices, Vector]]:
    """Per player: joint actions by (own action, what the others do), and its payoffs there, scaled to a range
    of 1."""
    numbers = np.arange(game.payoffs[0].size, dtype=np.int32).reshape(game.actions)
    for who, count in enumerate(game.actions):
        span = float(np.ptp(game.payoffs[who]))
        if span > 0.0:
            payoffs = np.moveaxis(game.payoffs[who], who, 0).reshape(count, -1) / span
            yield np.moveaxis(numbers, who, 0).reshape(count, -1), payoffs


def _asked(game: Game, needs: Vector) -> list[Row]:
    """What each player must expect at least."""
    columns = np.arange(game.payoffs[0].size, dtype=np.int32)
    spans = [
        max(float(np.ptp(payoffs)), abs(need)) or 1.0
        for payoffs, need in zip(game.payoffs, needs, strict=False)
    ]
    return [
        (columns, (need - payoffs.ravel()) / span)
        for payoffs, need, span in zip(game.payoffs, needs, spans, strict=False)
    ]


def _why(game: Game, rows: list[Row], needs: Vector) -> str:
    """Which player cannot have what it must; else all cannot at once."""
    for who, need in enumerate(needs):
        most = game.expected(_highest(game.payoffs[who], game, rows).reshape(game.actions))[who]
        if most < need:
            return f"player {who} must expect at least {need:g}, and no such equilibrium gives it more than {most:g}"
    return f"no such equilibrium gives everybody at once what they must expect at least: {needs.tolist()}"
