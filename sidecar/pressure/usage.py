"""The application's own word on its memory, from its page of metrics.

Either Prometheus text, `process_resident_memory_bytes 1.5e+08` (every official client library exports it), or JSON,
`{"memory_bytes": 150000000}` with an optional `"limit_bytes"`.
"""

import asyncio
import math
import re
from collections.abc import Awaitable, Callable
from typing import Final

import orjson

from sidecar.pressure.sources import USAGE_URL, Feed, Reading, Source

Fetch = Callable[[], Awaitable[bytes]]
"""Gets the page's body; raises whatever it likes. Whoever provides it keeps to loopback and bounds the body."""

LARGEST_BYTES: Final = 1 << 20
_MOST_MEMORY: Final = 1 << 50
"""A petabyte: more is a mistake of units."""
_LINE: Final = re.compile(
    rb"^process_resident_memory_bytes(?:\{[^\n]*\})?[ \t]+([0-9.eE+-]+)(?:[ \t]+-?\d+)?[ \t]*\r?$",
    re.MULTILINE,
)


class UsageUrl(Source):
    """What the page said last, believed for a few refreshes; `failures` counts those that said nothing."""

    name = USAGE_URL

    def __init__(self, fetch: Fetch, *, timeout_s: float = 2.0, most_age_s: float = 10.0) -> None:
        self.missing = "the application's usage URL has said nothing yet"
        self.failures = 0
        self._fetch = fetch
        self._timeout_s = timeout_s
        self._feed = Feed(USAGE_URL, most_age_s=most_age_s)

    def read(self, now: float) -> Reading | None:
        """What it said, while that is believed."""
        return self._feed.read(now)

    async def refresh(self, now: float) -> None:
        """Fetch the page. A failure is counted and kept as the reason why nothing is known."""
        try:
            async with asyncio.timeout(self._timeout_s):
                usage, limit = parse(await self._fetch())
        except Exception as error:  # noqa: BLE001  the application's page: anything may be wrong with it
            self.failures += 1
            self.missing = f"the application's usage URL: {str(error)[:200] or type(error).__name__}"
        else:
            self._feed.set(usage, now, limit)


def parse(body: bytes) -> tuple[int, int | None]:
    """Bytes used, and the limit if the page has one. `ValueError` says what was expected."""
    if len(body) > LARGEST_BYTES:
        raise ValueError(f"{len(body)} bytes; allowed: {LARGEST_BYTES}")
    if body.lstrip()[:1] == b"{":
        return _parse_json(body)
    values = [_size(float(match)) for match in _LINE.findall(body)]
    if not values:
        raise ValueError('neither process_resident_memory_bytes nor {"memory_bytes": …}')
    return sum(values), None


def _parse_json(body: bytes) -> tuple[int, int | None]:
    document = orjson.loads(body)
    usage, limit = document.get("memory_bytes"), document.get("limit_bytes")
    return _size(usage), _size(limit) if limit is not None else None


def _size(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{str(value)[:40]!r} is not a number of bytes")  # noqa: TRY004  a page's fault, like the rest
    if not (math.isfinite(value) and 0 < value <= _MOST_MEMORY):
        raise ValueError(f"{value} is not a plausible number of bytes")
    return int(value)
