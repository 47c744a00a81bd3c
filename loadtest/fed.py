"""One endpoint changes: how long until a thousand sidecars know, and what that costs the coordinator.

    python -m loadtest.fed [--clients 1000] [--services 100] [--changes 40] [--advice EPOCHS]

The real program, an API server in another process, and so many real connections from two more, each of which asks for
ten services as a sidecar does, with a token that is reviewed. The service that changes is one that all of them use.
Counted from the moment the API server sends its watchers the change until the answer is read.

With --advice each of them has a second connection on which it reports these services, with ten endpoints each where
there are a hundred, and is advised about them; the coordinator leads, works epochs out while endpoints change, and
its memory is shown for so many epochs. Exit status 1 where the 99th percentile is not below 500 ms, the coordinator has
200 MB or more, or somebody was not told.
"""

import argparse
import json
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Final

from loadtest import fedfigures, procfs
from loadtest.fedfigures import Measured
from loadtest.fedmemory import Memory
from loadtest.processes import Child, Children, StartError
from sidecar import clock

CROWDS: Final = 2
EACH: Final = 10
PATIENCE_S: Final = 240.0


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
    parser.add_argument(
        "--advice",
        type=int,
        default=0,
        metavar="EPOCHS",
        help="the clients report for advice as well; memory is followed for so many epochs (default 0: they do not)",
    )
    parser.add_argument("--epoch", type=float, default=10.0, help="seconds of an epoch (default 10)")
    given = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory() as directory, Children(Path(directory)) as children:
            found = Run(children, given).measured()
    except StartError as error:
        print(f"loadtest.fed: {error}", file=sys.stderr)
        sys.exit(2)
    fedfigures.report(found, given.clients, EACH)
    sys.exit(not found.good)


class Run:
    """Starts everything, changes endpoints, and reads what was written down. `given`: as of the command line."""

    def __init__(self, children: Children, given: argparse.Namespace) -> None:
        self._children, self._given = children, given
        self._found = Measured()
        cluster = self._start("cluster", "loadtest.fedcluster", given.clients, given.services)
        self._api = _said(cluster, "ready at=")
        variables = {"API": self._api, "LISTEN": "127.0.0.1:0", "EPOCH": f"{given.epoch:g}s"}
        env = {f"EQUILIBRIUM_COORDINATOR_{name}": value for name, value in variables.items()}
        flags = [] if given.advice else ["--dry-run"]
        command = [sys.executable, "-m", "coordinator", *flags]
        self._coordinator = children.start("coordinator", command, env=env)
        self._at = _said(self._coordinator, "equilibrium-coordinator ready at=")
        if given.advice:
            _leads(self._at)

    def measured(self) -> Measured:
        """Raises StartError."""
        given, found, coordinator = self._given, self._found, self._coordinator
        before_s, began = procfs.cpu_s(coordinator.pid), clock.now()
        with Memory(coordinator.pid) as memory:
            crowds = self._crowds()
            for crowd in crowds:
                _said(crowd, "in sync ", crowd.log.with_suffix(".err"))
            found.sync_s = clock.now() - began
            found.sync_cpu_s = procfs.cpu_s(coordinator.pid) - before_s
            for crowd in crowds if given.advice else ():
                _said(crowd, "advised ", crowd.log.with_suffix(".err"))
            advised_at = clock.now()
            self._idle()
            flips = self._flip()
            time.sleep(max(given.settle, advised_at + given.advice * given.epoch - clock.now()))
        found.rss_mb, found.peak_mb = memory.last_mb, memory.highest_mb
        found.epochs_mb = memory.highest_of(advised_at, given.epoch, given.advice)
        self._read(crowds, flips)
        return found

    def _start(self, name: str, module: str, *words: object) -> Child:
        return self._children.start(name, [sys.executable, "-m", module, *map(str, words)])

    def _crowds(self) -> list[Child]:
        given = self._given
        share = -(-given.clients // CROWDS)
        crowds = []
        for first in range(0, given.clients, share):
            count = min(share, given.clients - first)
            words = (self._at, first, count, given.clients, given.services, EACH, int(given.advice > 0))
            name = f"crowd-{first}"
            log = self._children.directory / f"{name}.err"
            command = f'exec "$0" -m loadtest.fedsidecars "$@" 2>{log}'
            argv = ["sh", "-c", command, sys.executable, *map(str, words)]
            crowds.append(self._children.start(name, argv))
        return crowds

    def _idle(self) -> None:
        """What it takes while nothing changes."""
        time.sleep(self._given.settle)
        before_s, began = procfs.cpu_s(self._coordinator.pid), clock.now()
        time.sleep(self._given.settle)
        spent_s = procfs.cpu_s(self._coordinator.pid) - before_s
        self._found.idle_cpu = spent_s / (clock.now() - began)

    def _flip(self) -> dict[str, float]:
        """When each address was sent out."""
        flips: dict[str, float] = {}
        before_s = procfs.cpu_s(self._coordinator.pid)
        for _ in range(self._given.changes):
            with urllib.request.urlopen(f"{self._api}/flip", timeout=10) as answer:  # noqa: S310  our own
                said = json.loads(answer.read())
            flips[said["address"]] = said["at"]
            self._found.reviews = said["reviews"]
            time.sleep(self._given.every)
        spent_s = procfs.cpu_s(self._coordinator.pid) - before_s
        self._found.change_cpu_s = spent_s / max(1, self._given.changes)
        return flips

    def _read(self, crowds: list[Child], flips: dict[str, float]) -> None:
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
            self._found.waits_s += waits_s
            self._found.untold += self._given.clients - len(waits_s)
            self._found.slowest_s.append(max(waits_s, default=float("inf")))


def _leads(at: str) -> None:
    """Wait until it does. Raises StartError."""
    until_s = clock.now() + PATIENCE_S
    while clock.now() < until_s:
        with urllib.request.urlopen(f"http://{at}/state", timeout=10) as answer:
            if json.loads(answer.read())["leading"]:
                return
        time.sleep(0.05)
    raise StartError(f"the coordinator does not lead within {PATIENCE_S:.0f} s")


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


if __name__ == "__main__":
    main()
