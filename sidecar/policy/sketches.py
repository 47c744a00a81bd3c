"""What can be told of a crowd in bounded memory: how many of its members are new, how evenly it asks for things.

Both count hashes (`hash` of str and bytes is keyed: SipHash, so nobody can choose collisions).
"""

import math
from typing import Final

_SAMPLING_BITS: Final = 6
_SAMPLING: Final = 2**_SAMPLING_BITS - 1
_EMPTY: Final = 0
_BEFORE: Final = 1
_NOW: Final = 2
"""Generation of a slot, in its two lowest bits; above them the hash bits that sampling goes by."""
_LEAST_SAMPLED: Final = 4


def _turned() -> bytes:
    """Every byte a generation on: now → before → empty."""
    return bytes([(byte & ~3) | _BEFORE if byte & 3 == _NOW else _EMPTY for byte in range(256)])


_TURN: Final = _turned()


class Novelty:
    """The share of events whose member was not seen in the last one or two generations.

    One byte a slot, at most a quarter of them occupied, so at most a quarter of the new ones pass for known. When
    more come, a sample of the members is watched, half as many each time (adaptive sampling: Flajolet 1990). Beyond
    64 times its room it forgets and starts again: whoever sends so many different members is new each time.
    """

    __slots__ = ("_fresh", "_mask", "_occupied", "_sampled", "_slots")

    def __init__(self, slots: int) -> None:
        self._slots = bytearray(slots)
        self._mask = 0  # members whose hash has these bits zero are watched
        self._occupied = 0
        self._sampled = self._fresh = 0

    def add(self, key: int) -> None:
        """One event of the member that hashes to `key` ≥ 0."""
        if key & self._mask:
            return
        self._sampled += 1
        slots = self._slots
        slot = (key >> _SAMPLING_BITS) % len(slots)
        if slots[slot] == _EMPTY:
            self._fresh += 1
            self._occupied += 1
        slots[slot] = (key & _SAMPLING) << 2 | _NOW
        if self._occupied * 4 > len(slots):
            self._thin()

    def take(self) -> float | None:
        """The share since it last told, then counts anew; None while there is too little to tell."""
        if self._sampled < _LEAST_SAMPLED:
            return None
        share = self._fresh / self._sampled
        self._fresh = self._sampled = 0
        return share

    def turn(self) -> None:
        """A generation is over: who was not seen in it is forgotten at the next turn."""
        self._slots = self._slots.translate(_TURN)
        self._occupied = len(self._slots) - self._slots.count(_EMPTY)
        if self._mask and self._occupied * 16 < len(self._slots):
            self._mask >>= 1

    def _thin(self) -> None:
        """Watch half as many."""
        if self._mask == _SAMPLING:
            self._slots = bytearray(len(self._slots))
        else:
            self._mask = 2 * self._mask + 1
            unwatched = [b if not (b >> 2) & self._mask else _EMPTY for b in list(self._slots)]
            self._slots = bytearray(unwatched)
        self._occupied = len(self._slots) - self._slots.count(_EMPTY)


class Spread:
    """A histogram over hashed members, and its entropy."""

    __slots__ = ("_counts", "total")

    def __init__(self, slots: int) -> None:
        self._counts = [0] * slots
        self.total = 0

    def add(self, key: int) -> None:
        """One event of the member that hashes to `key` ≥ 0."""
        counts = self._counts
        counts[key % len(counts)] += 1
        self.total += 1

    def evenness(self) -> float:
        """Shannon entropy over the most that so many events can have: 0 all the same, about 1 all different."""
        most = math.log(max(1, min(self.total, len(self._counts))))
        if most <= 0.0:
            return 0.0
        sum_log = 0.0
        for count in self._counts:
            if count > 1:
                sum_log += count * math.log(count)
        return min(1.0, max(0.0, (math.log(self.total) - sum_log / self.total) / most))

    def clear(self) -> None:
        """Count anew."""
        if self.total:
            self._counts = [0] * len(self._counts)
            self.total = 0
