"""The certificate: what the player who gains most by disobeying gains. Written from the definitions, not from the LP.

Aumann, "Subjectivity and Correlation in Randomized Strategies", 1974: nobody, told an action, gains by another
one, given what the advice says about the others. Moulin & Vial 1978 (coarse): nobody gains by committing,
before the advice, to one action whatever the advice will be. Both are 0 at an equilibrium, and the first is
never below the second.
"""

from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from coordinator.game.congestion import CongestionGame
from coordinator.game.normal_form import Game

RAREST: Final = 1e-9
"""Advice given less often counts as if it were given so often: dividing by less would only show rounding."""


def of(game: Game, distribution: ArrayLike, coarse: bool = False) -> float:
    """Largest gain over players, in the unit of the payoffs; 0 at an exact equilibrium.

    Conditional on the advice (the largest over all advice); `coarse`: unconditional. `distribution` has the
    shape of the joint actions. Raises ValueError unless it is one: ≥ 0, summing to 1, both to 1e-6.
    """
    shares = np.asarray(distribution, dtype=np.float64)
    if shares.shape != game.actions:
        raise ValueError(f"the distribution has shape {shares.shape}, the joint actions {game.actions}")
    _check(shares)
    worst = 0.0
    for who in range(game.players):
        payoffs = np.moveaxis(game.payoffs[who], who, 0).reshape(game.actions[who], -1)
        drawn = np.moveaxis(shares, who, 0).reshape(game.actions[who], -1)
        worst = max(worst, _committed(payoffs, drawn) if coarse else _told(payoffs, drawn))
    return worst


def _told(payoffs: NDArray[np.float64], drawn: NDArray[np.float64]) -> float:
    """Rows: own actions; columns: what the others do."""
    worst = 0.0
    for told, others in enumerate(drawn):
        often = float(others.sum())
        if often <= 0.0:
            continue
        for played in range(len(payoffs)):
            gain = float(np.sum(others * (payoffs[played] - payoffs[told])))
            worst = max(worst, gain / max(often, RAREST))
    return worst


def _committed(payoffs: NDArray[np.float64], drawn: NDArray[np.float64]) -> float:
    others = drawn.sum(axis=0)
    obedient = float(np.sum(drawn * payoffs))
    return max(float(np.sum(others * each)) - obedient for each in payoffs)


def of_pool(
    game: CongestionGame, profiles: ArrayLike, probabilities: ArrayLike, coarse: bool = False
) -> float:
    """The same for a mixture of `profiles`, (P, n) action numbers: seconds a request, largest over players.

    Raises ValueError unless the profiles are of this game and the probabilities (P,) are some.
    """
    drawn = np.asarray(probabilities, dtype=np.float64)
    played = np.asarray(profiles)
    if played.ndim != 2 or drawn.shape != played.shape[:1] or played.shape[1] != len(game.groups):
        raise ValueError(
            f"{len(game.groups)} groups play profiles of shape (P, {len(game.groups)}) with probabilities (P,), "
            f"not {played.shape} and {drawn.shape}"
        )
    _check(drawn)
    gains: dict[tuple[int, int], NDArray[np.float64]] = {}
    often: dict[tuple[int, int], float] = {}
    for share, row in zip(drawn, played, strict=True):
        if share > 0.0:
            _count(game, float(share), game.checked(row), coarse, gains, often)
    worst = max(float(gain.max()) / max(often[advice], RAREST) for advice, gain in gains.items())
    return max(0.0, worst)


def _count(
    game: CongestionGame,
    share: float,
    profile: NDArray[np.intp],
    coarse: bool,
    gains: dict[tuple[int, int], NDArray[np.float64]],
    often: dict[tuple[int, int], float],
) -> None:
    """Adds what each group would gain by each action instead, by group and advice; coarse: as if all advice
    were one."""
    sent = [each.rate_per_s * each.actions[told] for each, told in zip(game.groups, profile, strict=True)]
    loads = np.sum(sent, axis=0)
    for who, (group, told) in enumerate(zip(game.groups, profile, strict=True)):
        others = loads - sent[who]
        costs = np.sum(group.actions * game.seconds(others + group.rate_per_s * group.actions), axis=1)
        advice = (who, -1 if coarse else int(told))
        gains[advice] = gains.get(advice, 0.0) + share * (costs[told] - costs)
        often[advice] = often.get(advice, 0.0) + share


def _check(shares: NDArray[np.float64]) -> None:
    if not np.all(np.isfinite(shares)) or float(shares.min(initial=0.0)) < -1e-6:
        raise ValueError("probabilities must be finite and ≥ 0")
    if not abs(float(shares.sum()) - 1.0) <= 1e-6:
        raise ValueError(f"probabilities sum to {float(shares.sum())!r}, not to 1")
