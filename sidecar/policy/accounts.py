"""What is known of each caller, and which callers are remembered when there are too many.

Unmarked callers (score 1, not punished) are forgotten first, the least recently heard first; but of the oldest few the
one that asks least, so that a flood of new names does not make us forget who is flooding in this very tick. Who is
marked is forgotten only when everybody is, the one nearest to forgiveness first.
"""

from collections import OrderedDict
from itertools import islice
from typing import Final

from sidecar.game.repeated import Certificate
from sidecar.policy.retry_storms import KeyMemory
from sidecar.policy.sentences import Sentence

_BURST_S: Final = 0.9
_CANDIDATES: Final = 8
_WHOLE: Final = 1.0 - 1e-9


class Account:
    """One caller. Rates in requests/s; what metrics show is as of the last tick."""

    __slots__ = (
        "budget",
        "certificate",
        "claimed",
        "defections",
        "filled_at",
        "floor",
        "keys",
        "length",
        "level",
        "offered",
        "punished",
        "punishments",
        "refused",
        "requests",
        "retries",
        "score",
        "share",
        "tokens",
        "until",
        "workload",
    )

    def __init__(self, workload: str) -> None:
        self.workload = workload
        self.claimed = self.budget = 0.0  # as last told; as it counts
        self.floor = 0.0  # never pushed below
        self.score = 1.0
        self.share = 0.0  # fair share, at least the floor
        self.offered = 0.0
        self.requests = self.retries = 0  # in this tick
        self.keys: KeyMemory | None = None
        # punishment
        self.punished = False
        self.level = 0.0  # the floor while not punished
        self.length = 0  # ticks, by the theorem; 0 while not punished
        self.until = 0.0
        self.certificate: Certificate | None = None  # of the last punishment
        self.tokens = self.filled_at = 0.0
        # how often
        self.defections = self.punishments = self.refused = 0

    def __repr__(self) -> str:
        state = f"punished at {self.level:.3g}/s" if self.punished else "free"
        return f"<Account {self.workload} score={self.score:.2f} offered={self.offered:.3g}/s {state}>"

    @property
    def certified(self) -> bool:
        """The last punishment was proven to deter; True if there was none."""
        return self.certificate is None or self.certificate.holds

    def weigh(self, claimed: float, budget: float, floor: float) -> None:
        """Its budget, and the floor (requests/s) that goes with it."""
        self.claimed, self.budget, self.floor = claimed, budget, floor
        self.level = max(self.level, floor) if self.punished else floor

    def punish(self, sentence: Sentence, now: float, tick_s: float) -> None:
        """From now on, or all over again: the length counts from the last defection."""
        if not self.punished:
            self.punished = True
            self.punishments += 1
            self.tokens, self.filled_at = _burst(sentence.level), now
        self.level = sentence.level
        self.length = sentence.length
        self.certificate = sentence.certificate
        self.until = now + sentence.length * tick_s

    def release(self) -> None:
        """Served as before."""
        self.punished = False
        self.level, self.length = self.floor, 0

    def take(self, now: float) -> float:
        """One request of a punished caller: 0.0 lets it pass, else the seconds until the next one may.

        A token bucket. It holds `0.9 s` of the level and one request more: ten seconds never see more than 10 % (and
        one request) above the level, and a caller that sends once a second still gets nine tenths of it.
        """
        if now > self.filled_at:
            fresh = self.tokens + (now - self.filled_at) * self.level
            self.tokens = min(_burst(self.level), fresh)
            self.filled_at = now
        if self.tokens >= _WHOLE:
            self.tokens -= 1.0
            return 0.0
        self.refused += 1
        return (1.0 - self.tokens) / self.level


def _burst(level: float) -> float:
    return 1.0 + _BURST_S * level


class AccountBook:
    """At most so many accounts, by workload."""

    def __init__(self, most: int) -> None:
        self.accounts: dict[str, Account] = {}
        self.forgotten = 0
        self._most = most
        self._unmarked: OrderedDict[str, Account] = OrderedDict()  # least recently heard first

    def add(self, account: Account) -> Account | None:
        """Remember it; who is forgotten instead, if anybody."""
        gone = self._forget() if len(self.accounts) >= self._most else None
        self.accounts[account.workload] = account
        if account.score >= 1.0 and not account.punished:
            self._unmarked[account.workload] = account
        return gone

    def heard(self, account: Account) -> None:
        """It spoke."""
        if account.workload in self._unmarked:
            self._unmarked.move_to_end(account.workload)

    def mark(self, account: Account) -> None:
        """It defected: keep it."""
        self._unmarked.pop(account.workload, None)

    def unmark(self, account: Account) -> None:
        """All is forgiven."""
        if self.accounts.get(account.workload) is account:
            self._unmarked[account.workload] = account

    def _forget(self) -> Account:
        gone = self._least_active() if self._unmarked else self._nearest_to_forgiveness()
        del self.accounts[gone.workload]
        self._unmarked.pop(gone.workload, None)
        self.forgotten += 1
        return gone

    def _least_active(self) -> Account:
        """Among the unmarked least recently heard."""
        oldest = list(islice(self._unmarked.values(), _CANDIDATES))
        least = oldest[0]
        for account in oldest:
            if account.requests < least.requests:
                least = account
        return least

    def _nearest_to_forgiveness(self) -> Account:
        """Among the marked: the best score, not punished rather than punished."""
        best = next(iter(self.accounts.values()))
        for account in self.accounts.values():
            if (not account.punished, account.score) > (not best.punished, best.score):
                best = account
        return best
