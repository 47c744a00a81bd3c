"""What the API server said of tokens, by the SHA-256 of each: for how long it counts, and how many are kept. Pure.

A token itself is kept nowhere. What is kept of a good one outlives neither the token nor, while the API server can be
asked, `FRESH_S`: a pod that is deleted loses its token at once, and this cache is how much later that is noticed.
"""

import base64
import binascii
import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

import orjson

from coordinator.callers.who import Refused, Who

FRESH_S: Final = 120.0
"""A good token is not asked about again for so long (as a kubelet's own cache of reviews, by default)."""
REFUSED_S: Final = 10.0
"""A bad one; short, since a token may be good a moment later (a clock that was behind)."""
KEPT_S: Final = 3600.0
"""While the API server is away, the last good verdict counts for so long: the life of a projected token."""
MOST: Final = 10_000

Key = bytes


@dataclass(frozen=True, slots=True)
class Verdict:
    """`said`: who it is, or why not; `at`: when it was said; `until`: when the token ends, by the same clock."""

    said: Who | Refused
    at: float
    until: float

    def fresh(self, now: float) -> bool:
        """It counts without asking again."""
        if isinstance(
            self.said, Refused
        ):  # the usual bad token has ended: that must not make it worth asking about
            return now < self.at + REFUSED_S
        return now < min(self.until, self.at + FRESH_S)

    def stands(self, now: float) -> bool:
        """It counts because nobody can be asked."""
        return isinstance(self.said, Who) and now < min(self.until, self.at + KEPT_S)


class Verdicts:
    """The latest `MOST`, by key; those used longest ago are forgotten first."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._kept: OrderedDict[Key, Verdict] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def __repr__(self) -> str:
        return f"Verdicts({len(self._kept)})"

    def get(self, key: Key) -> Verdict | None:
        """The last one, however old."""
        if key in self._kept:
            self._kept.move_to_end(key)
        return self._kept.get(key)

    def put(self, key: Key, verdict: Verdict) -> None:
        """Remember it."""
        self._kept[key] = verdict
        self._kept.move_to_end(key)
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)


def key_of(token: str) -> Key:
    """What a token is remembered by."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


def ends_at(token: str, wall_s: float, now: float) -> float:
    """When a JSON web token (RFC 7519) says that it ends, by the clock of `now`; infinity where it does not say.

    Only shortens what the API server has said, so nothing is gained by lying in it.
    """
    parts = token.split(".")
    try:
        body = base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4))
        said = orjson.loads(body)["exp"]
        return now + float(said) - wall_s
    except (IndexError, KeyError, TypeError, ValueError, binascii.Error):
        return float("inf")
