"""The handle of an open-loop generator that runs in a process of its own."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import orjson

from loadtest import figures, openloop, processes


class Sample(NamedTuple):
    """One request: when it was due (on `clock.now`'s scale), how long it took, how it ended, who answered."""

    due_s: float
    latency_ms: float
    outcome: str
    pod: str

    @property
    def ok(self) -> bool:
        """Answered 200, by whichever pod."""
        return self.outcome == "200"


@dataclass(slots=True)
class Load:
    """A running generator. Read `batches` until they end, or call `finish`."""

    child: processes.Child
    late_p99_ms: float | None = None
    samples: list[Sample] = field(default_factory=list)

    def batches(self) -> Iterator[list[Sample]]:
        """What it reports, as it does; everything is kept in `samples` too."""
        stream = self.child.process.stdout
        if stream is None:
            raise ValueError("this load was started without a pipe")
        if stream.closed:  # read to its end already
            return
        with stream:
            for line in stream:
                batch = self._take(line)
                self.samples += batch
                yield batch
        self.child.process.wait(10)

    def _take(self, line: bytes) -> list[Sample]:
        message = orjson.loads(line)
        self.late_p99_ms = message.get("late_p99_ms")
        return [Sample(*fields) for fields in message["samples"]]

    def finish(self, *, now: bool = False) -> list[Sample]:
        """Wait for the end (`now`: bring it about) and return every sample."""
        if now:
            self.child.process.terminate()
        for _ in self.batches():
            pass
        if self.child.process.returncode:
            raise processes.StartError(f"the load generator failed:\n{self.child.last_words()}")
        return self.samples


def start(
    children: processes.Children,
    plan: openloop.Plan,
    *,
    core: int | None = None,
    every_s: float = 0.0,
    name: str = "load",
) -> Load:
    """Start the generator with `plan`; `every_s` > 0 reports while it runs."""
    argv = [sys.executable, "-m", "loadtest.openloop", *plan.arguments(), "--every", str(every_s)]
    return Load(children.start(name, argv, core=core, pipe=True))


class Latency(NamedTuple):
    """Milliseconds from the instant a request was due."""

    p50_ms: float
    p99_ms: float
    p999_ms: float


def latency(samples: list[Sample]) -> Latency:
    """Of the answered ones; NaN when there are none."""
    ordered = sorted(sample.latency_ms for sample in samples if sample.ok)
    return Latency(*(figures.percentile(ordered, percent) for percent in (50, 99, 99.9)))


def failures(samples: list[Sample]) -> dict[str, int]:
    """How often each outcome other than 200 came."""
    counts: dict[str, int] = {}
    for sample in samples:
        if not sample.ok:
            counts[sample.outcome] = counts.get(sample.outcome, 0) + 1
    return counts
