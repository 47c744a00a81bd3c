"""Which rooms a coordinator has, by its settings."""

from typing import TYPE_CHECKING

from coordinator import state
from coordinator.feed.room import Feed
from coordinator.live.room import Live
from coordinator.live.sources import Nobody, Sources
from coordinator.parts import Parts
from coordinator.room import Room
from coordinator.settings import Settings
from coordinator.store import choice
from sidecar.policy.auth import Verifier

if TYPE_CHECKING:
    from coordinator.advice.room import Advice


def build(settings: Settings, parts: Parts) -> dict[str, Room]:
    """By the name they have in `/state`. Raises ConfigError for a store whose package is missing."""
    rooms: dict[str, Room] = {}
    if settings.feed == "on":
        rooms["feed"] = Feed(parts.client, parts.inventory, parts.callers, parts.api_failed)
    advice = _advice(settings, parts) if settings.advice == "on" else None
    if advice is not None:
        rooms["advice"] = advice
    if settings.live == "on":
        rooms["live"] = _live(settings, parts, advice)
    return rooms


def _advice(settings: Settings, parts: Parts) -> "Advice":
    from coordinator.advice.room import Advice  # numpy, and 15 MB, only where it is served
    from coordinator.policy.advice.config import AdviceConfig

    config = AdviceConfig(epoch_s=settings.epoch, work=settings.epoch_work)
    return Advice(config, choice.opened(settings.store), parts.callers, parts.leading)


def _live(settings: Settings, parts: Parts, advice: "Advice | None") -> Live:
    """What it shows of routing is what sidecars report with their questions for advice."""
    sources = Sources(
        name=settings.name,
        cycle=lambda: parts.last,
        told=state.of,
        heard=advice.adviser if advice is not None else Nobody(),
        epoch=lambda: advice.board.epoch if advice is not None else None,
        leader=parts.leader,
    )
    return Live(sources, Verifier(settings.key) if settings.key is not None else None)
