"""Many sidecars' long polls from one process, leanly: what is measured is the coordinator, not its clients.

    python -m loadtest.fedcrowd HOST:PORT FIRST COUNT OF SERVICES EACH

Asks as `sidecar.discovery.coordinator` does: one connection each, kept; the next question 50 ms after an answer, with
the version of the last. For every answer with a flipped endpoint (10.200.…) one line goes to stdout: who, address,
and the time (CLOCK_MONOTONIC). On stderr `in sync COUNT` once each has had its first answer, `broken …` for mishaps.
"""

import asyncio
import re
import sys
from typing import Final, cast

import orjson

from loadtest.fedcluster import NAMESPACE, PORT
from sidecar import clock

PAUSE_S: Final = 0.05
AGAIN_S: Final = 0.2
WAIT_S: Final = 30
_LENGTH: Final = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_VERSION: Final = re.compile(rb'"version":"([^"]+)"')
_FLIPPED: Final = re.compile(rb'"10\.200\.[0-9.]+')


class Crowd:
    """What the connections of this process share."""

    def __init__(self, host: str, port: int, count: int) -> None:
        self.host, self.port, self.count = host, port, count
        self.synced = self.broken = 0

    def one_more(self) -> None:
        """Has had its first answer."""
        self.synced += 1
        if self.synced == self.count:
            print(f"in sync {self.count}", file=sys.stderr, flush=True)

    def failed(self, why: str) -> None:
        """An answer that is none."""
        self.broken += 1
        if self.broken < 20:
            print(f"broken {why}", file=sys.stderr, flush=True)


class Poll(asyncio.Protocol):
    """One sidecar."""

    def __init__(self, crowd: Crowd, number: int, question: dict[str, object]) -> None:
        self._crowd, self._number, self._question = crowd, number, question
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None
        self._need = -1
        self._first = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask."""
        self._transport = cast("asyncio.Transport", transport)
        self._ask()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody hangs up on a poll while it measures."""
        self._crowd.failed(f"connection lost: {exc}")

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
        body = orjson.dumps(self._question)
        head = (
            f"POST /v1/endpoints HTTP/1.1\r\nHost: {self._crowd.host}\r\nAuthorization: Bearer pod-{self._number}\r\n"
            f"Content-Type: application/json\r\nAccept-Encoding: identity\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self._transport.write(head.encode() + body)

    def _answered(self, answer: bytes) -> None:
        loop = asyncio.get_running_loop()
        version = _VERSION.search(answer)
        if not answer.startswith(b"HTTP/1.1 200") or version is None:
            self._crowd.failed(repr(answer[:300]))
            loop.call_later(AGAIN_S, self._ask)
            return
        flipped = _FLIPPED.search(answer)
        if flipped is not None:
            print(self._number, flipped[0][1:].decode(), clock.now(), flush=False)
        if self._first:
            self._first = False
            self._crowd.one_more()
        self._question["since"] = version[1].decode()
        loop.call_later(PAUSE_S, self._ask)


async def _run(at: str, first: int, count: int, of: int, services: int, each: int) -> None:
    host, _, port = at.rpartition(":")
    crowd = Crowd(host, int(port), count)
    loop = asyncio.get_running_loop()
    for number in range(first, first + count):
        wanted = {0, *((number * 7 + step * 13) % services for step in range(each - 1))}
        question: dict[str, object] = {
            "namespace": NAMESPACE,
            "workload": f"{NAMESPACE}/service-{number % of % services}",
            "zone": "eu-1a",
            "services": sorted(f"service-{one}.{NAMESPACE}:{PORT}" for one in wanted),
            "wait_s": WAIT_S,
        }
        await loop.create_connection(lambda n=number, q=question: Poll(crowd, n, q), host, int(port))  # type: ignore[misc]
    while True:
        await asyncio.sleep(0.5)
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(_run(sys.argv[1], *map(int, sys.argv[2:7])))
