"""From a joint distribution to what each sidecar is told: one draw a slot, and of it only the own component.

The draws are the coordinator's. Whoever reads his own column learns of the others what the equilibrium counts on that
he learns, and nothing more (Aumann 1974): a sidecar sees neither the profile nor the distribution.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from coordinator.policy.advice.config import AdviceConfig
from coordinator.policy.advice.epoch import Action, Actions
from coordinator.policy.advice.players import Player
from coordinator.policy.advice.scene import Caller

_LEAST: Final = 0.0005
"""A share below this is none: at a request a second it would be one in half an hour."""
_DIGITS: Final = 5

Profiles = NDArray[np.intp]
Usable = tuple[bool, ...]
"""Of each endpoint, by one sidecar."""


def slots(config: AdviceConfig) -> int:
    """Enough for the life of a column, whenever in a slot it begins."""
    return math.ceil(config.life_s * 1000 / config.slot_ms) + 1


def drawn(
    profiles: Profiles, probabilities: NDArray[np.float64], count: int, rng: np.random.Generator
) -> Profiles:
    """(count, n): a profile a slot."""
    chances = np.clip(probabilities, 0.0, None)
    numbers = rng.choice(len(profiles), size=count, p=chances / chances.sum())
    return np.asarray(profiles[numbers])


def told(
    players: Sequence[Player],
    vectors: Sequence[NDArray[np.float64]],
    play: Profiles,
    endpoints: Sequence[str],
) -> Mapping[str, Actions]:
    """By sidecar: the actions of its player, over the endpoints it has itself admitted."""
    columns: dict[str, Actions] = {}
    for who, player in enumerate(players):
        numbers = play[:, who].tolist()
        made: dict[Usable, Actions] = {}  # members who may use the same share one column: there are thousands
        for member in player.members:
            usable = tuple(_usable(address, member) for address in endpoints)
            if usable not in made:
                made[usable] = _column(numbers, vectors[who], endpoints, usable)
            if made[usable]:
                columns[member.sidecar] = made[usable]
    return columns


def _usable(address: str, member: Caller) -> bool:
    """It has admitted it itself."""
    return address in member.seen and member.seen[address].admitted


def _column(
    numbers: Sequence[int], vectors: NDArray[np.float64], endpoints: Sequence[str], usable: Usable
) -> Actions:
    """One action a slot; empty where nothing is left of one of them."""
    actions = {number: _action(vectors[number], endpoints, usable) for number in sorted(set(numbers))}
    return tuple(actions[number] for number in numbers) if all(actions.values()) else ()


def _action(vector: NDArray[np.float64], endpoints: Sequence[str], usable: Usable) -> Action:
    """Empty where nothing is left of it."""
    shares = {
        address: share
        for address, share, fits in zip(endpoints, vector.tolist(), usable, strict=True)
        if share >= _LEAST and fits
    }
    total = sum(shares.values())
    return {address: round(share / total, _DIGITS) for address, share in shares.items()} if total > 0 else {}
