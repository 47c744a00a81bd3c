"""Asking a Prometheus for the golden signals of all pods: one query a signal, all at once.

What one query answers is kept while it is younger than `age_s`, so that a Prometheus that restarts is not missed; after
that nobody knows. Nothing that goes wrong here raises: it is named, counted, and the rest of the answer is used.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

import aiohttp

from coordinator.policy import signals
from coordinator.policy.observing import Scraped
from coordinator.policy.signals import SIGNALS, Series, Signal
from coordinator.telemetry import fetch
from coordinator.telemetry.fetch import Silence
from sidecar import clock

TIMEOUT_S: Final = 5.0
MOST_BYTES: Final = 16 * 1024 * 1024
MOST_WHY: Final = 300


@dataclass(slots=True)
class Kept:
    """The last good answer to one query."""

    series: Series
    at: float


class Prometheus:
    """`url`: its root; `window_s`: how far queries look back; `failures`: by signal and word, since the start."""

    def __init__(
        self,
        url: str,
        *,
        window_s: float,
        age_s: float,
        token_file: str | None = None,
        timeout_s: float = TIMEOUT_S,
        now: Callable[[], float] = clock.now,
    ) -> None:
        self._url = url.rstrip("/")
        self._window_s = window_s
        self._age_s = age_s
        self._token_file = token_file
        self._timeout_s = timeout_s
        self._now = now
        self._kept: dict[str, Kept] = {}
        self._pool: aiohttp.ClientSession | None = None
        self.failures: Counter[tuple[str, str]] = Counter()

    def __repr__(self) -> str:
        return f"Prometheus({self._url}, {len(self._kept)} signals, {sum(self.failures.values())} failures)"

    async def close(self) -> None:
        """Close every connection."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.close()

    async def scrape(self) -> Scraped:
        """All signals as they are now."""
        mishaps = await asyncio.gather(*(self._ask(signal) for signal in SIGNALS))
        now = self._now()
        fresh = {name: kept for name, kept in self._kept.items() if now - kept.at <= self._age_s}
        return Scraped(
            values={name: kept.series.values for name, kept in fresh.items()},
            at=min((kept.at for kept in fresh.values()), default=now),
            why="; ".join(dict.fromkeys(mishap for mishap in mishaps if mishap))[:MOST_WHY],
        )

    async def _ask(self, signal: Signal) -> str:
        """Empty, or what went wrong. What is kept changes only for a good answer."""
        try:
            series = signals.read(signal, await self._query(signal.over(self._window_s)))
        except Silence as silence:
            self.failures[signal.name, silence.word] += 1
            return f"Prometheus: {silence}"
        except ValueError as error:
            self.failures[signal.name, "refused"] += 1
            return f"Prometheus, {signal.name}: {error}"
        for word, count in series.dropped.items():
            self.failures[signal.name, word] += count
        if series.warnings:
            self.failures[signal.name, "warning"] += 1
        self._kept[signal.name] = Kept(series, self._now())
        return f"Prometheus warns: {series.warnings[0]}" if series.warnings else ""

    async def _query(self, query: str) -> dict[str, object]:
        if self._pool is None:
            self._pool = fetch.session(len(SIGNALS))
        url = f"{self._url}/api/v1/query"
        status, body = await fetch.answer(
            self._pool,
            "POST",
            url,
            timeout_s=self._timeout_s,
            most_bytes=MOST_BYTES,
            data=urlencode({"query": query, "timeout": f"{self._timeout_s:g}s"}).encode(),
            headers={"Content-Type": "application/x-www-form-urlencoded", **self._credentials()},
        )
        if status in (200, 400, 422, 503):  # Prometheus says why in JSON
            try:
                return fetch.parse(body, url)
            except Silence:
                if status == 200:
                    raise
        raise Silence(f"status-{status}", f"{url} answered {status}")

    def _credentials(self) -> dict[str, str]:
        """Read anew each time: the kubelet replaces projected tokens."""
        if self._token_file is None:
            return {}
        try:
            return {"Authorization": f"Bearer {Path(self._token_file).read_text('ascii').strip()}"}
        except (OSError, UnicodeDecodeError) as error:
            raise Silence("credentials", f"token {self._token_file}: {error}") from None
