"""Many sidecars' long polls from one process, leanly: what is measured is the coordinator, not its clients.

Asks as a sidecar does: one connection each, kept; the next question a moment after an answer, with the version of the
last.
"""

import asyncio
import random
import re
import sys
from functools import partial
from typing import ClassVar, Final, cast

import orjson

AGAIN_S: Final = 0.5
LONGEST_S: Final = 8.0
"""Between questions that are refused: from the former to the latter, doubled each time, as sidecars do. To ask on at
once would be an overload of our own making."""
_LENGTH: Final = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_CLOSE: Final = re.compile(rb"connection: *close", re.IGNORECASE)
_VERSION: Final = re.compile(rb'"version":"([^"]+)"')


class Crowd:
    """What connections of one kind share. `word`: what is said on stderr once each of `count` has been told."""

    def __init__(self, host: str, count: int, word: str, lost: "asyncio.Queue[Poll]") -> None:
        self.host, self.count, self.word, self._lost = host, count, word, lost
        self.synced = self.broken = 0

    def one_more(self) -> None:
        """Has been told for the first time."""
        self.synced += 1
        if self.synced == self.count:
            print(f"{self.word} {self.count}", file=sys.stderr, flush=True)

    def failed(self, why: str) -> None:
        """An answer that is none."""
        self.broken += 1
        if self.broken < 20:
            print(f"broken {why}", file=sys.stderr, flush=True)

    def hung_up(self, poll: "Poll") -> None:
        """It wants another connection, in a moment."""
        asyncio.get_running_loop().call_later(poll.pause_again_s(), self._lost.put_nowait, poll)


class Poll(asyncio.Protocol):
    """One sidecar's connection. `asked` and `told` are what kinds of it differ in."""

    path: ClassVar = "/"
    pause_s: ClassVar = 0.05
    """Between an answer and the next question."""

    def __init__(self, crowd: Crowd, number: int, question: dict[str, object]) -> None:
        self._crowd, self._number, self._question = crowd, number, question
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None
        self._need = -1
        self._first = True
        self._again_s = AGAIN_S

    def pause_again_s(self) -> float:
        """Before it asks again after a mishap."""
        self._again_s, pause_s = min(2 * self._again_s, LONGEST_S), self._again_s
        return pause_s * random.uniform(0.5, 1.0)

    def asked(self) -> dict[str, object]:
        """The next question."""
        return self._question

    def told(self, answer: bytes) -> bool:
        """Take an answer; whether it says what is waited for at first."""
        raise NotImplementedError

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask."""
        self._transport = cast("asyncio.Transport", transport)
        self._buffer, self._need = bytearray(), -1
        self._ask()

    def connection_lost(self, exc: Exception | None) -> None:
        """A coordinator that does not answer hangs up (503); nobody else does while it measures."""
        self._transport = None
        self._crowd.failed(f"connection lost: {exc}")
        self._crowd.hung_up(self)

    def data_received(self, data: bytes) -> None:
        """Until the answer is whole."""
        self._buffer += data
        if self._need < 0:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            length = _LENGTH.search(self._buffer, 0, end)
            self._need = end + 4 + (int(length[1]) if length else 0)
        if len(self._buffer) >= self._need:
            answer, self._buffer, self._need = bytes(self._buffer), bytearray(), -1
            self._answered(answer)

    def _ask(self) -> None:
        if self._transport is None:
            return
        body = orjson.dumps(self.asked())
        head = (
            f"POST {self.path} HTTP/1.1\r\nHost: {self._crowd.host}\r\nAuthorization: Bearer pod-{self._number}\r\n"
            f"Content-Type: application/json\r\nAccept-Encoding: identity\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self._transport.write(head.encode() + body)

    def _answered(self, answer: bytes) -> None:
        loop = asyncio.get_running_loop()
        version = _VERSION.search(answer)
        if not answer.startswith(b"HTTP/1.1 200") or version is None:
            self._crowd.failed(repr(answer[:300]))
            if _CLOSE.search(answer) is None:  # else it hangs up, and the next connection asks
                loop.call_later(self.pause_again_s(), self._ask)
            return
        self._again_s = AGAIN_S
        if self.told(answer) and self._first:
            self._first = False
            self._crowd.one_more()
        self._question["since"] = version[1].decode()
        loop.call_later(self.pause_s, self._ask)


async def connect(lost: "asyncio.Queue[Poll]", host: str, port: int) -> None:
    """Whoever has no connection gets one, until cancelled. Raises OSError where nobody listens."""
    loop = asyncio.get_running_loop()
    while True:
        poll = await lost.get()
        await loop.create_connection(partial(_itself, poll), host, port)


def _itself(poll: Poll) -> Poll:
    return poll
