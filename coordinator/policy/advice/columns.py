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
        used = sorted(set(play[:, who].tolist()))
        for member in player.members:
            actions = {number: _action(vectors[who][number], endpoints, member) for number in used}
            if all(actions.values()):
                columns[member.sidecar] = tuple(actions[number] for number in play[:, who].tolist())
    return columns


def _action(vector: NDArray[np.float64], endpoints: Sequence[str], member: Caller) -> Action:
    """Empty where nothing is left of it."""
    shares = {
        address: share
        for address, share in zip(endpoints, vector.tolist(), strict=True)
        if share >= _LEAST and address in member.seen and member.seen[address].admitted
    }
    total = sum(shares.values())
    return {address: round(share / total, _DIGITS) for address, share in shares.items()} if total > 0 else {}
