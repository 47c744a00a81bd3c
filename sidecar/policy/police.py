"""The inbound side of the repeated game: who defects is throttled for a while, and forgiven.

A defection is a tick in which a caller offered more than its fair share while the app was congested, or retried too
much (retry_storms.py). Each lowers its score (reputation.py); below the threshold it is sentenced (sentences.py) and
throttled to a level, never cut off. A further defection starts the sentence again; it ends when its ticks are over and
the score is back. One false defection in a hundred ticks is not enough: it takes about four in a row.

What this does not prove: that callers are players who know the rule (a loop without back-off is not), nor that the
fair share is what a caller needs.
"""

import math
from typing import Final

from sidecar.contract import UNKNOWN_CALLER
from sidecar.game import feasible
from sidecar.policy import reputation, retry_storms, sentences
from sidecar.policy.accounts import Account, AccountBook
from sidecar.policy.retry_storms import KeyMemory
from sidecar.policy.rules import PoliceConfig
from sidecar.policy.sentences import Offence

__all__ = ["Account", "Police", "PoliceConfig"]

_SLACK: Final = 0.25
"""Of a tick: a timer that fires a little early is on time."""
_STALLED: Final = 3.0
"""Ticks without a tick: forgiveness must not wait for them."""


class Police:
    """Judges callers once a tick; throttles the punished request by request."""

    def __init__(self, config: PoliceConfig | None = None) -> None:
        self.config = config or PoliceConfig()
        self._discount = self.config.discount
        self._book = AccountBook(self.config.most_callers)
        self._watched: dict[str, Account] = {}  # spoke in this tick or the last, or not yet forgiven
        self._ticked_at = -math.inf

    def __repr__(self) -> str:
        punished = sum([1 for account in self.accounts.values() if account.punished])
        return f"<Police {len(self.accounts)} callers, {punished} punished>"

    @property
    def accounts(self) -> dict[str, Account]:
        """By workload; to look at, not to change."""
        return self._book.accounts

    @property
    def forgotten(self) -> int:
        """Accounts given up because there were too many."""
        return self._book.forgotten

    def account(self, workload: str, budget: float, now: float) -> Account:
        """Of this caller; may be kept for as long as its connection lasts.

        A budget that is none (negative, nan, infinite) counts as that of the unknown.
        """
        known = self._book.accounts.get(workload)
        if known is not None and known.claimed == budget:
            return known
        if known is None:
            known = Account(workload)
            self._remember(known)
        if self._ticked_at == -math.inf:
            self._ticked_at = now
        unknown = workload == UNKNOWN_CALLER
        counts = self.config.unknown_budget if unknown else self.config.counted(budget)
        known.weigh(budget, counts, counts * self.config.floor_rate)
        return known

    def request(self, account: Account, now: float, *, attempt: int = 1, key: bytes | None = None) -> float:
        """Count it. 0.0: let it pass; above: throttled, and seconds until the next one may (`Retry-After`)."""
        if not account.requests:
            account = self._heard(account)
        account.requests += 1
        repeated = key is not None and self._repeated(account, key, now)
        if repeated or attempt > 1:
            account.retries += 1
        if not account.punished or self._overdue(account, now):
            return 0.0
        return account.take(now)

    def tick(self, now: float, *, capacity: float, congested: bool) -> None:
        """About once per `tick_s`: shares, scores, punishments. `capacity` in requests/s; a bad one judges nobody."""
        elapsed_s = now - self._ticked_at
        if elapsed_s < 0.5 * self.config.tick_s:
            return
        first, self._ticked_at = elapsed_s == math.inf, now
        if first:
            return
        watched = list(self._watched.values())
        for account in watched:
            account.offered = account.requests / elapsed_s
        congested = congested or _would_be(watched, capacity)
        for account, share in zip(watched, self._shares(watched, capacity)):  # noqa: B905
            account.share = max(share, account.floor)
        wronged = congested and self._anybody_wronged(watched)
        for account in watched:
            self._judge(account, now, elapsed_s, wronged)

    def _shares(self, watched: list[Account], capacity: float) -> list[float]:
        demands = [account.offered for account in watched]
        if not capacity > 0.0:  # unknown, nan: nobody can be above what nobody knows
            return demands
        return feasible.fair_shares(demands, [account.budget for account in watched], capacity)

    def _anybody_wronged(self, watched: list[Account]) -> bool:
        """Whether enough of those who ask keep to their shares.

        Where hardly anybody does there is no cooperation to defect from: the fair queue divides what there is, and to
        punish nearly all for the sake of a few would leave the application idle.
        """
        within = beyond = 0.0
        for account in watched:
            if account.offered > account.share * (1.0 + self.config.tolerance):
                beyond += account.budget
            elif account.requests:
                within += account.budget
        return within >= self.config.cooperating * beyond

    def _judge(self, account: Account, now: float, elapsed_s: float, congested: bool) -> None:
        due = self._due(account, elapsed_s, congested)
        if due < account.offered:
            self._defected(account, due, now, elapsed_s, congested)
        else:
            self._cooperated(account, now, elapsed_s)
            if not account.requests and account.score >= 1.0 and not account.punished:
                del self._watched[account.workload]
        account.requests = account.retries = 0

    def _due(self, account: Account, elapsed_s: float, congested: bool) -> float:
        """What it might have offered without a defection; all it offered, if there was none."""
        config, share, due = self.config, account.share, account.offered
        if congested and due > share * (1.0 + config.tolerance) + config.luck * math.sqrt(share / elapsed_s):
            due = share
        storm = retry_storms.excess(
            account.requests, account.retries, elapsed_s, config.retry_share, config.retry_free
        )
        if storm > 0.0:
            due = min(due, max(account.floor, account.offered - storm))
        return due

    def _defected(self, account: Account, due: float, now: float, elapsed_s: float, congested: bool) -> None:
        config = self.config
        account.defections += 1
        account.score = reputation.fallen(account.score, min(elapsed_s, config.tick_s), config.half_life_s)
        self._book.mark(account)
        if not account.punished and account.score >= config.threshold:
            return
        back = reputation.ticks_until(config.threshold, account.score, config.tick_s, config.half_life_s)
        offence = Offence(account.offered, due, account.floor, congested)
        account.punish(sentences.pronounce(offence, self._discount, config.longest, back), now, config.tick_s)

    def _cooperated(self, account: Account, now: float, elapsed_s: float) -> None:
        if account.score >= 1.0 and not account.punished:
            return
        config = self.config
        account.score = reputation.risen(account.score, elapsed_s, config.half_life_s)
        over = now + _SLACK * config.tick_s >= account.until
        if account.punished and over and account.score >= config.threshold:
            account.release()
        if account.score >= 1.0 and not account.punished:
            self._book.unmark(account)

    def _overdue(self, account: Account, now: float) -> bool:
        """No tick came to release it: its punishment is over all the same."""
        config, silent_s = self.config, now - self._ticked_at
        over = silent_s > _STALLED * config.tick_s and now >= account.until
        if over and reputation.risen(account.score, silent_s, config.half_life_s) >= config.threshold:
            self._cooperated(account, now, silent_s)
        return not account.punished

    def _heard(self, account: Account) -> Account:
        """First request in this tick. A connection may hold an account that was forgotten, or replaced, since."""
        known = self._book.accounts.get(account.workload)
        if known is None:
            known = account
            self._remember(known)
        self._book.heard(known)
        self._watched[known.workload] = known
        return known

    def _remember(self, account: Account) -> None:
        gone = self._book.add(account)
        if gone is not None:
            gone.requests = gone.retries = 0
            self._watched.pop(gone.workload, None)

    def _repeated(self, account: Account, key: bytes, now: float) -> bool:
        if account.keys is None:
            account.keys = KeyMemory(self.config.most_keys)
        return account.keys.repeated(key, now)


def _would_be(watched: list[Account], capacity: float) -> bool:
    """It is not congested only because we throttle: what was refused counts, or punishing would undo itself."""
    if not capacity > 0.0 or True not in [account.punished for account in watched]:
        return False
    return sum([account.offered for account in watched]) > capacity
