"""Who plays: every sidecar for itself while they are few, else groups that live together, weighted by their rate."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coordinator.policy.advice.config import AdviceConfig
from coordinator.policy.advice.scene import Caller, Scene

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Player:
    """`members` all get what it is told. Over the scene's endpoints: `allowed`, those it may use; `sent`, its shares of
    now; `present`, what it would do by itself (its own mix). Both sum to 1."""

    name: str
    members: tuple[Caller, ...]
    rate_per_s: float
    allowed: NDArray[np.bool_]
    sent: Vector
    present: Vector


_GROUPINGS: tuple[Callable[[Caller], tuple[str, ...]], ...] = (
    lambda caller: (caller.sidecar,),
    lambda caller: (caller.report.workload, caller.report.zone, caller.report.node),
    lambda caller: (caller.report.workload, caller.report.zone),
    lambda caller: (caller.report.workload,),
)
"""From fine to coarse; the first that makes few enough players is taken."""


def of(scene: Scene, config: AdviceConfig) -> list[Player]:
    """At most `most_players`, by name; those with too little traffic, or no endpoint to use, are in none."""
    busy = [caller for caller in scene.callers if caller.counted_per_s >= config.least_rate_per_s]
    for key in _GROUPINGS:
        groups = _grouped(busy, key)
        if len(groups) <= config.most_players:
            break
    else:
        groups = _merged(groups, config.most_players)
    players = (_player("/".join(key), members, scene) for key, members in sorted(groups.items()))
    return [player for player in players if player is not None]


def _grouped(
    callers: Sequence[Caller], key: Callable[[Caller], tuple[str, ...]]
) -> dict[tuple[str, ...], list[Caller]]:
    groups: dict[tuple[str, ...], list[Caller]] = {}
    for caller in callers:
        groups.setdefault(key(caller), []).append(caller)
    return groups


def _merged(groups: dict[tuple[str, ...], list[Caller]], most: int) -> dict[tuple[str, ...], list[Caller]]:
    """The busiest stay by themselves; the rest play together as `others`."""
    ordered = sorted(groups.items(), key=lambda item: (-sum(one.counted_per_s for one in item[1]), item[0]))
    rest = [caller for _, members in ordered[most - 1 :] for caller in members]
    return dict(ordered[: most - 1]) | {("others",): rest}


def _player(name: str, members: Sequence[Caller], scene: Scene) -> Player | None:
    allowed = np.array([_usable(address, members) for address in scene.endpoints], dtype=bool)
    rate = sum(caller.counted_per_s for caller in members)
    if not allowed.any() or rate <= 0:
        return None
    flows = [sum(caller.flow(address) for caller in members) for address in scene.endpoints]
    sent = _normal(np.array(flows), allowed)
    mixes = np.array([_mix(caller, scene) for caller in members])
    weights = np.array([caller.counted_per_s for caller in members])
    mixed = _normal(weights @ mixes, allowed) if mixes.any() else sent
    return Player(name, tuple(members), rate, allowed, sent, mixed)


def _mix(caller: Caller, scene: Scene) -> list[float]:
    """What its own learner would play; all 0 where it does not say."""
    return [
        (endpoint.mix or 0.0) if (endpoint := caller.seen.get(address)) is not None else 0.0
        for address in scene.endpoints
    ]


def _normal(parts: Vector, allowed: NDArray[np.bool_]) -> Vector:
    """Shares of what is allowed; even where there is nothing."""
    kept = np.where(allowed, parts, 0.0)
    total = float(kept.sum())
    return np.asarray(kept / total if total > 0 else allowed / allowed.sum(), dtype=np.float64)


def _usable(address: str, members: Sequence[Caller]) -> bool:
    """Most of them have it, and admit it."""
    admitting = sum(
        (endpoint := caller.seen.get(address)) is not None and endpoint.admitted for caller in members
    )
    return 2 * admitting > len(members) or admitting == len(members) > 0
