"""What came of one run: every request's latency and end while it runs, and afterwards a small summary that pools.

Latencies are kept in cells 1 % wide, so that runs of many seeds add up and percentiles stay within 1 %.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loadtest.lab.scenario import FAULT_AT_S, Scenario

LEAST_S = 1e-4
CELLS = 1400
"""From 0.1 ms to two minutes."""
GOOD_S = 0.5
"""An answer later than this is no good to anybody: goodput counts the earlier ones."""
FIRST_P95_S = 0.03
RECENT = 1024

Counts = NDArray[np.int64]


class Tally:
    """One run, by request number."""

    def __init__(self, scenario: Scenario, requests: int) -> None:
        self.finished = bytearray(requests)
        self.p95_s = FIRST_P95_S
        """Of recent good answers: when hedging arms send their second copy."""
        self._scenario = scenario
        self._good = bytearray(requests)
        self._took_s = [0.0] * requests
        self._pod = [0] * requests
        self._recent: list[float] = []

    def picked(self, request: int, pod: int) -> None:
        """The first attempt went there."""
        self._pod[request] = pod

    def done(self, request: int, took_s: float, *, good: bool) -> None:
        """It was answered, well or badly."""
        if self.finished[request]:
            return
        self.finished[request] = 1
        self._good[request] = good
        self._took_s[request] = took_s

    def attempted(self, took_s: float) -> None:
        """A good answer came so long after its own attempt was sent: copies do not make the next ones later."""
        self._recent.append(took_s)
        if len(self._recent) % 64 == 0:
            del self._recent[:-RECENT]
            self.p95_s = sorted(self._recent)[int(0.95 * len(self._recent))]

    def summary(self, at_s: Sequence[float], rule: str, seed: int) -> "Outcome":
        """Of the judged stretch; what is unanswered at the end counts with what it has waited so far."""
        at, took = np.array(at_s), np.array(self._took_s)
        finished = np.frombuffer(self.finished, dtype=np.uint8).astype(bool)
        good = np.frombuffer(self._good, dtype=np.uint8).astype(bool)
        took = np.where(finished, took, self._scenario.end_s - at)
        pod = np.array(self._pod)
        judged = at >= FAULT_AT_S + self._scenario.settle_s
        return Outcome(
            scenario=self._scenario.name,
            rule=rule,
            seed=seed,
            requests=int(judged.sum()),
            errors=int((judged & finished & ~good).sum()),
            late=int((judged & ~(good & (took <= GOOD_S))).sum()),
            bad=int((judged & np.isin(pod, self._scenario.bad)).sum()),
            cells=histogram(took[judged]),
            total_s=float(took[judged].sum()),
            busiest=_busiest(at[judged], pod[judged], self._scenario.pods),
            shares=_shares(at, pod, self._scenario),
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """One run, or several pooled."""

    scenario: str
    rule: str
    seed: int
    requests: int
    errors: int
    late: int
    """Not answered well within `GOOD_S`."""
    bad: int
    """First attempts at the scenario's bad pods."""
    cells: Counts
    total_s: float
    """What all of them waited together: the total cost."""
    busiest: float
    """Largest share of one pod in any second, in fair shares of the pods that served in it."""
    shares: list[float] = field(default_factory=list)
    """Of the bad pods together, second by second from the start."""
    per_s: float = 0.0
    """Requests simulated per second of this machine."""

    def percentile_ms(self, percent: float) -> float:
        """Of the judged requests, errors included with what they took; NaN without any."""
        return percentile_ms(self.cells, percent)

    def values(self) -> dict[str, Any]:
        """For tables and JSON."""
        many = max(self.requests, 1)
        return {
            "mean_ms": 1000 * self.total_s / many,
            "p50_ms": self.percentile_ms(50),
            "p99_ms": self.percentile_ms(99),
            "p999_ms": self.percentile_ms(99.9),
            "errors": self.errors / many,
            "goodput": 1 - self.late / many,
            "bad_share": self.bad / many,
            "busiest": self.busiest,
            "requests": self.requests,
        }


def pooled(outcomes: Sequence[Outcome]) -> Outcome:
    """Several seeds of one scenario and rule as one."""
    first = outcomes[0]
    return Outcome(
        first.scenario,
        first.rule,
        -1,
        sum(each.requests for each in outcomes),
        sum(each.errors for each in outcomes),
        sum(each.late for each in outcomes),
        sum(each.bad for each in outcomes),
        np.sum([each.cells for each in outcomes], axis=0),
        sum(each.total_s for each in outcomes),
        max(each.busiest for each in outcomes),
        [float(value) for value in np.mean([each.shares for each in outcomes], axis=0)],
        float(np.mean([each.per_s for each in outcomes])),
    )


def histogram(seconds: NDArray[np.float64]) -> Counts:
    """Counts by cell."""
    where = np.log(np.maximum(seconds, LEAST_S) / LEAST_S) / np.log(1.01)
    return np.bincount(np.minimum(where.astype(np.int64), CELLS - 1), minlength=CELLS)


def percentile_ms(cells: Counts, percent: float) -> float:
    """Interpolated inside the cell."""
    total = int(cells.sum())
    if not total:
        return float("nan")
    before = np.concatenate(([0], np.cumsum(cells)))
    rank = percent / 100 * total
    cell = min(int(np.searchsorted(before, rank, side="right")) - 1, CELLS - 1)
    inside = (rank - before[cell]) / max(int(cells[cell]), 1)
    return float(1000 * LEAST_S * 1.01 ** (cell + inside))


def _busiest(at: NDArray[np.float64], pod: NDArray[np.int64], pods: int) -> float:
    second = at.astype(np.int64)
    counts = np.zeros((int(second.max(initial=0)) + 1, pods))
    np.add.at(counts, (second, pod), 1)
    totals = counts.sum(axis=1, keepdims=True)
    busy = totals[:, 0] >= 10 * pods  # with fewer, a pod's count is luck
    serving = (counts > 0).sum(axis=1, keepdims=True)
    return float((counts[busy] / totals[busy] * serving[busy]).max(initial=0.0))


def _shares(at: NDArray[np.float64], pod: NDArray[np.int64], scenario: Scenario) -> list[float]:
    second = at.astype(np.int64)
    length = int(scenario.end_s)
    total = np.bincount(second, minlength=length)[:length]
    bad = np.bincount(second[np.isin(pod, scenario.bad)], minlength=length)[:length]
    return [float(value) for value in bad / np.maximum(total, 1)]
