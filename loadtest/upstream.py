"""A pod's app, as small and fast as Python allows: a protocol per connection, llhttp, canned bytes.

Paths: `/bytes/N` N bytes · `/delay/MS` answers after MS milliseconds · anything else ≈ 200 B of JSON.
Every answer names the pod in `X-Pod`. SIGTERM drains as a well-behaved server does: stop accepting, answer
what comes on open connections with `Connection: close`, close what stays idle, exit 0.
"""

import argparse
import asyncio
import random
import signal
from collections import deque
from collections.abc import Callable
from typing import cast

import httptools
import orjson
import uvloop

from loadtest import processes

MAX_CANNED = 64
MAX_BYTES = 100_000_000


class App:
    """What every connection of the process shares: the answers, the delay, whether it drains."""

    def __init__(self, name: str, delay_ms: float, seed: int = 7) -> None:
        self.name = name
        self.delay_ms = delay_ms
        self.draining = False
        self.connections: set[Connection] = set()
        self._random = random.Random(seed)
        self._canned: dict[bytes, tuple[bytes, bytes]] = {}

    def delay_s(self, path: bytes) -> float:
        """Service time in seconds: from the path, else exponential around `delay_ms`, at most 4 × that."""
        if path.startswith(b"/delay/"):
            return _number(path[7:], 60_000) / 1000
        if not self.delay_ms:
            return 0.0
        return min(self._random.expovariate(1 / self.delay_ms), 4 * self.delay_ms) / 1000

    def answer(self, path: bytes, *, head_only: bool) -> bytes:
        """The whole response, ready to write."""
        known = self._canned.get(path)
        if known is None:
            known = self._compose(path)
            if len(self._canned) < MAX_CANNED:
                self._canned[path] = known
        head, body = known
        close = b"Connection: close\r\n\r\n" if self.draining else b"\r\n"
        return head + close + (b"" if head_only else body)

    def _compose(self, path: bytes) -> tuple[bytes, bytes]:
        kind, body = b"application/json", small_json(self.name)
        if path.startswith(b"/bytes/"):
            kind, body = b"application/octet-stream", b"x" * _number(path[7:], MAX_BYTES)
        head = b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nContent-Length: %d\r\nX-Pod: %b\r\n" % (
            kind,
            len(body),
            self.name.encode(),
        )
        return head, body


def small_json(pod: str) -> bytes:
    """≈ 200 bytes: what a small read of a real service returns."""
    return orjson.dumps(
        {
            "pod": pod,
            "stop": "Central Station",
            "lines": [{"line": "12", "due_s": 95}, {"line": "40", "due_s": 210}, {"line": "7", "due_s": 420}],
            "alerts": [],
            "note": "times are seconds from now, worst first",
        }
    )


def _number(text: bytes, most: int) -> int:
    digits = text.partition(b"?")[0].partition(b"/")[0]
    return min(int(digits), most) if digits.isdigit() else 0


class Connection(asyncio.Protocol):
    """One connection: requests answered in order, one at a time."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._parser = httptools.HttpRequestParser(self)
        self._url = b""
        self._waiting: deque[tuple[bytes, bool, bool]] = deque()
        self._busy = False
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:  # noqa: D102
        self._transport = cast(asyncio.Transport, transport)
        self._app.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: D102
        self._app.connections.discard(self)
        self._transport = None

    def data_received(self, data: bytes) -> None:  # noqa: D102
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            if self._transport is not None:
                self._transport.abort()

    def on_message_begin(self) -> None:
        """Called by the parser."""
        self._url = b""

    def on_url(self, url: bytes) -> None:
        """Called by the parser, possibly in pieces."""
        self._url += url

    def on_message_complete(self) -> None:
        """Called by the parser."""
        parser = self._parser
        head_only = parser.get_method() == b"HEAD"
        self._waiting.append((self._url, head_only, parser.should_keep_alive()))
        if not self._busy:
            self._next()

    def _next(self) -> None:
        while self._waiting and not self._busy:
            path, head_only, keep = self._waiting.popleft()
            delay_s = self._app.delay_s(path)
            if delay_s:
                self._busy = True
                loop = asyncio.get_running_loop()
                loop.call_later(delay_s, self._late, path, head_only, keep)
            else:
                self._answer(path, head_only, keep)

    def _late(self, path: bytes, head_only: bool, keep: bool) -> None:
        self._busy = False
        self._answer(path, head_only, keep)
        self._next()

    def _answer(self, path: bytes, head_only: bool, keep: bool) -> None:
        if self._transport is None:
            return
        self._transport.write(self._app.answer(path, head_only=head_only))
        if self._app.draining or not keep:
            self._waiting.clear()
            self._transport.close()

    def close_if_idle(self) -> None:
        """The end of the drain: nobody asked anything more."""
        if self._transport is not None and not self._busy:
            self._transport.close()


async def serve(app: App, listen: list[str], drain_s: float) -> None:
    """Listen until SIGTERM or SIGINT, then drain: idle connections get `drain_s` to be used once more."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    servers = [await loop.create_server(lambda: Connection(app), *processes.split(each)) for each in listen]
    await stop.wait()
    app.draining = True
    for server in servers:
        server.close()
    await _until(lambda: not app.connections, drain_s)
    for connection in tuple(app.connections):
        connection.close_if_idle()
    await _until(lambda: not app.connections, 5.0)


async def _until(done: Callable[[], bool], most_s: float) -> None:
    for _ in range(int(most_s / 0.02)):
        if done():
            return
        await asyncio.sleep(0.02)


def main() -> int:
    """Run until told to stop."""
    parser = argparse.ArgumentParser(
        prog="python -m loadtest.upstream",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--listen", action="append", required=True, metavar="IP:PORT", help="repeatable")
    parser.add_argument("--name", default="pod", help="what X-Pod and the JSON say")
    parser.add_argument(
        "--delay-ms", type=float, default=0.0, help="mean service time, exponential (default 0)"
    )
    parser.add_argument(
        "--drain-s", type=float, default=1.0, help="how long idle connections stay after SIGTERM"
    )
    chosen = parser.parse_args()
    uvloop.run(serve(App(chosen.name, chosen.delay_ms), chosen.listen, chosen.drain_s))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
