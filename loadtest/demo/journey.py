"""The locust users of a run: a process of their own that walks the whole journey while faults come and go."""

import contextlib
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from loadtest import figures, processes
from loadtest.demo.recording import Journey, Step

FILE = Path(__file__).parents[1] / "locustfiles" / "journey.py"
USERS = 10
STOP_S = 6.0
"""Enough for a payment under way and for the statistics to be written."""


@dataclass(frozen=True, slots=True)
class Riders:
    """Running users."""

    child: processes.Child
    statistics: Path

    def stop(self) -> None:
        """Let the steps under way end and begin no more; does not wait. Once: locust trips over a second signal."""
        self.child.process.terminate()

    def finish(self) -> Journey | None:
        """After `stop`: wait, and return what they saw; None when locust left no statistics."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.child.process.wait(STOP_S)
        self.child.end()
        try:
            return read(orjson.loads(self.statistics.read_bytes()))
        except (OSError, orjson.JSONDecodeError):
            return None


def start(children: processes.Children, entry: str, users: int = USERS) -> Riders:
    """Send users through the gateway, two more every second, until stopped."""
    statistics = children.directory / "journey"
    options = ["--headless", "--only-summary", "--loglevel", "WARNING", "--host", f"http://{entry}"]
    options += ["--users", str(users), "--spawn-rate", "2", "--stop-timeout", "3"]
    argv = [sys.executable, "-m", "locust", "-f", str(FILE), *options, "--json-file", str(statistics)]
    return Riders(children.start("journey", argv), statistics.with_suffix(".json"))


def read(entries: list[Mapping[str, Any]]) -> Journey:
    """Locust's JSON statistics as steps, in the order in which they were first asked."""
    ordered = sorted(entries, key=lambda each: each["start_time"])
    return Journey([_step(each) for each in ordered])


def _step(entry: Mapping[str, Any]) -> Step:
    times: Mapping[str, int] = entry["response_times"]
    ordered = sorted((float(ms), count) for ms, count in times.items())
    spread = [ms for ms, count in ordered for _ in range(count)]
    return Step(
        f"{entry['method']} {entry['name']}",
        entry["num_requests"],
        entry["num_failures"],
        figures.percentile(spread, 50),
        figures.percentile(spread, 99),
    )
