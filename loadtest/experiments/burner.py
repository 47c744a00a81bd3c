"""An application that costs CPU: every request burns so many milliseconds of it, one after the other.

What is burnt is CPU time by the thread's own clock, not time on the wall: a request costs the same on a busy machine,
and takes as long as the quota makes it. `PUT /cost` with a number of milliseconds changes it; `/health` costs nothing.
"""

import argparse
import asyncio
import os
import signal
import time
from collections.abc import Callable, Sequence

import httptools

from loadtest import processes

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\nX-Pod: %s\r\n\r\nok\n"
TOLD = b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
HEALTH = b"/health"
COST = b"/cost"
LOOPS = 200
"""Between two looks at the clock: some 5 µs."""


def burn(cost_s: float) -> None:
    """Use so much CPU time."""
    until_s = time.thread_time() + cost_s
    while time.thread_time() < until_s:
        for _ in range(LOOPS):
            pass


class Burner:
    """What all connections share."""

    def __init__(self, name: str, cost_ms: float) -> None:
        self.cost_s = cost_ms / 1000
        self.answer = OK % name.encode()
        self._turn = asyncio.Lock()

    async def reply(self, method: bytes, path: bytes, body: bytes, wanted: Callable[[], bool]) -> bytes:
        """The whole answer; nothing is burnt for a client that has gone before its turn."""
        if path == HEALTH:
            return self.answer
        if path == COST and method == b"PUT":
            return self._priced(body)
        async with self._turn:  # first come, first served; health checks in between
            if wanted():
                burn(self.cost_s)
                await asyncio.sleep(0)  # hear who has gone meanwhile, and who has come
        return self.answer

    def _priced(self, body: bytes) -> bytes:
        try:
            self.cost_s = min(10.0, max(0.0, float(body) / 1000))
        except ValueError:
            return _told(b'{"error": "a number of milliseconds is wanted"}', b"400 Bad Request")
        return _told(b'{"cost_ms": %g}' % (1000 * self.cost_s))


def _told(text: bytes, status: bytes = b"200 OK") -> bytes:
    return TOLD % (status, len(text), text)


class Connection:
    """One connection: reads requests, answers them in order."""

    def __init__(self, burner: Burner, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._burner = burner
        self._reader = reader
        self._writer = writer
        self._parser = httptools.HttpRequestParser(self)
        self._path = self._body = b""
        self._asked: list[tuple[bytes, bytes, bytes]] = []

    def on_message_begin(self) -> None:
        """Called by the parser."""
        self._path = self._body = b""

    def on_url(self, url: bytes) -> None:
        """Called by the parser."""
        self._path += url

    def on_body(self, body: bytes) -> None:
        """Called by the parser."""
        self._body += body

    def on_message_complete(self) -> None:
        """Called by the parser."""
        self._asked.append((self._parser.get_method(), self._path, self._body))

    async def serve(self) -> None:
        """Until either side has enough."""
        try:
            while data := await self._reader.read(65536):
                self._parser.feed_data(data)
                asked, self._asked = self._asked, []
                for each in asked:
                    self._writer.write(await self._burner.reply(*each, self._wanted))
                await self._writer.drain()
        except (OSError, httptools.HttpParserError):
            pass
        finally:
            self._writer.close()

    def _wanted(self) -> bool:
        return not (self._reader.at_eof() or self._writer.is_closing())


async def serve(burner: Burner, listen: str) -> None:
    """Serve until SIGTERM or SIGINT."""
    told = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, told.set)

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await Connection(burner, reader, writer).serve()

    server = await asyncio.start_server(connected, *processes.split(listen), backlog=1024)
    await told.wait()
    server.close()


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="python -m loadtest.experiments.burner",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = made.add_argument
    add("--listen", required=True, metavar="IP:PORT", help="where to serve")
    add("--name", default="burner", help="for X-Pod")
    add("--cost-ms", type=float, default=10.0, metavar="MS", help="CPU milliseconds a request (default 10)")
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Run until told to stop."""
    chosen = parser().parse_args(argv)
    asyncio.run(serve(Burner(chosen.name, chosen.cost_ms), chosen.listen))
    os._exit(0)  # connections that are still served are nobody's loss


if __name__ == "__main__":
    raise SystemExit(main())
