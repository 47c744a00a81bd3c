"""An application whose memory follows the work it accepts: serve less and it needs less.

`GET /work` makes a report: pages held while it is being made, and a result kept for a while afterwards, as by a cache.
`GET /metrics` says what the limit of its memory group is held against (JSON, bytes); without a group, resident pages.
`POST /gc` collects the cyclic garbage it may have begun with (`--garbage`) and gives the pages back to the kernel.
With garbage the collector is off, as services that fear its pauses run it.
"""

import argparse
import asyncio
import ctypes
import dataclasses
import gc
import math
import mmap
import random
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson
import uvloop
from aiohttp import web

from loadtest import processes
from loadtest.scenarios import cgroups
from loadtest.scenarios.cgroup_place import Place

KIB, MIB = 1024, 1024 * 1024
SPREAD = 0.3
"""Sigma of the lognormal time a report takes."""
PIECE_BYTES = 4000
SEED = 7


@dataclass(frozen=True, slots=True)
class Appetite:
    """What one request costs: `making_bytes` for `making_s` (the median), then `kept_bytes` for `kept_s`."""

    making_s: float = 0.4
    making_bytes: int = 1024 * KIB
    kept_s: float = 3.0
    kept_bytes: int = 512 * KIB

    def needed_bytes(self, rate: float) -> float:
        """What `rate` requests a second settle at, the process itself left out (Little's law, twice)."""
        mean_s = self.making_s * math.exp(SPREAD**2 / 2)
        return rate * (mean_s * self.making_bytes + self.kept_s * self.kept_bytes)

    def options(self) -> list[str]:
        """For the command line below."""
        values = dataclasses.asdict(self).items()
        return [word for name, value in values for word in (f"--{name.replace('_', '-')}", str(value))]


class Garbage:
    """A piece of garbage that only a collection of cycles frees: it refers to itself."""

    __slots__ = ("body", "itself")

    def __init__(self) -> None:
        self.body = b"\x01" * PIECE_BYTES
        self.itself = self


class Hoarder:
    """The handlers."""

    def __init__(self, appetite: Appetite, memory: Place | None = None, limit_bytes: int = 0) -> None:
        self.appetite = appetite
        self._memory = memory
        self._limit_bytes = limit_bytes
        self._draw = random.Random(SEED)

    async def work(self, request: web.Request) -> web.Response:
        """One report."""
        appetite = self.appetite
        making = pages(appetite.making_bytes)
        try:
            await asyncio.sleep(self._draw.lognormvariate(math.log(appetite.making_s), SPREAD))
        finally:
            making.close()
        kept = pages(appetite.kept_bytes)
        asyncio.get_running_loop().call_later(appetite.kept_s, kept.close)
        return web.json_response({"report": len(kept)})

    async def metrics(self, request: web.Request) -> web.Response:
        """What a sidecar may ask for its usage."""
        used = rss_bytes() if self._memory is None else cgroups.used_bytes(self._memory)
        told = {"memory_bytes": used, **({"limit_bytes": self._limit_bytes} if self._limit_bytes else {})}
        return web.Response(body=orjson.dumps(told), content_type="application/json")

    async def collect(self, request: web.Request) -> web.Response:
        """The memory hook: collect, and say what became free."""
        before = rss_bytes()
        gc.collect()
        ctypes.CDLL(None).malloc_trim(0)  # free() keeps pages below others that are in use: malloc_trim(3)
        return web.json_response({"freed_bytes": max(0, before - rss_bytes())})

    async def health(self, request: web.Request) -> web.Response:
        """Whether it serves."""
        return web.Response(text="ok\n")

    def application(self) -> web.Application:
        """The aiohttp application."""
        app = web.Application()
        app.add_routes([web.get("/work", self.work), web.get("/metrics", self.metrics)])
        app.add_routes([web.post("/gc", self.collect), web.get("/", self.health)])
        return app


def pages(size_bytes: int) -> mmap.mmap:
    """So much private memory, every page of it touched; `close` returns it to the kernel at once.

    Large buffers of malloc(3) live in mappings of their own like these, until glibc raises its threshold for that.
    """
    made = mmap.mmap(-1, size_bytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    made.write(b"\x01" * size_bytes)
    return made


def rss_bytes() -> int:
    """Resident pages of this process: proc_pid_statm(5)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * mmap.PAGESIZE


def litter(total_bytes: int) -> None:
    """Make so much garbage nobody refers to."""
    for _ in range(total_bytes // PIECE_BYTES):
        Garbage()


async def serve(hoarder: Hoarder, listen: str) -> None:
    """Serve until SIGTERM or SIGINT."""
    told = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    runner = web.AppRunner(hoarder.application(), access_log=None, shutdown_timeout=0.0)
    await runner.setup()
    await web.TCPSite(runner, *processes.split(listen)).start()
    await told.wait()
    await runner.cleanup()


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="python -m loadtest.scenarios.hoarder",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = made.add_argument
    add("--listen", required=True, metavar="IP:PORT", help="where to serve")
    add("--group", type=Path, metavar="DIR", help="its memory group, whose usage /metrics tells")
    add("--limit", type=int, default=0, metavar="BYTES", help="the group's limit, for /metrics")
    usual = Appetite()
    add("--making-s", type=float, default=usual.making_s, help=f"to make a report (median {usual.making_s})")
    add("--making-bytes", type=int, default=usual.making_bytes, help=f"meanwhile ({usual.making_bytes})")
    add("--kept-s", type=float, default=usual.kept_s, help=f"that a result is kept ({usual.kept_s})")
    add("--kept-bytes", type=int, default=usual.kept_bytes, help=f"size of a result ({usual.kept_bytes})")
    add("--garbage", type=int, default=0, metavar="BYTES", help="cyclic garbage to begin with (none)")
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Run until told to stop."""
    chosen = parser().parse_args(argv)
    if chosen.garbage:
        gc.disable()
        litter(chosen.garbage)
    appetite = Appetite(chosen.making_s, chosen.making_bytes, chosen.kept_s, chosen.kept_bytes)
    memory = cgroups.at(chosen.group) if chosen.group else None
    uvloop.run(serve(Hoarder(appetite, memory, chosen.limit), chosen.listen))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
