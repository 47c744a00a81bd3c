"""Correlated equilibria of games too large for a table: a linear program over a pool of profiles.

50 groups of 16 actions have 16⁵⁰ profiles. The program is given some hundreds that are worth mixing
(`coordinator.game.play`) and *all* obedience constraints, those of actions nobody in the pool plays too: what
it finds is an equilibrium of the whole game, only perhaps not the best one. A pure Nash in the pool makes it
feasible, and then the total cost is at most that of the best Nash found. Constraints are generated: the program
is solved with those that have mattered so far, every one that is broken is added, until none is. The result is
certified by `coordinator.game.gap`, which knows nothing of all this.
"""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from coordinator.game import candidates, figures, gap
from coordinator.game.blocks import BANDS
from coordinator.game.congestion import CongestionGame, Profiles
from coordinator.game.latency import Vector
from coordinator.game.linear import Infeasible, OutOfTime, Program

__all__ = ["Correlated", "Infeasible", "OutOfTime", "solve"]

_BROKEN: Final = 1e-10
"""Of the mean cost: so much may be gained by disobedience."""
_NEVER: Final = 1e-15
"""A probability that is rounding."""
_USED: Final = 0.005
"""A smaller share is nothing."""

Deviation = tuple[int, int, int]
"""Of which group, from which action, to which."""


@dataclass(frozen=True, slots=True, eq=False)
class Correlated:
    """A distribution over profiles, each group to be told its own action only. Totals in seconds of waiting a
    second."""

    profiles: Profiles
    """(P, n): action numbers."""
    probabilities: Vector
    """(P,), > 0, most likely first."""
    gap_s: float
    """Certified: the most a request of any group gains by disobedience, whatever the advice."""
    total: float
    best_nash: float | None
    """Total of the best pure Nash equilibrium found."""
    optimum: float
    """The least total found, whether anybody would obey or not."""
    coarse: bool


def solve(
    game: CongestionGame,
    rng: np.random.Generator,
    coarse: bool | Literal["if-needed"] = False,
    *,
    slack_s: float = 0.0,
    block_worth: float = 1e-6,
    limit_s: float = float("inf"),
) -> Correlated:
    """Least total cost over the correlated equilibria that a pool of profiles holds. The same `rng` state, the same
    answer.

    `coarse`: coarse correlated; "if-needed": where the pool holds no correlated one. `slack_s`: advice may be
    up to so many seconds a request dearer than the best alternative (an ε-correlated equilibrium); 0 is exact.
    `block_worth`: what it is worth, as a part of the total, that groups use as many endpoints as a block has
    rather than all: in a fluid nothing, in queues more (`coordinator.game.blocks`); small, it decides between
    equal totals. `limit_s`: seconds that the linear programs may take together, by the solver's own clock.

    Raises Infeasible, saying why, OutOfTime, and ValueError for a slack, worth or limit that is none.
    """
    _check(slack_s, block_worth, limit_s)
    if not isinstance(coarse, bool) and coarse != "if-needed":
        raise figures.unfit("coarse", coarse, "True, False or 'if-needed'")
    pool = candidates.gather(game, rng)
    mixing = _Mixing(game, pool, slack_s, block_worth, limit_s)
    if coarse != "if-needed":
        return mixing.best(bool(coarse))
    try:
        return mixing.best(False)
    except Infeasible:
        return mixing.best(True)


class _Mixing:
    """The program over one pool."""

    def __init__(
        self, game: CongestionGame, pool: candidates.Pool, slack_s: float, worth: float, limit_s: float
    ) -> None:
        self._game, self._pool, self._left_s = game, pool, limit_s
        self._totals = game.all_totals(pool.profiles)
        deviations = game.all_deviations(pool.profiles)
        costs = game.all_costs(pool.profiles)
        used = np.sum(game.shares[np.arange(len(game.groups)), pool.profiles] > _USED, axis=2)
        apart = np.abs(used - min(BANDS, len(game.curves))) @ game.rates / (float(game.rates.sum()) or 1.0)
        least, most = float(self._totals.min()), float(self._totals.max())
        self._worths = (self._totals - least + worth * least * apart / len(game.curves)) / (
            (most - least) or 1.0
        )
        self._unit = float(costs.mean()) or 1.0
        real = np.where(np.isfinite(deviations), deviations, costs[..., None])
        self._gains = (costs[..., None] - real - slack_s) / self._unit
        """(P, n, most actions): what each group would gain by each action in each profile, less the slack."""

    def best(self, coarse: bool) -> Correlated:
        """Rows are added until none is broken that is not in the program."""
        program, known = Program(self._worths, limit_s=self._left_s), set[Deviation]()
        while True:
            try:
                mixed = program.solve()
            except Infeasible:
                self._left_s -= program.spent_s
                return self._without(coarse)
            broken = self._broken(mixed, coarse) - known
            if not broken:
                return self._certified(mixed, coarse)
            known |= broken
            program.add([self._row(*each, coarse) for each in sorted(broken)])

    def _broken(self, mixed: Vector, coarse: bool) -> set[Deviation]:
        """Of every advice, the alternative that gains most, if any gains."""
        groups = np.arange(len(self._game.groups))
        often = np.zeros((len(groups), max(self._game.counts)))
        gains = np.zeros((*often.shape, often.shape[1]))
        for index in np.flatnonzero(mixed > 0.0):
            told = 0 if coarse else self._pool.profiles[index]
            often[groups, told] += mixed[index]
            gains[groups, told] += mixed[index] * self._gains[index]
        found = np.nonzero(gains.max(axis=2) > _BROKEN * np.maximum(often, gap.RAREST))
        return {
            (int(who), int(told), int(gains[who, told].argmax())) for who, told in zip(*found, strict=True)
        }

    def _row(self, who: int, told: int, played: int, coarse: bool) -> tuple[NDArray[np.int32], Vector]:
        """What `who` gains by playing `played` when told `told`; coarse: whatever it is told."""
        given = np.arange(len(self._pool.profiles))
        if not coarse:
            given = np.flatnonzero(self._pool.profiles[:, who] == told)
        gains = self._gains[given, who, played]
        return given.astype(np.int32), gains / (np.abs(gains).max() or 1.0)

    def _certified(self, mixed: Vector, coarse: bool) -> Correlated:
        """The mixture, or the best pure Nash if rounding made that one cheaper."""
        drawn = np.flatnonzero(mixed > _NEVER)
        drawn = drawn[np.argsort(-mixed[drawn], kind="stable")]
        profiles, probabilities = self._pool.profiles[drawn], mixed[drawn] / mixed[drawn].sum()
        total = float(probabilities @ self._totals[drawn])
        nash = None if self._pool.nash is None else float(self._game.total(self._pool.nash))
        if nash is not None and self._pool.nash is not None and total > nash:
            profiles, probabilities, total = self._pool.nash[None], np.ones(1), nash
        return Correlated(
            profiles=profiles,
            probabilities=probabilities,
            gap_s=gap.of_pool(self._game, profiles, probabilities, coarse),
            total=total,
            best_nash=nash,
            optimum=float(self._totals.min()),
            coarse=coarse,
        )

    def _without(self, coarse: bool) -> Correlated:
        """A Nash is an equilibrium of either kind, so the program says no only where there is none (or by
        rounding)."""
        if self._pool.nash is None:
            raise Infeasible(
                f"no {'coarse ' if coarse else ''}correlated equilibrium among mixtures of {len(self._totals)} "
                "profiles, and no pure Nash: better responses went round in circles from every start"
            )
        return self._certified(
            (self._pool.profiles == self._pool.nash).all(axis=1).astype(np.float64), coarse
        )


def _check(slack_s: float, block_worth: float, limit_s: float) -> None:
    for name, value, allowed, fits in (
        ("slack_s", slack_s, "finite, ≥ 0", figures.is_number(slack_s) and 0.0 <= slack_s < np.inf),
        (
            "block_worth",
            block_worth,
            "finite, ≥ 0",
            figures.is_number(block_worth) and 0.0 <= block_worth < np.inf,
        ),
        ("limit_s", limit_s, "seconds, ≥ 0", figures.is_number(limit_s) and limit_s >= 0.0),
    ):
        if not fits:
            raise figures.unfit(name, value, allowed)
