"""Congestion games drawn by chance."""

from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from coordinator.game import shares
from coordinator.game.congestion import CongestionGame, Group
from coordinator.game.latency import AnyCurve, Together
from sidecar.game.potential import Curve


@dataclass(frozen=True)
class Square:
    """Not affine."""

    base_s: float
    bend_s: float

    def at(self, load: NDArray[np.float64], /) -> NDArray[np.float64]:
        return self.base_s + self.bend_s * load * load


@dataclass(frozen=True)
class Together2(Square):
    """The same, asked together."""

    @staticmethod
    def together(curves: "list[Together2]") -> Together:
        base = np.array([curve.base_s for curve in curves])
        bend = np.array([curve.bend_s for curve in curves])
        return lambda loads: base + bend * loads * loads


def drawn(
    seed: int, groups: int = 4, endpoints: int = 3, actions: int = 3, curved: bool = False
) -> CongestionGame:
    """Rates, shares and curves by chance; some shares are 0, one group may send nothing."""
    rng = np.random.default_rng(seed)
    curves: list[AnyCurve] = [
        Square(*each) if curved else Curve(*each)
        for each in zip(
            rng.uniform(0.005, 0.05, endpoints).tolist(),
            rng.uniform(0.0, 1e-3, endpoints).tolist(),
            strict=True,
        )
    ]
    rates = rng.lognormal(2.0, 1.0, groups) * (rng.random(groups) > 0.1)
    return CongestionGame(
        [
            Group(
                f"g{who}",
                float(rate),
                rng.dirichlet(np.full(endpoints, 0.3), int(rng.integers(1, actions + 1))),
            )
            for who, rate in enumerate(rates)
        ],
        curves,
    )


def proposed(seed: int, groups: int, endpoints: int, busy: float = 2.0) -> CongestionGame:
    """With the actions that are proposed; latencies triple or so under the load."""
    rng = np.random.default_rng(seed)
    rates = rng.lognormal(3.0, 0.6, groups)
    base = 0.01 * rng.lognormal(0.0, 0.5, endpoints)
    slope = busy * base / rates.sum() * endpoints * rng.uniform(0.3, 1.5, endpoints)
    curves = [Curve(*each) for each in zip(base.tolist(), slope.tolist(), strict=True)]
    present = rng.dirichlet(np.ones(endpoints), groups)
    actions = shares.everyone(curves, rates, present)
    groups_ = [
        Group(f"g{who}", float(rate), each)
        for who, (rate, each) in enumerate(zip(rates, actions, strict=True))
    ]
    return CongestionGame(groups_, curves)


def parity() -> CongestionGame:
    """Four groups, six endpoints, latency = load: Roughgarden, "Twenty Lectures on Algorithmic Game Theory", 2016,
    §13.1."""
    return CongestionGame([Group(f"g{who}", 1.0, np.eye(6)) for who in range(4)], [Curve(0.0, 1.0)] * 6)


def parity_pool() -> NDArray[np.intp]:
    """All profiles that use exactly the even endpoints, or exactly the odd ones."""
    profiles = np.indices((6, 6, 6, 6)).reshape(4, -1).T
    used = [set(row.tolist()) for row in profiles]
    return profiles[[each in ({0, 2, 4}, {1, 3, 5}) for each in used]]


seeds = st.integers(0, 10_000)
