"""Asks the coordinator for advice: a long poll, whose question is a report, again and again.

What was advised last stays in force until it expires, whatever becomes of the server: nothing here is on the way of
a request. A question that fails is asked again after a pause that doubles.
"""

import asyncio
import random
from collections.abc import Callable, Mapping
from typing import Final

from sidecar import clock
from sidecar.advice import messages
from sidecar.advice.messages import Answer, Asker
from sidecar.errors import DiscoveryError
from sidecar.kube.backoff import LONGEST_S, REFUSED_S, Backoff
from sidecar.kube.client import ApiError, Client
from sidecar.policy.advice import Column

WAIT_S: Final = 5
"""How long the server may hold a question; a report is as old as that at most."""
PATIENCE_S: Final = 5.0
"""How much longer we wait for it: an answer's time is its server's, and half-dead servers must be noticed."""
PAUSE_S: Final = 0.1
"""Between questions, half of it random: a thousand sidecars must not ask in step."""
IMPATIENT_S: Final = 1.0
"""The same when a server answers at once that nothing is new."""
LONGEST_ASKED_S: Final = 30.0
"""Of what a server may ask us to wait."""

Take = Callable[[Mapping[str, Column], float], None]
OnError = Callable[[DiscoveryError], None]


class AdviceClient:
    """Tells `told()`, hands columns by service to `take`; closes `client` whenever it stops running."""

    def __init__(
        self,
        client: Client,
        asker: Asker,
        told: Callable[[], Mapping[str, object]],
        take: Take,
        on_error: OnError,
        *,
        now: Callable[[], float] = clock.now,
        rng: random.Random | None = None,
    ) -> None:
        self._client = client
        self._asker = asker
        self._told = told
        self._take = take
        self._on_error = on_error
        self._now = now
        self._rng = rng or random.Random()  # noqa: S311 (jitter)
        self._backoff = Backoff(self._rng)
        self._version: str | None = None
        self._mishap = ""
        self._heard_at = -1.0

    def __repr__(self) -> str:
        return f"AdviceClient({self._client}, version={self._version!r})"

    async def run(self) -> None:
        """Until cancelled."""
        try:
            await asyncio.sleep(PAUSE_S * self._rng.random())
            while True:
                pause_s = await self._turn()
                await asyncio.sleep(pause_s)
        finally:
            await self._client.close()

    def state(self) -> dict[str, object]:
        """Plain values for `/state`."""
        heard = self._heard_at
        return {
            "coordinator": str(self._client),
            "version": self._version,
            "heard_s_ago": self._now() - heard if heard >= 0.0 else None,
            "mishap": self._mishap or None,
        }

    async def _turn(self) -> float:
        """One question and what follows from it: seconds until the next."""
        started, since = self._now(), self._version
        try:
            answer = await self._ask(since)
        except ApiError as error:
            return self._failed(error)
        except DiscoveryError as error:
            self._report(f"{self._client}: {error}")
            return self._backoff.next_s()
        self._backoff.reset()
        self._mishap = ""
        self._version = answer.version
        self._heard_at = now = self._now()
        self._take(answer.columns(now), now)
        idle = answer.version == since and now - started < IMPATIENT_S
        return (IMPATIENT_S if idle else PAUSE_S) * self._rng.uniform(0.5, 1.0)

    async def _ask(self, since: str | None) -> Answer:
        """Raises ApiError, DiscoveryError."""
        body = self._asker.question(self._told(), WAIT_S, since)
        plain = await self._client.request(
            "POST",
            messages.PATH,
            body=body,
            timeout_s=WAIT_S + PATIENCE_S,
            largest_bytes=messages.LARGEST_BYTES,
        )
        return messages.read(plain)

    def _failed(self, error: ApiError) -> float:
        if error.gone:
            self._version = None
        else:
            self._report(
                f"{error}; what was advised stays in force until it expires", f"{error.status} {error.reason}"
            )
        longest_s = REFUSED_S if error.status in (403, 404) else LONGEST_S
        asked_s = min(error.retry_after_s or 0.0, LONGEST_ASKED_S)
        return self._backoff.next_s(longest_s=longest_s, least_s=asked_s * self._rng.uniform(1.0, 1.2))

    def _report(self, text: str, kind: str = "") -> None:
        """Once per mishap."""
        if self._mishap != (kind or text):
            self._mishap = kind or text
            self._on_error(DiscoveryError(text))
