"""One epoch of advice: what every sidecar is told, and what was solved for it; and how it is kept as plain values."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self

Action = Mapping[str, float]
"""Shares by address; they sum to 1."""
Actions = tuple[Action, ...]
"""One for each slot, from the first on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Solved:
    """A service's game. `infeasible`: why there is no advice for it, empty where there is; the other figures then count
    nothing. `gap_s`: what a player could gain at most, per request, certified."""

    gap_s: float = 0.0
    mean_cost_s: float = 0.0
    welfare_ratio: float = 1.0
    """Total cost of the advice over that of the best that was found; 1: as good."""
    players: int = 0
    endpoints: int = 0
    coarse: bool = False
    """A coarse equilibrium: whoever decides before he hears the advice gains nothing by deviating."""
    infeasible: str = ""
    late: bool = False
    """There was no time for it: what was told last stays until that expires."""

    @property
    def gap(self) -> float:
        """Relative to the mean cost."""
        return self.gap_s / self.mean_cost_s if self.mean_cost_s > 0 else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Epoch:
    """`columns`: by sidecar, then service. `expires_at`: wall-clock seconds. Slot n begins at n·slot_ms."""

    number: int
    first_slot: int
    slot_ms: int
    expires_at: float = float("inf")
    columns: Mapping[str, Mapping[str, Actions]] = field(default_factory=dict)
    games: Mapping[str, Solved] = field(default_factory=dict)
    before: "Epoch | None" = None
    """Of the epoch before, what still counts."""

    def column(self, sidecar: str) -> Mapping[str, Actions]:
        """Its own, by service, and nobody else's."""
        return self.columns.get(sidecar, {})

    def told(self, sidecar: str, wall_s: float) -> Mapping[str, "tuple[Epoch, Actions]"]:
        """By service: its own column, and the epoch whose slots it counts in and with which it expires."""
        before = self.before.told(sidecar, wall_s) if self.before is not None else {}
        if wall_s >= self.expires_at:
            return before
        return {**before, **{service: (self, actions) for service, actions in self.column(sidecar).items()}}

    def after(self, last: "Epoch | None") -> Self:
        """With what of the `last` one stays: the columns of services for which there was no time."""
        late = {service for service, solved in self.games.items() if solved.late}
        if last is None or not late:
            return self
        kept = {
            sidecar: {service: actions for service, actions in services.items() if service in late}
            for sidecar, services in last.columns.items()
        }
        columns = {sidecar: services for sidecar, services in kept.items() if services}
        return (
            replace(self, before=replace(last, columns=columns, games={}, before=None)) if columns else self
        )


def plain(epoch: Epoch) -> dict[str, Any]:
    """For JSON: every share vector once, every column once, and which sidecar has which."""
    vectors: dict[tuple[tuple[str, float], ...], int] = {}
    columns: dict[tuple[str, tuple[int, ...]], int] = {}
    sidecars: dict[str, list[int]] = {}
    known: dict[int, int] = {}
    for sidecar, services in epoch.columns.items():
        for service, actions in services.items():
            numbers = tuple(_number(action, vectors, known) for action in actions)
            sidecars.setdefault(sidecar, []).append(columns.setdefault((service, numbers), len(columns)))
    return {
        "number": epoch.number,
        "first_slot": epoch.first_slot,
        "slot_ms": epoch.slot_ms,
        "expires_at": epoch.expires_at,
        "vectors": [dict(vector) for vector in vectors],
        "columns": [[service, list(numbers)] for service, numbers in columns],
        "sidecars": sidecars,
        "games": {service: asdict(solved) for service, solved in epoch.games.items()},
        "before": plain(epoch.before) if epoch.before is not None else None,
    }


def _number(action: Action, vectors: dict[tuple[tuple[str, float], ...], int], known: dict[int, int]) -> int:
    """`known`: by identity, since the same few objects come in every slot."""
    found = known.get(id(action))
    if found is None:
        found = known[id(action)] = vectors.setdefault(tuple(sorted(action.items())), len(vectors))
    return found


def of_plain(found: Mapping[str, Any]) -> Epoch:
    """The inverse. Raises ValueError for anything else."""
    try:
        vectors: list[Action] = [dict(vector) for vector in found["vectors"]]
        columns = [
            (str(service), tuple(vectors[number] for number in numbers))
            for service, numbers in found["columns"]
        ]
        return Epoch(
            number=int(found["number"]),
            first_slot=int(found["first_slot"]),
            slot_ms=int(found["slot_ms"]),
            expires_at=float(found["expires_at"]),
            columns={
                str(sidecar): dict(columns[number] for number in numbers)
                for sidecar, numbers in found["sidecars"].items()
            },
            games={str(service): Solved(**solved) for service, solved in found["games"].items()},
            before=of_plain(found["before"]) if found["before"] is not None else None,
        )
    except (AttributeError, IndexError, KeyError, TypeError) as error:
        raise ValueError(f"no epoch: {error!r}") from None
