"""What a coordinator costs at its largest: the real program, 1,000 pods on 100 nodes, every one of them changing.

    python -m loadtest.coordinated [--pods 1000] [--nodes 100] [--cycles 6]

Demands are drawn anew in every cycle, so that nearly every pod is resized whenever its cooldown allows. Shown are the
resident memory after the last cycle and at its highest, and what each phase took.
"""

import argparse
import asyncio
import random
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

import aiohttp
import orjson

from loadtest import procfs
from loadtest.manypods import Cluster
from loadtest.processes import Child, Children, StartError
from sidecar import clock

PHASES: Final = ("discover", "demand", "solve", "guardrail", "negotiate", "patch", "cycle")
PATIENCE_S: Final = 300.0
MOST_RSS_MB: Final = 150.0


def main() -> None:
    """Exit status 1 where the coordinator takes more memory than it may."""
    parser = argparse.ArgumentParser(prog="python -m loadtest.coordinated", description=__doc__)
    parser.add_argument("--pods", type=int, default=1000)
    parser.add_argument("--nodes", type=int, default=100)
    parser.add_argument("--cycles", type=int, default=6)
    parser.add_argument("--cycle", default="3s", help="their length (default 3s)")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory, Children(Path(directory)) as children:
        peak_mb = asyncio.run(_measured(children, given))
    sys.exit(peak_mb >= MOST_RSS_MB)


async def _measured(children: Children, given: argparse.Namespace) -> float:
    cluster = Cluster(given.pods, given.nodes, random.Random(7))
    url = await cluster.start()
    try:
        settings = {"API": url, "LISTEN": "127.0.0.1:0", "LEASE_DURATION": "1s", "CYCLE": given.cycle}
        env = {f"EQUILIBRIUM_COORDINATOR_{name}": value for name, value in settings.items()}
        child = children.start("coordinator", [sys.executable, "-m", "coordinator"], env=env)
        at = await _listening(child)
        last, peak_mb = await _watched(child, at, given.cycles)
        _report(cluster, last, procfs.rss_bytes(child.pid) / 1e6, peak_mb)
        return peak_mb
    finally:
        await cluster.stop()


async def _listening(child: Child) -> str:
    until_s = clock.now() + PATIENCE_S
    while clock.now() < until_s:
        if not child.running:
            raise StartError(f"the coordinator ended:\n{child.last_words()}")
        for line in child.log.read_text(errors="replace").splitlines():
            if line.startswith("equilibrium-coordinator ready at="):
                return line.partition("=")[2]
        await asyncio.sleep(0.05)
    raise StartError(f"the coordinator is not ready:\n{child.last_words()}")


async def _watched(child: Child, at: str, cycles: int) -> tuple[dict[str, Any], float]:
    """The last cycle that did something, once there were so many, and the highest resident memory in MB."""
    peak_mb, seen, last = 0.0, 0, {}
    until_s = clock.now() + PATIENCE_S
    async with aiohttp.ClientSession() as session:
        while seen < cycles and clock.now() < until_s:
            peak_mb = max(peak_mb, procfs.rss_bytes(child.pid) / 1e6)
            async with session.get(f"http://{at}/metrics") as answer:
                page = await answer.text()
            done = [
                line for line in page.splitlines() if line.startswith("equilibrium_coordinator_cycles_total{")
            ]
            seen = sum(int(float(line.split()[1])) for line in done if 'result="done"' in line)
            await asyncio.sleep(0.1)
        async with session.get(f"http://{at}/state") as answer:
            last = orjson.loads(await answer.read())["last"]
    return last, max(peak_mb, procfs.rss_bytes(child.pid) / 1e6)


def _report(cluster: Cluster, last: dict[str, Any], rss_mb: float, peak_mb: float) -> None:
    print(f"{'pods in the market':32}{len(last['pods']):>10}")
    print(f"{'resident memory, MB':32}{rss_mb:>10.1f}")
    print(f"{'the highest seen, MB':32}{peak_mb:>10.1f}   (bar: below {MOST_RSS_MB:g})")
    print(f"{'resizes':32}{cluster.resized:>10}")
    print(f"{'sidecars asked':32}{cluster.asked:>10}   and {cluster.negotiated} negotiations")
    print(f"{'largest Σ limits of a node':32}{max(cluster.totals_m().values()):>10}m")
    for phase in PHASES:
        print(f"{'last cycle, ' + phase + ', ms':32}{1000 * last['seconds'].get(phase, 0.0):>10.1f}")


if __name__ == "__main__":
    main()
