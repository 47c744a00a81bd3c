"""Reviews at a steady rate against the real `equilibrium-injector`, over TLS, in its default configuration.

Open loop: reviews leave when they are due, and latency runs from then, so that a stall is charged to every review it
delayed. Every twentieth pod is large. The bar: p99 below 25 ms, resident memory below 60 MB, no review failed.
"""

import argparse
import asyncio
import itertools
import re
import ssl
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import orjson
import uvloop

from loadtest import figures, procfs, reviewed
from loadtest.apiserver import SERVICE, ApiServer
from loadtest.processes import Child, Children, StartError
from sidecar import clock

SMALL, LARGE = 20_000, 200_000
LARGE_EVERY = 20
BAR_P99_MS, BAR_RSS_MB = 25.0, 60.0
WARMUP_S = 2.0
START_S = 20.0
_READY = re.compile(r"equilibrium-injector ready webhook=(\S+) metrics=(\S+)")


@dataclass(frozen=True, slots=True)
class Result:
    """What came of it; latencies in ms, ascending."""

    small_ms: list[float]
    large_ms: list[float]
    failures: list[str]
    rss_before_mb: float
    rss_after_mb: float
    rss_peak_mb: float
    events: int
    cpu_ms: float
    """Of the injector, a review."""

    @property
    def all_ms(self) -> list[float]:
        """Of both sizes."""
        return sorted(self.small_ms + self.large_ms)

    @property
    def passed(self) -> bool:
        """Whether it stayed within the bar."""
        p99_ms = figures.percentile(self.all_ms, 99)
        return not self.failures and p99_ms < BAR_P99_MS and self.rss_peak_mb < BAR_RSS_MB


class Sender:
    """Sends reviews on connections that stay open, as an API server does."""

    def __init__(self, url: str, authority: bytes) -> None:
        self._url = url
        self._tls = ssl.create_default_context(cadata=authority.decode())
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        self.latencies_ms: dict[bool, list[float]] = {False: [], True: []}
        self.failures: list[str] = []

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()

    async def run(self, bodies: Iterator[bytes], rate: float, seconds: float, *, counted: bool) -> None:
        """One review every 1/`rate` seconds, however long the answers take."""
        start_s = clock.now()
        async with asyncio.TaskGroup() as tasks:
            for number, body in enumerate(itertools.islice(bodies, round(rate * seconds))):
                due_s = start_s + number / rate
                await asyncio.sleep(due_s - clock.now())
                tasks.create_task(self._one(body, due_s, b"%036d" % number, counted=counted))

    async def _one(self, body: bytes, due_s: float, uid: bytes, *, counted: bool) -> None:
        try:
            problem = await self._asked(body.replace(reviewed.UID, uid), uid)
        except (aiohttp.ClientError, TimeoutError) as error:
            problem = repr(error)
        if problem:
            self.failures.append(problem)
        elif counted:
            self.latencies_ms[len(body) > SMALL * 2].append((clock.now() - due_s) * 1000)

    async def _asked(self, body: bytes, uid: bytes) -> str:
        """What was wrong with the answer; empty when it is an injected sidecar."""
        headers = {"Content-Type": "application/json"}
        name = f"{SERVICE[1]}.{SERVICE[0]}.svc"
        async with self._session.post(
            self._url, data=body, headers=headers, ssl=self._tls, server_hostname=name
        ) as response:
            answer = await response.read()
        given = orjson.loads(answer)["response"] if response.status == 200 else {}
        if given.get("uid") == uid.decode() and given.get("patch"):
            return ""
        return f"{response.status} {answer[:200].decode(errors='replace')}"


async def measure(rate: float, seconds: float, seed: int, core: int | None) -> Result:
    """Start everything, send the load, look at the memory."""
    api = ApiServer()
    with tempfile.TemporaryDirectory() as directory, Children(Path(directory)) as children:
        env = {
            "EQUILIBRIUM_INJECTOR_API": await api.start(),
            "EQUILIBRIUM_INJECTOR_LISTEN": "127.0.0.1:0",
            "EQUILIBRIUM_INJECTOR_METRICS": "127.0.0.1:0",
        }
        program = str(Path(sys.executable).with_name("equilibrium-injector"))
        child = children.start("injector", [program], env=env, core=core)
        try:
            return await _measured(api, child, rate, seconds, seed)
        finally:
            await api.stop()


async def _measured(api: ApiServer, child: Child, rate: float, seconds: float, seed: int) -> Result:
    webhook = await _ready(child)
    before_mb = procfs.rss_bytes(child.pid) / 1e6
    sender = Sender(f"https://{webhook}/mutate?timeout=5s", api.authority)
    sizes = (SMALL,) * (LARGE_EVERY - 1) + (LARGE,)
    bodies = reviewed.bodies(seed, sizes * 3)
    try:
        await sender.run(bodies, rate, WARMUP_S, counted=False)
        idle_s = procfs.cpu_s(child.pid)
        await sender.run(bodies, rate, seconds, counted=True)
        busy_s = procfs.cpu_s(child.pid) - idle_s
    finally:
        await sender.close()
    small, large = (sorted(sender.latencies_ms[size]) for size in (False, True))
    after_mb, peak_mb = procfs.rss_bytes(child.pid) / 1e6, _peak_bytes(child.pid) / 1e6
    cpu_ms = busy_s * 1000 / max(1, round(rate * seconds))
    return Result(small, large, sender.failures, before_mb, after_mb, peak_mb, api.events, cpu_ms)


def _peak_bytes(pid: int) -> int:
    return procfs.parse_status_bytes((procfs.PROC / str(pid) / "status").read_text(), "VmHWM")


async def _ready(child: Child) -> str:
    """Where it listens, once it says that it is ready. Raises StartError."""
    async with aiohttp.ClientSession() as session:
        until_s = clock.now() + START_S
        while clock.now() < until_s and child.running:
            await asyncio.sleep(0.05)
            found = _READY.search(child.last_words(200))
            if found is None:
                continue
            async with session.get(f"http://{found[2]}/readyz") as response:
                if response.status == 200:
                    return found[1]
    raise StartError(f"the injector did not get ready:\n{child.last_words()}")


def table(result: Result) -> str:
    """For people."""
    rows: list[tuple[str, ...]] = [("pods", "reviews", "p50 ms", "p99 ms", "max ms")]
    for name, found in (("20 kB", result.small_ms), ("200 kB", result.large_ms), ("all", result.all_ms)):
        columns = [figures.percentile(found, percent) for percent in (50, 99, 100)]
        rows.append((name, str(len(found)), *(f"{value:.2f}" for value in columns)))
    lines = ["".join(f"{column:>10}" for column in row) for row in rows]
    memory = (result.rss_before_mb, result.rss_after_mb, result.rss_peak_mb)
    lines.append("RSS before {:.1f} MB, after {:.1f} MB, peak {:.1f} MB".format(*memory))
    lines.append(f"CPU {result.cpu_ms:.1f} ms a review, TLS and Events included")
    lines.append(f"{len(result.failures)} failed, {result.events} Events written")
    lines += result.failures[:3]
    verdict = "within" if result.passed else "NOT WITHIN"
    lines.append(f"{verdict} the bar: p99 < {BAR_P99_MS:g} ms, RSS < {BAR_RSS_MB:g} MB, none failed")
    return "\n".join(lines)


def main() -> int:
    """0 within the bar, 1 outside it."""
    parser = argparse.ArgumentParser(
        prog="python -m loadtest.reviews",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rate", type=float, default=50, help="reviews a second (default: 50)")
    parser.add_argument(
        "--seconds", type=float, default=60, help="of load, after 2 s of warm-up (default: 60)"
    )
    parser.add_argument("--seed", type=int, default=7, help="of the pods (default: 7)")
    parser.add_argument("--core", type=int, help="keep the injector on this core")
    given = parser.parse_args()
    result = uvloop.run(measure(given.rate, given.seconds, given.seed, given.core))
    print(table(result))
    return 0 if result.passed else 1


if __name__ == "__main__":
    raise SystemExit(main())
