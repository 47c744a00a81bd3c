"""A finite game in normal form: what each player gains at every joint action."""

from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from coordinator.game import figures

MOST_CELLS: Final = 1_000_000
"""Joint actions. Who has more plays a congestion game (`coordinator.game.congestion`), whose payoffs need no
table."""


class Game:
    """`payoffs[i, a1, …, an]`: what player i gains when everybody plays (a1, …, an); higher is better, any unit.

    Raises ValueError unless that is one finite table per player, of two players or more, each with an action or more.
    """

    payoffs: NDArray[np.float64]
    """(players, actions of 1, actions of 2, …); read-only."""
    players: int
    actions: tuple[int, ...]
    """How many each player has."""

    def __init__(self, payoffs: ArrayLike) -> None:
        self.payoffs = _table(payoffs)
        self.players = self.payoffs.shape[0]
        self.actions = self.payoffs.shape[1:]

    def expected(self, distribution: NDArray[np.float64]) -> NDArray[np.float64]:
        """What each player gains on average, (players,), when joint actions are drawn from `distribution` (a1, …).

        Raises ValueError for a distribution of another size.
        """
        allowed = f"numbers over joint actions, of shape {self.actions}"
        drawn = figures.array("distribution", distribution, allowed)
        if drawn.size != self.payoffs[0].size:
            raise figures.unfit("distribution", distribution, allowed)
        flat: NDArray[np.float64] = self.payoffs.reshape(self.players, -1) @ drawn.ravel()
        return flat

    def best_replies(self, profile: tuple[int, ...]) -> NDArray[np.float64]:
        """What each player would gain more by its best reply to the others, (players,); all 0 at a pure Nash.

        Raises ValueError unless `profile` names an action of every player.
        """
        self._check(profile)
        gains = np.empty(self.players)
        for who, payoffs in enumerate(self.payoffs):
            own = np.moveaxis(payoffs, who, -1)[profile[:who] + profile[who + 1 :]]
            gains[who] = own.max() - own[profile[who]]
        return gains

    def _check(self, profile: tuple[int, ...]) -> None:
        numbers = np.asarray(profile)
        if (
            numbers.shape != (self.players,)
            or numbers.dtype.kind not in "iu"
            or np.any(numbers < 0)
            or np.any(numbers >= self.actions)
        ):
            raise figures.unfit("profile", profile, f"an action number of each player, below {self.actions}")


def _table(payoffs: ArrayLike) -> NDArray[np.float64]:
    table = figures.array("payoffs", payoffs, "an array of finite numbers, one table per player")
    _check_shape(table.shape)
    with np.errstate(over="ignore"):
        if not np.all(np.isfinite(table.max(axis=0) - table.min(axis=0))) or not np.isfinite(np.ptp(table)):
            raise ValueError("the range of the payoffs must be finite")
    table.setflags(write=False)
    return table


def _check_shape(shape: tuple[int, ...]) -> None:
    players = shape[0] if shape else 0
    if players < 2:
        raise ValueError(f"a game has two players or more, one table each; payoffs have shape {shape}")
    if len(shape) != players + 1:
        wanted = ", ".join(f"actions of {who}" for who in range(1, players + 1))
        raise ValueError(f"payoffs of {players} players have shape ({players}, {wanted}), not {shape}")
    if 0 in shape:
        raise ValueError(f"every player needs an action; payoffs have shape {shape}")
    cells = int(np.prod(shape[1:], dtype=object))
    if cells > MOST_CELLS:
        raise ValueError(f"{cells} joint actions are too many for a table; at most {MOST_CELLS}")
