"""A pod's app, as small and fast as Python allows: a protocol per connection, llhttp, canned answers.

Paths: `/bytes/N` N bytes · `/delay/MS` answers after MS milliseconds · anything else ≈ 200 B of JSON.
Every answer names the pod in `X-Pod`. With `--workers N` no more than N are served at once, the others wait in a
queue without end, as at naive servers (`loadtest.crew`). With `--door IP:PORT` it can be made ill (`loadtest.ailment`).
SIGTERM drains as a well-behaved server does: stop accepting, answer what comes on open connections with
`Connection: close`, close what stays idle, exit 0.
"""

import argparse
import asyncio
import functools
import signal
from collections import deque
from collections.abc import Callable
from typing import cast

import httptools
import uvloop

from loadtest import ailment, canned, crew, processes


class Connection(asyncio.Protocol):
    """One connection: requests answered in order, one at a time."""

    def __init__(self, app: canned.App, workers: crew.Crew | None = None) -> None:
        self._app = app
        self._crew = workers
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
            app = self._app
            app.received += path != canned.HEALTH
            if app.ill.hang:
                self._busy = True
                app.held.append(functools.partial(self._late, path, head_only, keep))
            elif app.fails():
                self._write(app.failure(), keep)
            else:
                self._serve(path, head_only, keep)

    def _serve(self, path: bytes, head_only: bool, keep: bool) -> None:
        if delay_s := self._app.delay_s(path):
            self._busy = True
            if self._crew is not None:
                self._crew.work(delay_s, functools.partial(self._late, path, head_only, keep))
            else:
                asyncio.get_running_loop().call_later(delay_s, self._late, path, head_only, keep)
        else:
            self._answer(path, head_only, keep)

    def _late(self, path: bytes, head_only: bool, keep: bool) -> None:
        self._busy = False
        self._answer(path, head_only, keep)
        self._next()

    def _answer(self, path: bytes, head_only: bool, keep: bool) -> None:
        self._write(self._app.answer(path, head_only=head_only), keep)

    def _write(self, response: bytes, keep: bool) -> None:
        if self._transport is None:
            return
        self._transport.write(response)
        if self._app.draining or not keep:
            self._waiting.clear()
            self._transport.close()

    def close_if_idle(self) -> None:
        """The end of the drain: nobody asked anything more."""
        if self._transport is not None and not self._busy:
            self._transport.close()


async def serve(
    app: canned.App,
    listen: list[str],
    drain_s: float,
    door: str | None = None,
    workers: crew.Crew | None = None,
) -> None:
    """Listen until SIGTERM or SIGINT, then drain: idle connections get `drain_s` to be used once more."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    servers = [
        await loop.create_server(lambda: Connection(app, workers), *processes.split(each)) for each in listen
    ]
    if door is not None:
        servers.append(await loop.create_server(lambda: ailment.Door(app.tell), *processes.split(door)))
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
    parser.add_argument("--sigma", type=float, help="the service time is lognormal with this sigma instead")
    parser.add_argument("--workers", type=int, metavar="N", help="served at once (default: all that come)")
    parser.add_argument("--door", metavar="IP:PORT", help="where loadtest.ailment is told (default: nowhere)")
    chosen = parser.parse_args()
    app = canned.App(chosen.name, chosen.delay_ms, sigma=chosen.sigma)
    workers = crew.Crew(chosen.workers) if chosen.workers else None
    uvloop.run(serve(app, chosen.listen, chosen.drain_s, chosen.door, workers))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
