"""A rolling restart under load, as a Deployment does it: one pod after the other, SIGTERM, gone, back.

`restart_all` is what a test calls; `python -m loadtest.rolling` shows the same on a terminal.
"""

import argparse
import tempfile
from dataclasses import dataclass
from pathlib import Path

from loadtest import lineup, load, openloop, processes
from loadtest.bench import arms

LONGEST_S = 300.0


@dataclass(frozen=True, slots=True)
class Result:
    """What the load saw while every pod was restarted once."""

    requests: int
    failed: int
    outcomes: dict[str, int]
    """Failures by outcome: a status, or connect, reset, timeout, framing."""
    restarted: int
    p50_ms: float
    p99_ms: float
    proxy_ended: str | None
    """How the proxy itself ended during the run, which it must not; None if it did not."""


def restart_all(
    children: processes.Children,
    *,
    arm: str = "equilibrium",
    pods: int = 3,
    rate: float = 300.0,
    delay_ms: float = 5.0,
    settle_s: float = 1.0,
) -> Result:
    """Start pods and proxy, restart every pod in turn under `rate` requests/s, return the counts."""
    scene = lineup.start(children, pods=pods, delay_ms=delay_ms, arm=arm)
    plan = openloop.Plan(scene.target, lineup.SERVICE, "/", rate, LONGEST_S)
    running = load.start(children, plan)
    for pod in scene.pods:
        lineup.settle(settle_s)
        pod.drain()
        pod.restart()
    lineup.settle(settle_s)
    samples = running.finish(now=True)
    return summarise(samples, restarted=len(scene.pods), proxy_ended=scene.proxy.obituary())


def summarise(samples: list[load.Sample], *, restarted: int, proxy_ended: str | None = None) -> Result:
    """Counts and latencies of everything that was sent."""
    outcomes = load.failures(samples)
    latency = load.latency(samples)
    failed = sum(outcomes.values())
    return Result(len(samples), failed, outcomes, restarted, latency.p50_ms, latency.p99_ms, proxy_ended)


def main() -> int:
    """Exit 0 when no request failed, 1 when one did, 3 when it could not be run."""
    parser = argparse.ArgumentParser(prog="python -m loadtest.rolling", description=main.__doc__)
    parser.add_argument(
        "--proxy", default="equilibrium", choices=[arm.name for arm in arms.ARMS if arm.launch]
    )
    parser.add_argument("--rate", type=float, default=300, help="requests per second (default 300)")
    chosen = parser.parse_args()
    processes.stop_on_signals(limit_s=120)
    with tempfile.TemporaryDirectory(prefix="equilibrium-rolling-") as directory:
        try:
            with processes.Children(Path(directory)) as children:
                result = restart_all(children, arm=chosen.proxy, rate=chosen.rate)
        except processes.StartError as error:
            print(error)
            return 3
    print(
        f"{chosen.proxy}: {result.requests:,} requests while {result.restarted} pods restarted,"
        f" {result.failed} failed {result.outcomes or ''} p50 {result.p50_ms:.1f} p99 {result.p99_ms:.1f} ms"
    )
    if result.proxy_ended:
        print(result.proxy_ended)
    return 1 if result.failed or result.proxy_ended else 0


if __name__ == "__main__":
    raise SystemExit(main())
