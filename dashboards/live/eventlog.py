"""The last events, by numbers that only go up: a page is sent the new ones, not the list. Pure."""

from collections.abc import Mapping
from typing import Final

from dashboards.live.frame import Event, Tone

KEPT: Final = 200
LONGEST: Final = 300
"""Characters of a text: what is longer is for a log."""


class EventLog:
    """Of one source."""

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._number = 0
        self._events: dict[str, Event] = {}

    def add(self, at: float, kind: str, text: str, who: str = "", tone: Tone = "plain") -> None:
        """Something happened at `at` (Unix seconds)."""
        self._number += 1
        short = text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
        self._events[str(self._number)] = Event(at=at, kind=kind, text=short, who=who or None, tone=tone)
        while len(self._events) > self._kept:
            del self._events[next(iter(self._events))]

    @property
    def events(self) -> Mapping[str, Event]:
        """A copy, oldest first."""
        return dict(self._events)
