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
from dataclasses import dataclass

import orjson
import uvloop

from loadtest import client, figures, processes, ticker
from sidecar import clock

LEAD_S = 0.05
CHECK_S = 0.1


@dataclass(frozen=True, slots=True)
class Plan:
    """What to send where: `rate` per second, for `seconds` after `warmup_s` that is sent but not reported."""

    target: str
    host: str
    path: str
    rate: float
    seconds: float
    warmup_s: float = 0.0
    timeout_s: float = 5.0
    connections: int = 512
    more_paths: tuple[str, ...] = ()
    """Asked for in turn with `path`: a route with a parameter is not one cached page."""
    headers: tuple[str, ...] = ()
    """Lines added to every request, as in `Authorization: Bearer …`."""

    def requests(self) -> list[bytes]:
        """The bytes of the requests, one per path; they are sent in turn."""
        lines = "".join(
            f"{line}\r\n" for line in (f"Host: {self.host}", "User-Agent: openloop", *self.headers)
        )
        return [f"GET {path} HTTP/1.1\r\n{lines}\r\n".encode() for path in (self.path, *self.more_paths)]


class Generator:
    """Issues requests at their instants over as many connections as the answers' slowness needs."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._requests = itertools.cycle(plan.requests())
        self.samples: list[tuple[float, float, str, str]] = []
        self.late_ms: list[float] = []
        self.idle: list[client.Client] = []
        self.busy: set[client.Client] = set()
        self._waiting: deque[float] = deque()
        self._connecting: set[asyncio.Task[None]] = set()
        self._start_s = clock.now() + LEAD_S
        self._issued = 0
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
        if self.idle:
            self.idle.pop().send(due_s)
        elif len(self.busy) + len(self._connecting) < self.plan.connections:
            task = asyncio.get_running_loop().create_task(self._connect(due_s))
            self._connecting.add(task)
            task.add_done_callback(self._connecting.discard)
        else:
            self._waiting.append(due_s)

    async def _connect(self, due_s: float) -> None:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self.plan.timeout_s):
                _, opened = await loop.create_connection(
                    lambda: client.Client(self), *processes.split(self.plan.target)
                )
        except (OSError, TimeoutError):
            self.record(due_s, "connect", "")
        else:
            opened.send(due_s)

    def next_request(self) -> bytes:
        """What the next request says."""
        return next(self._requests)

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
    parser.add_argument("target", metavar="IP:PORT", help="where to connect")
    parser.add_argument("--host", required=True, help="the Host header: chooses the service at a sidecar")
    parser.add_argument(
        "--path", action="append", help="request target (default /); several are asked for in turn"
    )
    parser.add_argument(
        "--header", action="append", default=[], metavar="LINE", help="add `Name: value` to every request"
    )
    parser.add_argument("--rate", type=float, default=1000, help="requests per second (default 1000)")
    parser.add_argument("--seconds", type=float, default=5, help="how long (default 5)")
    parser.add_argument("--warmup", type=float, default=0, help="seconds before that are sent, not reported")
    parser.add_argument("--timeout", type=float, default=5, help="seconds until a request counts as failed")
    parser.add_argument(
        "--every", type=float, default=0, help="print each so many seconds (default: at the end)"
    )
    chosen = parser.parse_args()
    paths = chosen.path or ["/"]
    plan = Plan(
        chosen.target,
        chosen.host,
        paths[0],
        chosen.rate,
        chosen.seconds,
        warmup_s=chosen.warmup,
        timeout_s=chosen.timeout,
        more_paths=tuple(paths[1:]),
        headers=tuple(chosen.header),
    )
    uvloop.run(_run(plan, chosen.every))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
