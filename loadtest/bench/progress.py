"""How far a run is: every line says what part of the planned time is done, and about how much is left.

What was planned and what it took differ by machine: the time left is the plan's, stretched by what the
run took so far for what it has done.
"""

from collections.abc import Callable

SURE_AFTER = 0.02
"""Of the plan: before that, the plan is believed as it is."""


class Progress:
    """`write` gets lines; `now` is asked for the time."""

    def __init__(self, planned_s: float, write: Callable[[str], None], now: Callable[[], float]) -> None:
        self._planned_s = max(planned_s, 1.0)
        self._write = write
        self._now = now
        self._start_s = now()
        self._done_s = 0.0

    def done(self, planned_s: float, line: str) -> None:
        """Something that was planned to take so long has ended."""
        self._done_s = min(self._done_s + planned_s, self._planned_s)
        share = self._done_s / self._planned_s
        self._write(f"[{share:4.0%}, {minutes(self.left_s())} left] {line}")

    def left_s(self) -> float:
        """About how long it will still take."""
        left_s = self._planned_s - self._done_s
        if self._done_s < SURE_AFTER * self._planned_s:
            return left_s
        return left_s * self.took_s() / self._done_s

    def took_s(self) -> float:
        """Since the start."""
        return self._now() - self._start_s


def minutes(seconds: float) -> str:
    """`4:05`."""
    whole = round(seconds)
    return f"{whole // 60}:{whole % 60:02}"
