"""Who a bearer token is of. One review at a time for each token, whoever asks; none that is not needed."""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Final

from coordinator.callers import verdicts
from coordinator.callers.review import review
from coordinator.callers.verdicts import Key, Verdict, Verdicts
from coordinator.callers.who import Refused, Who
from sidecar import clock
from sidecar.kube.client import Client
from sidecar.kube.errors import ApiError

MOST_REVIEWS: Final = 32
"""Under way at a time: strangers' tokens must not become a load on the API server."""
MOST_WAITING: Final = 2000
AWAY_S: Final = 1.0
"""After a review that failed the API server is left alone for so long."""
LONGEST_TOKEN: Final = 16 * 1024


class Tokens:
    """`client`: of the API server, by an account that may create TokenReviews; `failed`: told once per mishap."""

    def __init__(
        self,
        client: Client,
        *,
        failed: Callable[[ApiError], None] = lambda _: None,
        now: Callable[[], float] = clock.now,
        wall_s: Callable[[], float] = clock.wall_s,
    ) -> None:
        self._client = client
        self._failed = failed
        self._now = now
        self._wall_s = wall_s
        self._verdicts = Verdicts()
        self._pending: dict[Key, asyncio.Event] = {}
        self._room = asyncio.Semaphore(MOST_REVIEWS)
        self._away_until = float("-inf")
        self._problem = ""
        self.reviews: Counter[str] = Counter()
        """How reviews ended: good, refused, failed."""

    def __repr__(self) -> str:
        return f"Tokens({len(self._verdicts)} known, {len(self._pending)} asked about)"

    async def who(self, token: str) -> Who:
        """Raise `Refused`: 401 or 403 for a token that is not good, 503 while nobody can say."""
        if not token or len(token) > LONGEST_TOKEN or not (token.isascii() and token.isprintable()):
            raise Refused(401, "not a token; allowed: Authorization: Bearer TOKEN")
        key = verdicts.key_of(token)
        while True:
            known = self._verdicts.get(key)
            if known is not None and known.fresh(self._now()):
                return _said(known)
            if self._now() < self._away_until:
                return self._last(known)
            under_way = self._pending.get(key)
            if under_way is None:
                return await self._ask(key, token, known)
            await under_way.wait()

    async def _ask(self, key: Key, token: str, known: Verdict | None) -> Who:
        if len(self._pending) >= MOST_WAITING:
            raise Refused(503, f"{MOST_WAITING} tokens are being reviewed already", AWAY_S)
        over = self._pending[key] = asyncio.Event()
        try:
            async with self._room:
                if self._now() < self._away_until:  # it went away while we queued
                    return self._last(known)
                said = await review(self._client, token)
        except ApiError as error:
            self._mishap(error)
            return self._last(known)
        finally:  # whoever waits for this looks again; one of them asks, should this one have been cancelled
            del self._pending[key]
            over.set()
        self.reviews["good" if isinstance(said, Who) else "refused"] += 1
        self._problem = ""
        now = self._now()
        verdict = Verdict(said, now, verdicts.ends_at(token, self._wall_s(), now))
        self._verdicts.put(key, verdict)
        return _said(verdict)

    def _mishap(self, error: ApiError) -> None:
        self.reviews["failed"] += 1
        self._away_until = self._now() + AWAY_S
        if error.reason != self._problem:
            self._problem = error.reason
            self._failed(error)

    def _last(self, known: Verdict | None) -> Who:
        """What counts while the API server cannot be asked."""
        if known is not None and known.stands(self._now()):
            return _said(known)
        why = f"the API server cannot be asked who this is ({self._problem})"
        raise Refused(503, f"{why}; ask again", AWAY_S)


def _said(verdict: Verdict) -> Who:
    if isinstance(verdict.said, Refused):
        refused = verdict.said
        raise Refused(refused.status, refused.detail, refused.retry_after_s)
    return verdict.said
