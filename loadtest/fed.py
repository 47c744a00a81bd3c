"""One endpoint changes: how long until a thousand sidecars know, and what that costs the coordinator.

    python -m loadtest.fed [--clients 1000] [--services 100] [--changes 40]

The real program, an API server in another process, and so many real connections from two more, each of which asks for
ten services as a sidecar does, with a token that is reviewed. The service that changes is one that all of them use.
Counted from the moment the API server sends its watchers the change until the answer is read. Exit status 1 where the
99th percentile is not below 500 ms, the coordinator has 200 MB or more, or somebody was not told.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from loadtest import procfs
from loadtest.processes import Child, Children, StartError
from sidecar import clock

CROWDS: Final = 2
EACH: Final = 10
PATIENCE_S: Final = 120.0
MOST_P99_S: Final = 0.5
MOST_RSS_MB: Final = 200.0


@dataclass
class Measured:
    """`waits_s`: one for each change and client; `slowest_s`: one for each change."""

    waits_s: list[float] = field(default_factory=list)
    slowest_s: list[float] = field(default_factory=list)
    untold: int = 0
    sync_s: float = 0.0
    sync_cpu_s: float = 0.0
    rss_mb: float = 0.0
    peak_mb: float = 0.0
    idle_cpu: float = 0.0
    change_cpu_s: float = 0.0
    reviews: int = 0


def main() -> None:
    """See above for the exit status; 2: it could not be measured."""
    parser = argparse.ArgumentParser(
        prog="python -m loadtest.fed",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--clients", type=int, default=1000)
    parser.add_argument("--services", type=int, default=100, help="in the cluster (default 100)")
    parser.add_argument("--changes", type=int, default=40)
    parser.add_argument("--every", type=float, default=1.0, help="seconds between changes (default 1)")
    parser.add_argument(
        "--settle", type=float, default=2.0, help="seconds of quiet before and after (default 2)"
    )
    given = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory() as directory, Children(Path(directory)) as children:
            found = measure(
                children, given.clients, given.services, given.changes, (given.every, given.settle)
            )
    except StartError as error:
        print(f"loadtest.fed: {error}", file=sys.stderr)
        sys.exit(2)
    report(found, given.clients)
    sys.exit(p(found.waits_s, 0.99) >= MOST_P99_S or found.peak_mb >= MOST_RSS_MB or found.untold > 0)


def measure(
    children: Children, clients: int, services: int, changes: int, pauses_s: tuple[float, float]
) -> Measured:
    """Start everything, change, and read what was written down. `pauses_s`: between changes, and around all of them.

    Raises StartError.
    """
    every_s, settle_s = pauses_s
    python = [sys.executable, "-m"]
    cluster = children.start("cluster", [*python, "loadtest.fedcluster", str(clients), str(services)])
    api = _said(cluster, "ready at=")
    variables = {"API": api, "LISTEN": "127.0.0.1:0"}
    env = {f"EQUILIBRIUM_COORDINATOR_{name}": value for name, value in variables.items()}
    coordinator = children.start("coordinator", [*python, "coordinator", "--dry-run"], env=env)
    at = _said(coordinator, "equilibrium-coordinator ready at=")
    found = Measured()
    before_s, began = procfs.cpu_s(coordinator.pid), clock.now()
    crowds = _crowds(children, at, clients, services)
    for crowd in crowds:
        _said(crowd, "in sync ", crowd.log.with_suffix(".err"))
    found.sync_s = clock.now() - began
    found.sync_cpu_s = procfs.cpu_s(coordinator.pid) - before_s
    _idle(coordinator, settle_s, found)
    flips = _flip(coordinator, api, changes, every_s, found)
    time.sleep(settle_s)
    found.rss_mb = procfs.rss_bytes(coordinator.pid) / 1e6
    found.peak_mb = max(found.peak_mb, found.rss_mb)
    _read(crowds, flips, clients, found)
    return found


def _crowds(children: Children, at: str, clients: int, services: int) -> list[Child]:
    share = -(-clients // CROWDS)
    crowds = []
    for first in range(0, clients, share):
        count = min(share, clients - first)
        words = map(str, (at, first, count, clients, services, EACH))
        name = f"crowd-{first}"
        log = children.directory / f"{name}.err"
        command = f'exec "$0" -m loadtest.fedcrowd "$@" 2>{log}'
        crowds.append(children.start(name, ["sh", "-c", command, sys.executable, *words]))
    return crowds


def _idle(coordinator: Child, settle_s: float, found: Measured) -> None:
    """What it takes while nothing changes."""
    time.sleep(settle_s)
    before_s, began = procfs.cpu_s(coordinator.pid), clock.now()
    time.sleep(settle_s)
    found.idle_cpu = (procfs.cpu_s(coordinator.pid) - before_s) / (clock.now() - began)


def _flip(coordinator: Child, api: str, changes: int, every_s: float, found: Measured) -> dict[str, float]:
    """When each address was sent out."""
    flips: dict[str, float] = {}
    before_s = procfs.cpu_s(coordinator.pid)
    for _ in range(changes):
        with urllib.request.urlopen(f"{api}/flip", timeout=10) as answer:  # noqa: S310  our own
            said = json.loads(answer.read())
        flips[said["address"]] = said["at"]
        found.reviews = said["reviews"]
        found.peak_mb = max(found.peak_mb, procfs.rss_bytes(coordinator.pid) / 1e6)
        time.sleep(every_s)
    found.change_cpu_s = (procfs.cpu_s(coordinator.pid) - before_s) / max(1, changes)
    return flips


def _read(crowds: list[Child], flips: dict[str, float], clients: int, found: Measured) -> None:
    """Who was told of a later change knows that the earlier one is over: he was told then, and not never."""
    order = {address: number for number, address in enumerate(flips)}
    heard: dict[str, list[tuple[float, int]]] = {}
    for crowd in crowds:
        for line in crowd.log.read_text().splitlines():
            client, address, at = line.split()
            if address in order:
                heard.setdefault(client, []).append((float(at), order[address]))
    for number, sent in enumerate(flips.values()):
        told = (next((at for at, latest in each if latest >= number), None) for each in heard.values())
        waits_s = [at - sent for at in told if at is not None]
        found.waits_s += waits_s
        found.untold += clients - len(waits_s)
        found.slowest_s.append(max(waits_s, default=float("inf")))


def _said(child: Child, start: str, log: Path | None = None) -> str:
    """The rest of the line with which it says that it is there."""
    until_s = clock.now() + PATIENCE_S
    while clock.now() < until_s:
        text = (log or child.log).read_text(errors="replace") if (log or child.log).exists() else ""
        for line in text.splitlines():
            if line.startswith(start):
                return line.removeprefix(start)
        if not child.running:
            raise StartError(f"{child.name} ended:\n{text[-2000:]}")
        time.sleep(0.05)
    raise StartError(f"{child.name} said nothing of {start!r} within {PATIENCE_S:.0f} s:\n{text[-2000:]}")


def p(values: list[float], share: float) -> float:
    """The smallest value that so many are not above; infinity where there is none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("inf")


def report(found: Measured, clients: int) -> None:
    """As a table."""
    rows: tuple[tuple[str, float, str], ...] = (
        ("clients", clients, f"each asks for {EACH} services"),
        ("all of them in sync after, s", found.sync_s, f"with {found.reviews} tokens reviewed"),
        ("CPU until then, s", found.sync_cpu_s, "of the coordinator, its own lists included"),
        ("changes told", len(found.waits_s), f"{found.untold} missing"),
        ("p50, ms", 1000 * p(found.waits_s, 0.5), "from the API server's event to the answer read"),
        ("p99, ms", 1000 * p(found.waits_s, 0.99), f"bar: below {1000 * MOST_P99_S:.0f}"),
        ("max, ms", 1000 * p(found.waits_s, 1.0), ""),
        (
            "the last client, median, ms",
            1000 * statistics.median(found.slowest_s or [float("inf")]),
            "of changes",
        ),
        ("resident memory, MB", found.rss_mb, ""),
        ("the highest seen, MB", found.peak_mb, f"bar: below {MOST_RSS_MB:.0f}"),
        ("CPU while nothing changes, %", 100 * found.idle_cpu, "of a core"),
        ("CPU for one change, ms", 1000 * found.change_cpu_s, "the questions that follow included"),
    )
    for name, value, note in rows:
        digits = 0 if float(value).is_integer() else 1
        print(f"{name:32}{value:>10.{digits}f}   {note}".rstrip())


if __name__ == "__main__":
    main()
