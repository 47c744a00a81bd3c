"""Regret matching over one service's endpoints: three learners behind one interface.

* `RegretMatching`: external RM⁺ (Tammelin 2014; Blackwell 1956 underneath). Memory is regret, clipped at zero.
* `PredictiveRegretMatching`: the same memory, played with a prediction of the present (Farina, Kroer, Sandholm:
  "Faster Game Solving via Predictive Blackwell Approachability", AAAI 2021).
* `ConditionalRegretMatching`: regret of each action for each other (Hart and Mas-Colell, Econometrica 2000).

Losses are in [0, 1]; `retain` is ρ for this step. With ρ = 1 − 1/t, no dead zone and no growth cap the average
regret is R: external ≤ √(K/T), predictive (trust = 1/t) ≤ 2·√(K/T), and play tends to coarse correlated equilibria,
conditional to correlated ones. With a constant ρ only to a neighbourhood; with trust = 1, as the router plays, no bound
is claimed, only measured (docs/routing.md). The losses of unplayed endpoints are
*modelled* (payoff.py), so in traffic the theorems hold for the modelled costs, not for measured latency.
"""

from abc import ABC, abstractmethod
from typing import Final

from sidecar.game import mix as mixes

UNCAPPED: Final = 1e18
MOST_CONDITIONAL: Final = 32
"""Endpoints for which K² regrets are kept; beyond, the external learner plays."""
_RESTART: Final = 1e-7


class Learner(ABC):
    """K actions, a mix over them, and what not playing the others has cost."""

    mix: list[float]

    @abstractmethod
    def observe(
        self,
        losses: list[float],
        retain: float,
        dead_zone: float = 0.0,
        growth: float = UNCAPPED,
        played: list[float] | None = None,
    ) -> None:
        """One step: what each action would have cost; `played` is what was played, if not `mix`."""

    @abstractmethod
    def weights(self, losses: list[float], trust: float, slack: float = 0.0) -> list[float]:
        """Unnormalised probabilities to play now, given the losses of this instant. All zero: no opinion."""

    @abstractmethod
    def regrets(self) -> list[float]:
        """Per action, ≥ 0."""

    @abstractmethod
    def reseat(self, kept: list[int]) -> None:
        """New action k is old action `kept[k]`; −1: a newcomer, who gets the mean."""


class RegretMatching(Learner):
    """External RM⁺."""

    def __init__(self, count: int) -> None:
        self.mix = mixes.uniform(count)
        self.regret = [0.0] * count

    def observe(
        self,
        losses: list[float],
        retain: float,
        dead_zone: float = 0.0,
        growth: float = UNCAPPED,
        played: list[float] | None = None,
    ) -> None:
        """`R_k ← [ρ·R_k + (1 − ρ)·(Σ p·x − x_k − tol)]⁺`, then the mix follows."""
        mean = expected(self.mix if played is None else played, losses) - dead_zone
        fresh = 1.0 - retain
        self.regret = [
            max(0.0, retain * r + fresh * (mean - x))
            for r, x in zip(self.regret, losses)  # noqa: B905
        ]
        target = mixes.normalised(self.regret)
        if target is not None:  # no regret: keep the mix
            self.mix = target if growth >= UNCAPPED else mixes.grown(target, self.mix, growth)

    def weights(self, losses: list[float], trust: float, slack: float = 0.0) -> list[float]:
        """The mix: memory alone."""
        return self.mix

    def regrets(self) -> list[float]:
        """R."""
        return self.regret

    def reseat(self, kept: list[int]) -> None:
        """See `Learner`."""
        self.regret = _moved(self.regret, kept)
        self.mix = mixes.normalised(_moved(self.mix, kept)) or mixes.uniform(len(kept))


class PredictiveRegretMatching(RegretMatching):
    """RM⁺ that plays against what it sees coming."""

    def weights(self, losses: list[float], trust: float, slack: float = 0.0) -> list[float]:
        """`z_k = [R_k + κ·(Σ p·x + slack − x_k)]⁺`: within the slack of the mean, all are worth playing."""
        mean = expected(self.mix, losses) + slack
        return [max(0.0, r + trust * (mean - x)) for r, x in zip(self.regret, losses)]  # noqa: B905


class ConditionalRegretMatching(Learner):
    """Regret matching on "whenever I played j, I wish I had played k"."""

    def __init__(self, count: int) -> None:
        self.mix = mixes.uniform(count)
        self.pairs = [[0.0] * count for _ in range(count)]

    def observe(
        self,
        losses: list[float],
        retain: float,
        dead_zone: float = 0.0,
        growth: float = UNCAPPED,
        played: list[float] | None = None,
    ) -> None:
        """`D_jk ← ρ·D_jk + (1 − ρ)·p_j·(x_j − x_k − tol)`, then the mix is made invariant."""
        p = self.mix if played is None else played
        fresh = 1.0 - retain
        for j, row in enumerate(self.pairs):
            share = fresh * p[j]
            mine = losses[j] - dead_zone
            self.pairs[j] = [
                retain * d + share * (mine - x) if k != j else 0.0
                for k, (d, x) in enumerate(zip(row, losses))  # noqa: B905
            ]
        target = invariant(self.pairs, self.mix)
        self.mix = target if growth >= UNCAPPED else mixes.grown(target, self.mix, growth)

    def weights(self, losses: list[float], trust: float, slack: float = 0.0) -> list[float]:
        """The mix."""
        return self.mix

    def regrets(self) -> list[float]:
        """Of not having played k, summed over what was played instead."""
        return [sum([max(0.0, row[k]) for row in self.pairs]) for k in range(len(self.mix))]

    def reseat(self, kept: list[int]) -> None:
        """See `Learner`; nothing is known yet between a newcomer and the others."""
        self.pairs = [[self.pairs[j][k] if j >= 0 and k >= 0 else 0.0 for k in kept] for j in kept]
        self.mix = mixes.normalised(_moved(self.mix, kept)) or mixes.uniform(len(kept))


def make(name: str, count: int) -> Learner:
    """The learner called `predictive`, `external` or `conditional`."""
    if name == "conditional" and count <= MOST_CONDITIONAL:
        return ConditionalRegretMatching(count)
    return RegretMatching(count) if name == "external" else PredictiveRegretMatching(count)


def expected(p: list[float], losses: list[float]) -> float:
    """Σ p·x."""
    total = 0.0
    for share, loss in zip(p, losses):  # noqa: B905
        total += share * loss
    return total


def invariant(pairs: list[list[float]], before: list[float]) -> list[float]:
    """`p = p·Q` for `Q_jk = [D_jk]⁺/μ`, `μ = max_j Σ_k [D_jk]⁺`; `before` when there is no regret.

    Solved as `p = (1 − ε)·p·Q + ε·before`: it has one solution even where Q falls apart, and that keeps
    closest to what was played.
    """
    count = len(before)
    flow = [[max(0.0, d) for d in row] for row in pairs]
    scale = max([sum(row) for row in flow]) if flow else 0.0
    if scale <= mixes.TINY:
        return before
    keep = 1.0 - _RESTART
    system = [[-keep * flow[k][j] / scale for k in range(count)] for j in range(count)]
    for j in range(count):
        system[j][j] = 1.0 - keep * (1.0 - sum(flow[j]) / scale)
    solved = _solve(system, [_RESTART * share for share in before])
    return mixes.normalised([max(0.0, share) for share in solved]) or before


def _solve(matrix: list[list[float]], right: list[float]) -> list[float]:
    """Gaussian elimination; columns are diagonally dominant, so no pivoting."""
    count = len(right)
    for i in range(count):
        row = matrix[i]
        for j in range(i + 1, count):
            factor = matrix[j][i] / row[i]
            if factor != 0.0:
                other = matrix[j]
                for k in range(i + 1, count):
                    other[k] -= factor * row[k]
                right[j] -= factor * right[i]
    for i in range(count - 1, -1, -1):
        left = right[i]
        for k in range(i + 1, count):
            left -= matrix[i][k] * right[k]
        right[i] = left / matrix[i][i]
    return right


def _moved(values: list[float], kept: list[int]) -> list[float]:
    known = [values[k] for k in kept if k >= 0]
    mean = sum(known) / len(known) if known else 0.0
    return [values[k] if k >= 0 else mean for k in kept]
