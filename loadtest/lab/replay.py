"""The user's own access log through any rule: who would have been asked, and what would that have cost?

A request sent to an endpoint takes what the log says that endpoint took for the nearest request of the same route
(else of any route) around that instant. That assumes an endpoint's speed did not depend on what was sent to it: right
for a slow or failing pod, too kind to a rule that would have overloaded a good one.
"""

import bisect
import heapq
import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from loadtest import figures
from loadtest.lab.rules.rule import Rule

LEAST_FOR_ROUTE = 20
"""Requests of a route an endpoint must have served for the route to be told apart."""


class ReplayError(ValueError):
    """The log cannot be used; the message says why and what would help."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One logged request."""

    at_s: float
    took_s: float
    endpoint: str
    route: str
    ok: bool


@dataclass(frozen=True, slots=True)
class Played:
    """What a rule would have made of it."""

    p50_ms: float
    p99_ms: float
    errors: float
    shares: Mapping[str, float]


def read(path: Path, service: str | None = None) -> list[Entry]:
    """Requests that an endpoint answered, by time. ReplayError for a log without any, or with several services."""
    found: dict[str, list[Entry]] = {}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        entry = _entry(line, f"{path}:{number}")
        if entry is not None:
            found.setdefault(entry[0], []).append(entry[1])
    if service is None and len(found) > 1:
        many = ", ".join(f"{name} ({len(each)})" for name, each in sorted(found.items()))
        raise ReplayError(f"{path} has several services, choose with --service: {many}")
    chosen = found.get(service or next(iter(found), ""), [])
    if len({entry.endpoint for entry in chosen}) < 2:
        raise ReplayError(f"{path} has no requests to at least two endpoints of {service or 'a service'}")
    return sorted(chosen, key=lambda entry: entry.at_s)


def _entry(line: str, where: str) -> tuple[str, Entry] | None:
    if not line.strip():
        return None
    try:
        said = json.loads(line)
        took_s = float(said["duration_ms"]) / 1000
        endpoint, service = str(said["endpoint"]), str(said["service"])
        entry = Entry(
            float(said["time"]) - took_s, took_s, endpoint, str(said["route"]), 0 < int(said["status"]) < 500
        )
    except (ValueError, KeyError, TypeError) as error:
        raise ReplayError(f"{where}: not a line of EQUILIBRIUM_ACCESS_LOG ({error!r})") from error
    return (service, entry) if endpoint and said.get("listener", "outbound") == "outbound" else None


def as_it_was(log: Sequence[Entry]) -> Played:
    """What the log itself says."""
    return _told([(entry.took_s, entry.ok, entry.endpoint) for entry in log])


def play(log: Sequence[Entry], make: Callable[[random.Random], Rule], seed: int = 1) -> Played:
    """The same requests, routed by one instance of the rule."""
    endpoints = sorted({entry.endpoint for entry in log})
    memory = _Memory(log)
    rule = make(random.Random(seed))
    rule.members(range(len(endpoints)), log[0].at_s)
    open_: list[tuple[float, int, int, float, bool]] = []
    ended: list[tuple[float, bool, str]] = []
    for number, entry in enumerate(log):
        while open_ and open_[0][0] <= entry.at_s:
            now, request, pod, took_s, ok = heapq.heappop(open_)
            rule.settled(request, pod, now, took_s, ok=ok, load=None)
        pod = rule.pick(number, entry.at_s)
        took_s, ok = memory.nearest(endpoints[pod], entry.route, entry.at_s)
        heapq.heappush(open_, (entry.at_s + took_s, number, pod, took_s, ok))
        ended.append((took_s, ok, endpoints[pod]))
    return _told(ended)


class _Memory:
    """What each endpoint took, when, by route."""

    def __init__(self, log: Sequence[Entry]) -> None:
        self._known: dict[tuple[str, str], tuple[list[float], list[Entry]]] = {}
        for entry in log:
            for key in ((entry.endpoint, entry.route), (entry.endpoint, "")):
                times, entries = self._known.setdefault(key, ([], []))
                times.append(entry.at_s)
                entries.append(entry)

    def nearest(self, endpoint: str, route: str, at_s: float) -> tuple[float, bool]:
        """Seconds and whether it went well, of the request nearest in time."""
        times, entries = self._known.get((endpoint, route), ([], []))
        if len(times) < LEAST_FOR_ROUTE:
            times, entries = self._known[endpoint, ""]
        after = bisect.bisect_left(times, at_s)
        near = min(
            (place for place in (after - 1, after) if 0 <= place < len(times)),
            key=lambda place: abs(times[place] - at_s),
        )
        return entries[near].took_s, entries[near].ok


def _told(ended: Sequence[tuple[float, bool, str]]) -> Played:
    ordered = sorted(1000 * took_s for took_s, _, _ in ended)
    counts: dict[str, int] = {}
    for _, _, endpoint in ended:
        counts[endpoint] = counts.get(endpoint, 0) + 1
    return Played(
        figures.percentile(ordered, 50),
        figures.percentile(ordered, 99),
        sum(not ok for _, ok, _ in ended) / len(ended),
        figures.shares(counts),
    )
