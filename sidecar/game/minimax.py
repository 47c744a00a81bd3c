"""Two-person zero-sum games: optimal mixed strategies and their certificate.

The row player receives `payoffs[i][j]`, the column player pays it (von Neumann 1928: both have optimal mixes, and the
game a value). A saddle point is looked for first. Else both sides play predictive regret matching⁺ in turns, with
quadratic averaging (Tammelin, "Solving Large Imperfect Information Games Using CFR+", 2014; Farina, Kroer, Sandholm,
AAAI 2021). What is promised is not a rate but the certificate that comes with every solution, computed by other code:
by weak duality the value lies between what the row mix guarantees and what the column mix concedes.
"""

import math
from dataclasses import dataclass
from typing import Final

from sidecar.game import mix as mixes
from sidecar.game import regret

ROUNDS: Final = 1000
TARGET: Final = 0.002
"""Exploitability, of the payoff range, at which self-play ends early."""
_CHECK_EVERY: Final = 20


@dataclass(frozen=True, slots=True)
class Solution:
    """`value` is off by half the `exploitability` at most; all but the mixes in the payoffs' unit."""

    row: list[float]
    column: list[float]
    value: float
    exploitability: float  # what best replies to the two mixes gain, together
    span: float  # highest minus lowest payoff

    @property
    def relative(self) -> float:
        """Exploitability as a fraction of the payoff range; 0 where all payoffs are the same."""
        return self.exploitability / self.span if self.span > 0.0 else 0.0


def solve(payoffs: list[list[float]], rounds: int = ROUNDS) -> Solution:
    """Near-optimal mixes of both sides after at most `rounds`; exact where there is a saddle point.

    Raises `ValueError` unless the matrix is rectangular, not empty and finite.
    """
    span = _span(payoffs)
    mixed = saddle(payoffs)
    if mixed is None:
        mixed = _self_play(payoffs, span, rounds)
    row, column = mixed
    low, high = guaranteed(payoffs, row), conceded(payoffs, column)
    return Solution(row, column, 0.5 * (low + high), certify(payoffs, row, column), span)


def certify(payoffs: list[list[float]], row: list[float], column: list[float]) -> float:
    """Exploitability: the best reply to `column` minus the best reply to `row`; 0 at an equilibrium."""
    return max(0.0, conceded(payoffs, column) - guaranteed(payoffs, row))


def guaranteed(payoffs: list[list[float]], row: list[float]) -> float:
    """What the row mix yields against the worst column."""
    worst = math.inf
    for j in range(len(payoffs[0])):
        total = 0.0
        for share, line in zip(row, payoffs):  # noqa: B905 (mypyc: plain zip is native)
            total += share * line[j]
        worst = min(worst, total)
    return worst


def conceded(payoffs: list[list[float]], column: list[float]) -> float:
    """What the best row yields against the column mix."""
    best = -math.inf
    for line in payoffs:
        best = max(best, regret.expected(column, line))
    return best


def saddle(payoffs: list[list[float]]) -> tuple[list[float], list[float]] | None:
    """Pure mixes of the first saddle point: lowest of its row and highest of its column. None without one."""
    highest = [max([line[j] for line in payoffs]) for j in range(len(payoffs[0]))]
    for i, line in enumerate(payoffs):
        worst = min(line)
        for j, payoff in enumerate(line):
            if payoff == worst and payoff == highest[j]:
                return _pure(i, len(payoffs)), _pure(j, len(line))
    return None


class _Player:
    """One side of self-play: its regrets, its mix now, and the average of what it played."""

    __slots__ = ("_last", "_regret", "_sum", "mix")

    def __init__(self, count: int) -> None:
        self.mix = mixes.uniform(count)
        self._regret = [0.0] * count
        self._last = [0.0] * count
        self._sum = [0.0] * count

    def learn(self, values: list[float]) -> None:
        """What each action would have paid against the other's mix; then the mix follows.

        The last regret predicts the next (optimistic): `z = [R + r]⁺`.
        """
        mean = regret.expected(self.mix, values)
        last = [value - mean for value in values]
        grown = [max(0.0, old + new) for old, new in zip(self._regret, last)]  # noqa: B905
        played = mixes.normalised([max(0.0, r + new) for r, new in zip(grown, last)])  # noqa: B905
        self._regret, self._last = grown, last
        if played is not None:
            self.mix = played

    def count(self, weight: float) -> None:
        """The mix as it is enters the average."""
        self._sum = [total + weight * share for total, share in zip(self._sum, self.mix)]  # noqa: B905

    def average(self) -> list[float]:
        """Of all mixes counted."""
        return mixes.normalised(self._sum) or self.mix


def _self_play(payoffs: list[list[float]], span: float, rounds: int) -> tuple[list[float], list[float]]:
    """Payoffs are scaled to [0, 1], so that rounding is the same for seconds and for microseconds."""
    low = min([min(line) for line in payoffs])
    gains = [[(payoff - low) / span for payoff in line] for line in payoffs]
    losses = [[-line[j] for line in gains] for j in range(len(gains[0]))]
    row, column = _Player(len(gains)), _Player(len(losses))
    for round_ in range(1, rounds + 1):
        row.learn([regret.expected(column.mix, line) for line in gains])
        column.learn([regret.expected(row.mix, line) for line in losses])
        weight = float(round_ * round_)
        row.count(weight)
        column.count(weight)
        if round_ % _CHECK_EVERY == 0 and certify(gains, row.average(), column.average()) <= TARGET:
            break
    return row.average(), column.average()


def _span(payoffs: list[list[float]]) -> float:
    """Highest minus lowest payoff, of a matrix that is one."""
    if not payoffs or not payoffs[0] or any(len(line) != len(payoffs[0]) for line in payoffs):
        raise ValueError("payoffs must be a rectangular matrix of at least one row and one column")
    span = max([max(line) for line in payoffs]) - min([min(line) for line in payoffs])
    if not all(math.isfinite(payoff) for line in payoffs for payoff in line) or not math.isfinite(span):
        raise ValueError("payoffs must be finite, and so must their range")
    return span


def _pure(index: int, count: int) -> list[float]:
    return [1.0 if k == index else 0.0 for k in range(count)]
