"""Routing as a weighted congestion game: groups of sidecars that divide their requests among common endpoints.

An action of a group is a share vector over the endpoints. An endpoint's latency depends on the requests per
second that arrive there from everybody; a group pays the mean over its own requests. With affine latencies the
game has an exact potential in rate × cost, so better responses end in a pure Nash equilibrium (Fotakis,
Kontogiannis & Spirakis 2005 for whole players, Orda, Rom & Shimkin 1993 for split ones); with others it need
not have one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from coordinator.game import figures
from coordinator.game.latency import AnyCurve, Latencies, Vector
from coordinator.game.normal_form import MOST_CELLS, Game

MOST_ACTIONS: Final = 16
_SUM_TOLERANCE: Final = 1e-6
_AT_ONCE: Final = 250_000
"""Figures worked with in one go: 2 MB, which the cache holds and memory does not notice."""

Profiles = NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """A player. Raises ValueError, with its name, for figures that make no sense."""

    name: str
    rate_per_s: float
    """≥ 0."""
    actions: Vector
    """(m ≤ 16, K): share vectors that are ≥ 0 and sum to 1."""

    def __post_init__(self) -> None:
        allowed = f"1 to {MOST_ACTIONS} share vectors that are ≥ 0 and sum to 1"
        actions = figures.array(f"group {self.name!r}: actions", self.actions, allowed)
        if actions.ndim != 2 or not 1 <= len(actions) <= MOST_ACTIONS or actions.shape[1] == 0:
            raise ValueError(
                f"group {self.name!r}: actions have shape {actions.shape}; allowed: 1 to {MOST_ACTIONS} share vectors"
            )
        if not (figures.is_number(self.rate_per_s) and 0.0 <= self.rate_per_s < np.inf):
            raise ValueError(f"group {self.name!r}: rate_per_s is {self.rate_per_s!r}; allowed: finite, ≥ 0")
        sums = actions.sum(axis=1)
        if not (np.all(actions >= 0.0) and np.all(abs(sums - 1.0) <= _SUM_TOLERANCE)):
            raise ValueError(f"group {self.name!r}: every share vector must be ≥ 0 and sum to 1")
        object.__setattr__(self, "actions", actions / sums[:, None])


class CongestionGame:
    """`groups` over K endpoints with `curves`. A profile is an action number per group. Times in seconds, loads in
    requests per second. Raises ValueError where the two do not fit together, naming the group."""

    def __init__(self, groups: Sequence[Group], curves: Sequence[AnyCurve]) -> None:
        self.groups = tuple(groups)
        self.curves = tuple(curves)
        if not self.groups or not self.curves:
            raise ValueError("a game needs a group and an endpoint at least")
        for group in self.groups:
            if group.actions.shape[1] != len(self.curves):
                raise ValueError(
                    f"group {group.name!r}: shares of {group.actions.shape[1]} endpoints, curves of {len(self.curves)}"
                )
        self.latencies = Latencies(self.curves)
        self.rates: Vector = np.array([group.rate_per_s for group in self.groups])
        self.counts: tuple[int, ...] = tuple(len(group.actions) for group in self.groups)
        self._everyone = np.arange(len(self.groups))
        self._pad()

    def _pad(self) -> None:
        """All groups' share vectors in one array (n, most actions, K), and which of them are real."""
        shape = (len(self.groups), max(self.counts), len(self.curves))
        self.shares: Vector = np.zeros(shape)
        self.real: NDArray[np.bool_] = np.zeros(shape[:2], dtype=bool)
        for who, group in enumerate(self.groups):
            self.shares[who, : self.counts[who]] = group.actions
            self.real[who, : self.counts[who]] = True
        self.flows: Vector = self.rates[:, None, None] * self.shares
        line = self.latencies.line
        own = np.zeros(shape) if line is None else self.shares * (line.base + line.slope * self.flows)
        self._alone: Vector = own.sum(axis=2)
        """(n, most actions): what affine curves charge a group that has the endpoints to itself."""

    # -- what a profile costs

    def seconds(self, loads: Vector) -> Vector:
        """Latency of every endpoint under `loads` (…, K)."""
        return self.latencies.at(loads)

    def loads(self, profiles: Profiles) -> Vector:
        """Requests per second at every endpoint, (…, K), for profiles (…, n)."""
        total: Vector = self.flows[self._everyone, profiles].sum(axis=-2)
        return total

    def costs(self, profile: ArrayLike) -> Vector:
        """Mean seconds per request of each group, (n,)."""
        return self.all_costs(self.checked(profile))

    def total(self, profile: ArrayLike) -> float:
        """Σ rate · cost: seconds of waiting per second."""
        return float(self.all_totals(self.checked(profile)))

    def deviations(self, profile: ArrayLike) -> list[Vector]:
        """Per group: the cost of each of its actions while the others stay."""
        padded = self.all_deviations(self.checked(profile)[None])[0]
        return [padded[who, :count] for who, count in enumerate(self.counts)]

    def checked(self, profile: ArrayLike) -> Profiles:
        """As an array. Raises ValueError unless it names an action of every group."""
        numbers = np.asarray(profile)
        if numbers.shape != (len(self.groups),) or not np.issubdtype(numbers.dtype, np.integer):
            raise ValueError(f"a profile is {len(self.groups)} action numbers, not {profile!r}")
        if np.any(numbers < 0) or np.any(numbers >= self.counts):
            raise ValueError(f"a profile out of range: {numbers.tolist()}; groups have {self.counts} actions")
        return numbers.astype(np.intp)

    # -- many profiles at once, unchecked

    def all_costs(self, profiles: Profiles) -> Vector:
        """(…, n) for profiles (…, n)."""
        seconds = self.seconds(self.loads(profiles))
        costs: Vector = np.einsum("...nk,...k->...n", self.shares[self._everyone, profiles], seconds)
        return costs

    def all_totals(self, profiles: Profiles) -> Vector:
        """(…,) for profiles (…, n)."""
        if profiles.ndim > 1 and len(profiles) > (most := max(1, _AT_ONCE // self.flows[:, 0].size)):
            parts = [self.all_totals(profiles[at : at + most]) for at in range(0, len(profiles), most)]
            return np.concatenate(parts)
        loads = self.loads(profiles)
        totals: Vector = np.sum(loads * self.seconds(loads), axis=-1)
        return totals

    def all_deviations(self, profiles: Profiles) -> Vector:
        """(S, n, most actions) for profiles (S, n); infinite where a group has fewer actions."""
        size = max(1, _AT_ONCE // self.shares.size)
        parts = [self._deviations(profiles[at : at + size]) for at in range(0, len(profiles), size)]
        costs: Vector = np.where(self.real, np.concatenate(parts), np.inf)
        return costs

    def _deviations(self, profiles: Profiles) -> Vector:
        own = self.flows[self._everyone, profiles]
        others = own.sum(axis=1, keepdims=True) - own
        line = self.latencies.line
        if line is None:
            seconds = self.seconds(others[:, :, None, :] + self.flows)
            return np.asarray(np.einsum("nmk,snmk->snm", self.shares, seconds))
        moving = np.matmul(self.shares, (line.slope * others).transpose(1, 2, 0))  # (n, m, S)
        return np.asarray(moving.transpose(2, 0, 1) + self._alone)

    def alternatives(self, who: int, others: Vector, care: float = 0.0) -> Vector:
        """Cost (S, m) of each action of group `who`, where `others` (S, K) load the endpoints.

        `care` adds that part of what its requests cost the others, per request of its own: at 0 the group is
        selfish, at 1 its best action is the one of least total.
        """
        shares = self.groups[who].actions
        flows = self.flows[who, : len(shares)]
        line = self.latencies.line
        if line is not None:
            costs: Vector = others @ ((1.0 + care) * line.slope * shares).T + self._alone[who, : len(shares)]
            return costs
        seconds = self.seconds(others[:, None, :] + flows)
        selfish = np.einsum("mk,smk->sm", shares, seconds)
        rate = self.groups[who].rate_per_s
        if care == 0.0 or rate == 0.0:
            return np.asarray(selfish)
        harm = (
            np.einsum("sk,smk->sm", others, seconds) - np.sum(others * self.seconds(others), axis=1)[:, None]
        )
        return np.asarray(selfish + care * harm / rate)

    def potential(self, profile: ArrayLike) -> float:
        """Σ a·λ + ½·b·(λ² + Σ x²) over endpoints, x the groups' flows: changes by exactly what the rate × cost
        of a lone mover does. Raises ValueError unless all curves are affine."""
        line = self.latencies.line
        if line is None:
            raise ValueError("only affine curves have this potential")
        flows = self.flows[self._everyone, self.checked(profile)]
        loads = flows.sum(axis=0)
        squares = loads * loads + np.sum(flows * flows, axis=0)
        return float(np.sum(line.base * loads + 0.5 * line.slope * squares))

    def normal_form(self) -> Game:
        """The whole table; payoffs are −rate · cost. Raises ValueError above a million joint actions, and for
        one group."""
        cells = int(np.prod(self.counts, dtype=object))
        if cells > MOST_CELLS:
            raise ValueError(f"{cells} joint actions are too many for a table; at most {MOST_CELLS}")
        profiles = np.indices(self.counts).reshape(len(self.counts), -1).T
        payoffs = -self.rates * self.all_costs(profiles)
        return Game(payoffs.T.reshape(len(self.counts), *self.counts))
