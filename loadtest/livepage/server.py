"""Serves an invented mesh until it is ended: `python -m loadtest.livepage.server --callers 100 --endpoints 10`."""

import argparse
import asyncio
import contextlib
import random
import signal
import sys

from dashboards.live.frame import Frame
from dashboards.live.server import Server
from loadtest.livepage.world import Size, World
from sidecar import clock

READY = "live page at "


def parser() -> argparse.ArgumentParser:
    """What both programs of this folder understand."""
    made = argparse.ArgumentParser(prog="python -m loadtest.livepage.server", description=__doc__)
    made.add_argument("--callers", type=int, default=8)
    made.add_argument("--endpoints", type=int, default=4)
    made.add_argument("--services", type=int, default=3)
    made.add_argument("--changes", type=int, help="cells that change in a frame (default: all)")
    made.add_argument("--every", type=float, default=1.0, metavar="S", help="seconds between frames")
    made.add_argument("--port", type=int, default=0)
    made.add_argument("--name", action="append", default=[], help="of a caller; may be repeated")
    return made


async def serve(given: argparse.Namespace) -> None:
    """Until SIGTERM."""
    size = Size(given.callers, given.endpoints, given.services, given.changes, names=tuple(given.name))
    world = World(size, random.Random(7), given.every)

    async def make() -> Frame:
        return world.next(clock.wall_s())

    server = Server(make, _failed, every_s=given.every)
    over = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, over.set)
    try:
        print(f"{READY}{await server.start(given.port)}", flush=True)
        await over.wait()
    finally:
        await server.close()


def _failed(name: str, error: BaseException) -> None:
    print(f"{name}: {error!r}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(parser().parse_args()))
