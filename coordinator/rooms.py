"""Which rooms a coordinator has, by its settings."""

from coordinator.parts import Parts
from coordinator.room import Room
from coordinator.settings import Settings


def build(settings: Settings, parts: Parts) -> dict[str, Room]:
    """By the name they have in `/state`."""
    return {}
