"""What is told, by the names it is asked for, with the number of each change. Pure.

Numbers only grow; what a subscriber does not know yet is what changed after its number. A service that is gone is
remembered for those who knew it, up to a limit; whoever comes from before that limit is told everything (`horizon`).
"""

from collections.abc import Iterable, Iterator
from typing import Final

from coordinator.feed.entry import Entry, Place, Said

MOST_GONE: Final = 10_000
MOST_FORMER: Final = 64
"""Names that one service has lost."""


class Table:
    """Of entries, by place."""

    def __init__(self, most_gone: int = MOST_GONE) -> None:
        self.number = 0
        """Of the last change."""
        self.horizon = 0
        """What was gone by this number may have been forgotten."""
        self._most_gone = most_gone
        self._entries: dict[Place, Entry] = {}
        self._gone: dict[Place, None] = {}
        self._index: dict[str, set[Place]] = {}
        self._news: dict[Place, None] = {}

    def __len__(self) -> int:
        return len(self._entries) - len(self._gone)

    def __repr__(self) -> str:
        return f"Table({len(self)} services, change {self.number})"

    def next(self) -> int:
        """The number of one more change."""
        self.number += 1
        return self.number

    def get(self, place: Place) -> Entry | None:
        """What is told of it."""
        return self._entries.get(place)

    def find(self, names: Iterable[str]) -> Iterator[Entry]:
        """Entries that are, or were, called so; each once."""
        places: dict[Place, None] = {}
        for name in names:
            found = self._index.get(name)
            if found is not None:
                places.update(dict.fromkeys(found if len(found) == 1 else sorted(found)))
        return (self._entries[place] for place in places)

    def news(self) -> list[Entry]:
        """What has changed since this was asked last."""
        found = [self._entries[place] for place in self._news if place in self._entries]
        self._news = {}
        return found

    def put(self, place: Place, said: Said) -> None:
        """What is to be told of it from now on."""
        entry = self._entries.get(place)
        if entry is None:
            if said["endpoints"] is None:
                return
            entry = self._entries[place] = Entry(place)
        if not entry.becomes(said, self.number + 1):
            return
        self.number += 1
        self._news[place] = None
        for name in entry.names:
            self._index.setdefault(name, set()).add(place)
        while len(entry.former) > MOST_FORMER:
            name = next(iter(entry.former))
            self.horizon = max(self.horizon, entry.former.pop(name))
            self._unname(name, place)
        self._gone.pop(place, None)
        if not entry.exists:
            self._gone[place] = None
            self._forget()

    def _forget(self) -> None:
        """The one that has been gone for longest, when there are too many."""
        while len(self._gone) > self._most_gone:
            place = next(iter(self._gone))
            del self._gone[place]
            entry = self._entries.pop(place)
            self.horizon = max(self.horizon, entry.changed)
            for name in (*entry.former, *entry.names):
                self._unname(name, place)

    def _unname(self, name: str, place: Place) -> None:
        places = self._index[name]
        places.discard(place)
        if not places:
            del self._index[name]
