"""When another attempt is allowed, and the budget that keeps retries from becoming the outage.

Budget: 20 % of requests plus 10 a second, over ten seconds (Finagle `RetryBudget`, Linkerd's defaults). A
hedge is paid from the same purse.
"""

from typing import Final

MAX_FURTHER_ATTEMPTS: Final = 2
RETRYABLE_STATUS: Final = frozenset((502, 503, 504))
_WINDOW_S: Final = 10


class RetryBudget:
    """Counts over ten one-second buckets; exact, so a burst cannot hide in an average."""

    __slots__ = ("_deposits", "_second", "_withdrawals", "min_per_s", "ratio")

    def __init__(self, ratio: float = 0.2, min_per_s: float = 10.0) -> None:
        self.ratio = ratio
        self.min_per_s = min_per_s
        self._deposits = [0] * _WINDOW_S
        self._withdrawals = [0] * _WINDOW_S
        self._second = 0

    def deposit(self, now: float) -> None:
        """One ordinary request was sent at `now` seconds."""
        second = int(now)
        if second != self._second:
            self._turn(second)
        self._deposits[second % _WINDOW_S] += 1

    def withdraw(self, now: float) -> bool:
        """Take one retry from the budget; False when it is spent."""
        self._turn(int(now))
        if sum(self._withdrawals) + 1 > self.balance():
            return False
        self._withdrawals[self._second % _WINDOW_S] += 1
        return True

    def balance(self) -> float:
        """Retries the window allows in all."""
        return self.ratio * sum(self._deposits) + self.min_per_s * _WINDOW_S

    def _turn(self, second: int) -> None:
        """Forget the buckets the clock has passed."""
        for passed in range(max(self._second + 1, second - _WINDOW_S + 1), second + 1):
            self._deposits[passed % _WINDOW_S] = self._withdrawals[passed % _WINDOW_S] = 0
        self._second = max(second, self._second)
