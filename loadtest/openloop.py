"""Open-loop load: requests leave when they are due, not when the last answer came.

Latency runs from the instant a request was *due* (coordinated omission corrected: a stall is charged to
every request it delayed, ours included). One process of its own; `loadtest.load` starts it and reads it.
Prints JSON lines: `{"samples": [[due_s, latency_ms, outcome, pod], …]}`, at the end with `late_p99_ms`:
how late this generator itself was in sending. Outcome is the status, or `connect`, `reset`, `timeout`.
"""

import argparse
import asyncio
import contextlib
import gc
import itertools
import signal
import sys
from collections import deque

import orjson
import uvloop

from loadtest import client, figures, loadplan, processes, ticker
from loadtest.loadplan import Plan
from sidecar import clock

__all__ = ["Generator", "Plan", "main"]

LEAD_S = 0.05
CHECK_S = 0.1


class Generator:
    """Issues requests at their instants over as many connections as the answers' slowness needs."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._requests = itertools.cycle(plan.requests())
        self._numbered = any(b"{n}" in request for request in plan.requests())
        self._number = 0
        self.samples: list[tuple[float, float, str, str]] = []
        self.late_ms: list[float] = []
        self.idle: list[client.Client] = []
        self.busy: set[client.Client] = set()
        self._waiting: deque[float] = deque()
        self._connecting: set[asyncio.Task[None]] = set()
        self._start_s = clock.now() + LEAD_S if plan.start_s is None else plan.start_s
        self._issued = 0
        self._sources = itertools.cycle(plan.sources or (None,))
        self._unused = len(plan.sources)
        self._total = round(plan.rate * (plan.seconds + plan.warmup_s))
        self._all_issued = asyncio.Event()
        self._settled = asyncio.Event()

    async def run(self, every_s: float) -> None:
        """Send everything, wait for the answers, print; `every_s` 0 prints only at the end."""
        loop = asyncio.get_running_loop()
        timer = ticker.Ticker(self._start_s, 1 / self.plan.rate)
        loop.add_reader(timer.fd, self._due, timer)
        reporter = loop.create_task(self._watch(every_s))
        await self._all_issued.wait()
        loop.remove_reader(timer.fd)
        timer.close()
        self._settle()
        await self._settled.wait()
        reporter.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await reporter
        self._print(last=True)

    def stop(self) -> None:
        """Send nothing more; what is under way is still waited for."""
        self._total = self._issued
        self._all_issued.set()

    def _due(self, timer: ticker.Ticker) -> None:
        for _ in range(timer.fired()):
            if self._issued >= self._total:
                break
            due_s = self._start_s + self._issued / self.plan.rate
            self._issued += 1
            self.late_ms.append((clock.now() - due_s) * 1000)
            self._issue(due_s)
        if self._issued >= self._total:
            self._all_issued.set()

    def _issue(self, due_s: float) -> None:
        if self.idle and self._unused <= 0:  # every source has had its connection
            self.idle.pop(0 if self.plan.sources else -1).send(due_s)
        elif len(self.busy) + len(self._connecting) < self.plan.connections:
            task = asyncio.get_running_loop().create_task(self._connect(due_s))
            self._connecting.add(task)
            self._unused -= 1
            task.add_done_callback(self._connecting.discard)
        else:
            self._waiting.append(due_s)

    async def _connect(self, due_s: float) -> None:
        loop = asyncio.get_running_loop()
        source = next(self._sources)
        try:
            async with asyncio.timeout(self.plan.timeout_s):
                _, opened = await loop.create_connection(
                    lambda: client.Client(self),
                    *processes.split(self.plan.target),
                    local_addr=None if source is None else (source, 0),
                )
        except (OSError, TimeoutError):
            self.record(due_s, "connect", "")
        else:
            opened.send(due_s)

    def next_request(self) -> bytes:
        """What the next request says."""
        request = next(self._requests)
        if self._numbered:
            self._number += 1
            return request.replace(b"{n}", b"%d" % self._number)
        return request

    def free(self, opened: client.Client) -> None:
        """The connection can carry another request."""
        if self._waiting:
            opened.send(self._waiting.popleft())
        else:
            self.idle.append(opened)

    def record(self, due_s: float, outcome: str, pod: str) -> None:
        """One request ended; the warm-up's are forgotten unless they failed."""
        if due_s - self._start_s >= self.plan.warmup_s or outcome != "200":
            self.samples.append((due_s, (clock.now() - due_s) * 1000, outcome, pod))

    async def _watch(self, every_s: float) -> None:
        print_s = clock.now() + every_s
        while True:
            await asyncio.sleep(CHECK_S)
            self._expire(clock.now() - self.plan.timeout_s)
            self._settle()
            if every_s and clock.now() >= print_s:
                print_s += every_s
                self._print(last=False)

    def _settle(self) -> None:
        if self._all_issued.is_set() and not (self.busy or self._waiting or self._connecting):
            self._settled.set()

    def _expire(self, before_s: float) -> None:
        for overdue in [each for each in self.busy if each.due_s < before_s]:
            overdue.give_up()
        while self._waiting and self._waiting[0] < before_s:
            self.record(self._waiting.popleft(), "timeout", "")

    def _print(self, *, last: bool) -> None:
        line: dict[str, object] = {"samples": self.samples}
        if last:
            line["late_p99_ms"] = figures.percentile(sorted(self.late_ms), 99) if self.late_ms else None
        sys.stdout.buffer.write(orjson.dumps(line) + b"\n")
        sys.stdout.buffer.flush()
        self.samples = []


async def _run(plan: Plan, every_s: float) -> None:
    generator = Generator(plan)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, generator.stop)
    gc.freeze()
    gc.disable()  # a collection would be charged to the server
    await generator.run(every_s)


def main() -> int:
    """Send one plan's load."""
    parser = argparse.ArgumentParser(
        prog="python -m loadtest.openloop",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    loadplan.add_arguments(parser)
    parser.add_argument(
        "--every", type=float, default=0, help="print each so many seconds (default: at the end)"
    )
    given = parser.parse_args()
    uvloop.run(_run(loadplan.chosen(given), given.every))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
