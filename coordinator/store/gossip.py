"""What is said of callers, merged: the newest word on each pair counts, and what is old is forgotten. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from coordinator.store.interface import Standing

MOST: Final = 10_000
"""Of more, a sixteenth of room is made."""
KEPT_S: Final = 300.0
"""Longer than any punishment's forgiveness takes; then a caller nobody speaks of is unknown again."""
_AHEAD_S: Final = 60.0
"""A clock that is further ahead than this is not believed: its word would stand for long."""

Pair = tuple[str, str]
"""Caller, target."""


class Gossip:
    """Bounded: at most `MOST` pairs; of more, the oldest are forgotten."""

    def __init__(self) -> None:
        self._known: dict[Pair, Standing] = {}

    def __len__(self) -> int:
        return len(self._known)

    @property
    def known(self) -> Mapping[Pair, Standing]:
        """By (caller, target)."""
        return self._known

    def hear(self, standings: Iterable[Standing], wall_s: float) -> None:
        """The newest of each pair; of two as new, the lower score, so that all agree whatever the order."""
        for said in standings:
            if not wall_s - KEPT_S <= said.at <= wall_s + _AHEAD_S:
                continue
            pair = said.caller, said.target
            before = self._known.get(pair)
            if before is None or (before.at, -before.score) < (said.at, -said.score):
                self._known[pair] = said
        if len(self._known) > MOST:  # only then: every report comes here, and to look through all is dear
            self.forget(wall_s)

    def forget(self, wall_s: float) -> None:
        """What is old, and what is too much."""
        since = wall_s - KEPT_S
        kept = {pair: said for pair, said in self._known.items() if said.at >= since}
        if len(kept) > MOST:
            newest = sorted(kept, key=lambda pair: (-kept[pair].at, pair))[
                : MOST - MOST // 16
            ]  # not again at once
            kept = {pair: kept[pair] for pair in newest}
        self._known = kept


def plain(said: Standing) -> dict[str, Any]:
    """For JSON; the pair is its key."""
    return {"score": said.score, "punished": said.punished, "at": said.at}


def of_plain(pair: Pair, found: Any) -> Standing:
    """The inverse. Raises ValueError for anything else."""
    try:
        score, at = float(found["score"]), float(found["at"])
        punished = found["punished"]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"no standing: {error!r}") from None
    if not (0.0 <= score <= 1.0 and isinstance(punished, bool)):
        raise ValueError(f"no standing: score {score!r}, punished {punished!r}")
    return Standing(caller=pair[0], target=pair[1], score=score, punished=punished, at=at)
