"""The two arms of every scenario: the same sidecar with its defaults, and without any of its games."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from loadtest import figures
from loadtest.bench import document


@dataclass(frozen=True, slots=True)
class Arm:
    """`env`: what its sidecars are told beyond where they stand."""

    name: str
    title: str
    env: Mapping[str, str] = field(default_factory=dict)


ON = Arm("on", document.OURS)
OFF = Arm("off", "round robin, no policing", {"EQUILIBRIUM_STRATEGY": "none"})
ARMS = (ON, OFF)


def in_turn(turn: int) -> Sequence[Arm]:
    """Both; who begins alternates from turn to turn."""
    return figures.rotated(ARMS, turn)
