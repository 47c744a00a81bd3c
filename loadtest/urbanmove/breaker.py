"""The circuit breaker in front of trajet-service, as ticket-service configures Resilience4j.

Last 10 calls, opens at half of them failed, stays open 10 s, then lets 10 trial calls through and decides again.
Time is passed in.
"""

from collections import deque

WINDOW = 10
THRESHOLD = 0.5
OPEN_S = 10.0


class Breaker:
    """Whether a call may be made; told how each one ended."""

    def __init__(self) -> None:
        self._recent: deque[bool] = deque(maxlen=WINDOW)
        self._closed_again_s = 0.0
        self._trials_left: int | None = None
        """None unless half open."""

    def allows(self, now_s: float) -> bool:
        """Whether to call; each allowed call must be followed by `ended`."""
        if now_s < self._closed_again_s:
            return False
        if self._trials_left is None:
            return True
        if self._trials_left == 0:
            return False
        self._trials_left -= 1
        return True

    def ended(self, *, failed: bool, now_s: float) -> None:
        """How a call ended. A 404 is an answer, not a failure."""
        if now_s < self._closed_again_s:
            return  # it began before the breaker opened
        self._recent.append(failed)
        if len(self._recent) < WINDOW:
            return
        if sum(self._recent) >= WINDOW * THRESHOLD:
            self._closed_again_s = now_s + OPEN_S
            self._trials_left = WINDOW
            self._recent.clear()
        elif self._trials_left is not None:
            self._trials_left = None
