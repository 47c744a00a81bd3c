"""How often one sidecar may ask: once a second in the long run, and ten times at once."""

from typing import Final

PER_S: Final = 1.0
BURST: Final = 10.0
_MOST: Final = 8192


class Pace:
    """Bounded: beyond 8,192 sidecars those whose allowance is whole again are forgotten, then all."""

    def __init__(self) -> None:
        self._left: dict[str, tuple[float, float]] = {}

    def allows(self, sidecar: str, now: float) -> bool:
        """Whether this one more is not too many."""
        if len(self._left) >= _MOST and sidecar not in self._left:
            self._forget(now)
        left, at = self._left.get(sidecar, (BURST, now))
        left = min(BURST, left + (now - at) * PER_S)
        self._left[sidecar] = (max(left - 1.0, 0.0) if left >= 1.0 else left, now)
        return left >= 1.0

    def _forget(self, now: float) -> None:
        self._left = {
            name: (left, at) for name, (left, at) in self._left.items() if left + (now - at) * PER_S < BURST
        }
        if len(self._left) >= _MOST:
            self._left.clear()
