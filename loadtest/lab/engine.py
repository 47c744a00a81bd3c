"""The simulator: one heap of what happens next, plain tuples, no objects per request.

An attempt's end is known when it arrives at its pod (first come, first served), so a request costs one event.
Time-outs, retries, second copies, probes, boards and faults cost theirs only where a scenario has them.
"""

import heapq
import itertools
import random
from collections.abc import Callable, Sequence
from typing import Final

from loadtest.lab.attempts import Attempts
from loadtest.lab.demand import Demand
from loadtest.lab.outcome import Tally
from loadtest.lab.pod import Pod
from loadtest.lab.rules.rule import Load, Rule
from loadtest.lab.scenario import Scenario

NETWORK_S: Final = 0.0005
"""One way."""
TIME_OUT_S: Final = 10.0
REPICKS: Final = 4
HEDGES_PER_REQUEST, MOST_HEDGES = 0.05, 10.0
"""A sidecar's budget for second copies: without one, hedging what is slow makes more of it slow."""
ANSWER, HAPPENS, PROBE, SECOND = 0, 1, 2, 3

Event = tuple[float, int, int, int, int, bool]
"""When, tie-breaker, kind, attempt (or number of what happens), pod, good."""


class Engine:
    """One scenario played by one rule in every sidecar."""

    def __init__(
        self, scenario: Scenario, demand: Demand, make: Callable[[random.Random], Rule], seed: int
    ) -> None:
        self.scenario = scenario
        self.rng = random.Random(seed * 7919 + 1)
        self.now = 0.0
        self.pods = [Pod() for _ in range(scenario.pods)]
        self.listed = list(range(scenario.pods))
        self.rules = [make(random.Random(seed * 100_003 + n)) for n in range(scenario.sidecars)]
        self.tally = Tally(scenario, len(demand.at_s))
        self._demand = demand
        self._heap: list[Event] = []
        self._ties = itertools.count()
        self._acts: list[Callable[[], None]] = []
        self._attempts = Attempts(len(demand.at_s))
        self._held: dict[int, list[int]] = {}
        self._hedges = [1.0] * scenario.sidecars
        self._hears = self.rules[0].hears_loads
        self._probes = self.rules[0].probes_per_request > 0.0
        for rule in self.rules:
            rule.members(self.listed, 0.0)

    # -- for scripts

    def at(self, when: float, act: Callable[[], None]) -> None:
        """Something happens then."""
        self._acts.append(act)
        self._push(when, HAPPENS, len(self._acts) - 1)

    def every(self, seconds: float, act: Callable[[], None]) -> None:
        """Something happens from now on, again and again."""

        def again() -> None:
            act()
            if self.now < self.scenario.end_s:
                self.at(self.now + seconds, again)

        self.at(self.now + seconds, again)

    def heal_all(self, pods: Sequence[int]) -> None:
        """As new, all of them."""
        for pod in pods:
            self.heal(pod)

    def crash_all(self, pods: Sequence[int]) -> None:
        """At once."""
        for pod in pods:
            self.crash(pod)

    def list_pods(self, pods: Sequence[int]) -> None:
        """Discovery tells everybody."""
        self.listed = list(pods)
        for rule in self.rules:
            rule.members(self.listed, self.now)

    def heal(self, pod: int) -> None:
        """As new; what it held back is answered now."""
        self.pods[pod].heal()
        for attempt in self._held.pop(pod, ()):
            self._work(attempt, pod)

    def crash(self, pod: int) -> None:
        """Everything in it is reset."""
        self.pods[pod].crash()
        self._heap = [
            (self.now + NETWORK_S, *event[1:5], False) if event[2] == ANSWER and event[4] == pod else event
            for event in self._heap
        ]
        heapq.heapify(self._heap)
        for attempt in self._held.pop(pod, ()):
            self._push(self.now + NETWORK_S, ANSWER, attempt, pod, good=False)

    # -- the loop

    def run(self) -> Tally:
        """Play it to the end; what is unanswered then counts with what it has waited."""
        self.scenario.script(self)
        if self.scenario.board_s is not None:
            self.every(self.scenario.board_s, self._post)
        heap, at_s = self._heap, self._demand.at_s
        for request, due in enumerate(at_s):
            while heap and heap[0][0] <= due:
                self._handle(heapq.heappop(heap))
                heap = self._heap
            self.now = due
            self._send(request)
            heap = self._heap
        end_s = self.scenario.end_s
        while self._heap and self._heap[0][0] <= end_s:
            self._handle(heapq.heappop(self._heap))
        self.now = end_s
        return self.tally

    def _push(self, when: float, kind: int, attempt: int, pod: int = 0, *, good: bool = True) -> None:
        heapq.heappush(self._heap, (when, next(self._ties), kind, attempt, pod, good))

    def _handle(self, event: Event) -> None:
        self.now = event[0]
        kind = event[2]
        if kind == ANSWER:
            self._answered(event[3], event[4], good=event[5])
        elif kind == HAPPENS:
            self._acts[event[3]]()
        elif kind == PROBE:
            pod = self.pods[event[4]]
            if not pod.down and not pod.hung:
                self.rules[event[3]].probed(event[4], self.now, Load(pod.in_flight, pod.latency_s()))
        else:
            self._second(event[3])

    def _send(self, request: int) -> None:
        sidecar = self._demand.sidecar[request]
        rule = self.rules[sidecar]
        pod = rule.pick(request, self.now)
        self._attempts.begin(request, pod, self.now)
        self.tally.picked(request, pod)
        self.pods[pod].in_flight += 1
        self._work(request, pod)
        if self._probes:
            for target in rule.probe_targets(self.now):
                self._push(self.now + 2 * NETWORK_S, PROBE, sidecar, target)
        if self.scenario.hedging:
            self._hedges[sidecar] = min(MOST_HEDGES, self._hedges[sidecar] + HEDGES_PER_REQUEST)
            self._push(self.now + self.tally.p95_s, SECOND, request)

    def _work(self, attempt: int, pod: int) -> None:
        """It arrives at its pod."""
        began, request = self._attempts.began[attempt], self._attempts.request(attempt)
        host = self.pods[pod]
        if host.hung and not host.down:
            self._held.setdefault(pod, []).append(attempt)
            self._push(began + TIME_OUT_S, ANSWER, attempt, pod, good=False)
            return
        end, good = host.serve(self.now + NETWORK_S, self._demand.work_s[request], self._demand.coin[request])
        end += NETWORK_S
        if end - began > TIME_OUT_S:
            end, good = began + TIME_OUT_S, False
        self._push(end, ANSWER, attempt, pod, good=good)

    def _answered(self, attempt: int, pod: int, *, good: bool) -> None:
        attempts = self._attempts
        if attempts.settled(attempt):  # a held one that was answered before its time-out
            return
        host = self.pods[pod]
        host.in_flight -= 1
        request = attempts.request(attempt)
        if attempts.cancelled(attempt):
            return
        rule = self.rules[self._demand.sidecar[request]]
        took = self.now - attempts.began[attempt]
        load = host.told(took) if self._hears and (good or not host.down) else None
        rule.settled(attempt, pod, self.now, took, ok=good, load=load)
        if good and self.scenario.hedging:
            self.tally.attempted(took)
        if good or not self._again(request, attempt):
            self._finish(request, attempt, good=good)

    def _finish(self, request: int, attempt: int, *, good: bool) -> None:
        others = self._attempts.others(request, attempt)
        if not good and others:
            return  # another copy may still make it
        self.tally.done(request, self.now - self._demand.at_s[request], good=good)
        rule = self.rules[self._demand.sidecar[request]]
        for other in others:
            self._attempts.cancel(other)
            rule.abandoned(other, self._attempts.pod[other], self.now)

    def _again(self, request: int, attempt: int) -> bool:
        """One more try elsewhere, if the scenario allows."""
        if (
            self._attempts.copies(request) > self.scenario.retries
            or self.now - self._demand.at_s[request] > 5.0
        ):
            return False
        self._copy(request)
        return True

    def _second(self, request: int) -> None:
        sidecar = self._demand.sidecar[request]
        if self.tally.finished[request] or self._attempts.copies(request) > 1 or self._hedges[sidecar] < 1.0:
            return
        self._hedges[sidecar] -= 1.0
        self._copy(request)

    def _copy(self, request: int) -> None:
        """Another attempt, at a pod that has not had this request where the rule finds one."""
        tried = self._attempts.tried(request)
        rule = self.rules[self._demand.sidecar[request]]
        rule.exclude = tried
        attempt = self._attempts.add(request)
        for _ in range(REPICKS):
            pod = rule.pick(attempt, self.now)
            if pod not in tried or len(tried) >= len(self.listed):
                break
            rule.abandoned(attempt, pod, self.now)
        else:
            pod = rule.pick(attempt, self.now)
        rule.exclude = frozenset()
        self._attempts.begin(attempt, pod, self.now)
        self.pods[pod].in_flight += 1
        self._work(attempt, pod)

    def _post(self) -> None:
        loads = [float(pod.in_flight) for pod in self.pods]
        for rule in self.rules:
            rule.board(loads, self.now)
