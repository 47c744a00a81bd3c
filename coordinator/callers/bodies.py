"""Bodies of questions, bounded before it is known who asks: each in size and time, all of them together in memory."""

import asyncio
from typing import Final

from aiohttp import web

from coordinator.callers.who import Refused

MOST_ARRIVING: Final = 16 * 1024 * 1024
"""Bytes of bodies that have not arrived in full: a stranger may hold this much, and not a body for each connection."""
WITHIN_S: Final = 10.0
"""For a body to arrive in."""
SMALL: Final = 16 * 1024
"""A body up to this finds room even where large ones have taken all of it: a usual question."""


class Bodies:
    """`what`: a question in the words of the refusal; `most`: bytes of one."""

    def __init__(self, what: str, most: int) -> None:
        self._what = what
        self._most = most
        self.arriving = 0

    async def read(self, request: web.Request) -> bytes:
        """Raise `Refused`: 408, 413, 503."""
        if (request.content_length or 0) > self._most:
            raise self._too_large()
        body = bytearray()
        try:
            async with asyncio.timeout(WITHIN_S):
                async for chunk in request.content.iter_any():
                    body += chunk
                    self.arriving += len(chunk)
                    self._check(len(body))
        except TimeoutError:
            raise Refused(408, f"{self._what} did not arrive within {WITHIN_S:g} s") from None
        finally:
            self.arriving -= len(body)
        return bytes(body)

    def _check(self, size: int) -> None:
        if size > self._most:
            raise self._too_large()
        if self.arriving > MOST_ARRIVING and size > SMALL:
            raise Refused(503, "too many large questions arrive at once; ask again", 1.0)

    def _too_large(self) -> Refused:
        return Refused(413, f"{self._what} is too large; allowed: at most {self._most} bytes")
