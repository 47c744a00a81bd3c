"""A node whose pods work: what they want depends on their load and on the CPU they have, as docs/demand.md has it."""

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from coordinator.game.market import Bid, explain
from coordinator.policy.controller import Bounds, Config, Controller, Node, Plan
from coordinator.policy.grant import Consent, Grant
from coordinator.policy.observation import Observation
from coordinator.policy.outcome import Outcome
from coordinator.policy.settlement import affordable
from coordinator.policy.subject import Amounts, Subject

NOISE = 0.03
"""The largest standard deviation docs/demand.md allows under steady load."""
YES = Consent("accepted")


def demand(load_m: float, cpu_m: float) -> float:
    """Without noise: slots and waiting places, latency over calm, throttled periods, each of use over CPU."""
    busy = load_m / max(cpu_m, 1.0)
    queue = 0.5 * min(1.0, busy) + 0.5 * _part(busy, 0.9, 1.2)
    ratio = 1.0 / (1.0 - min(busy, 0.95))
    latency = min(1.0, max(0.0, math.log(ratio / 1.5) / math.log(4.0)))
    throttled = _part(busy, 0.8, 1.2)
    return 1.0 - (1.0 - queue) * (1.0 - latency / 2.0) * (1.0 - throttled)


def step_demand(load_m: float, cpu_m: float) -> float:
    """From all to nothing within 15 % of use: the hardest a loop can be given."""
    busy = load_m / max(cpu_m, 1.0)
    return 0.2 * min(1.0, busy) + 0.8 * _part(busy, 0.9, 1.05)


def _part(value: float, low: float, high: float) -> float:
    return min(1.0, max(0.0, (value - low) / (high - low)))


def subject(
    name: str, cpu_m: int, *, budget: float = 1.0, floor_m: int = 100, cap_m: int = 4000, node: str = "n"
) -> Subject:
    amounts = Amounts(cpu_request_m=100, cpu_limit_m=cpu_m, memory_limit_bytes=256 * 2**20)
    return Subject(
        namespace="default",
        name=name,
        uid=f"uid-{name}",
        node=node,
        container="app",
        workload=f"Deployment/{name}",
        budget=budget,
        floor_m=floor_m,
        cap_m=cap_m,
        policy="limits",
        spec=amounts,
        actual=amounts,
        generation=1,
        settled=True,
        sidecar="10.0.0.1:15490",
    )


def resized(pod: Subject, cpu_m: int) -> Subject:
    """As the kubelet leaves it."""
    spec = replace(pod.spec, cpu_limit_m=cpu_m)
    return replace(pod, spec=spec, actual=spec, generation=pod.generation + 1)


@dataclass
class Plant:
    """One node in virtual time. `answer` and `outcome` say what becomes of a grant."""

    capacity_m: int
    pods: dict[str, Subject]
    loads: dict[str, float]
    rng: random.Random
    config: Config = field(default_factory=Config)
    noise: float = NOISE
    curve: Callable[[float, float], float] = demand
    """What a pod wants under a load with an amount, both in millicores."""
    answer: Callable[[Grant], Consent] = lambda _: YES
    outcome: Callable[[Grant], Outcome] = lambda _: Outcome(kind="applied")
    now: float = 0.0

    def __post_init__(self) -> None:
        self.controller = Controller(self.config, self.rng)

    def observed(self) -> dict[str, Observation]:
        return {
            pod.uid: Observation(
                demand=min(1.0, max(0.0, self.wants(pod) + self.rng.gauss(0.0, self.noise))),
                source="sidecar",
                at=self.now,
                usage_m=min(self.loads[name], pod.cpu_m),
            )
            for name, pod in self.pods.items()
        }

    def wants(self, pod: Subject) -> float:
        return self.curve(self.loads[pod.name], pod.cpu_m)

    def cycle(self, bounds: dict[str, Bounds] | None = None) -> Plan:
        """Observe, plan, ask, do: sellers first, and buyers only get what sellers sold."""
        self.now += self.config.cycle_s
        nodes = [Node("n", self.capacity_m)]
        plan = self.controller.plan(
            nodes, list(self.pods.values()), self.observed(), bounds or {}, now=self.now
        )
        for revert in plan.reverts:
            self._done(revert)
        agreed = [grant for grant in plan.grants if self._agrees(grant)]
        refused = [grant for grant in plan.grants if grant.sells and grant not in agreed]
        refused += [grant for grant in agreed if grant.sells and not self._done(grant)]
        buyers = [grant for grant in agreed if not grant.sells]
        for grant in affordable(buyers, refused, plan.spare_m):
            self._done(grant)
        return plan

    def _agrees(self, grant: Grant) -> bool:
        consent = self.answer(grant)
        self.controller.answered(grant, consent, now=self.now)
        return consent.answer != "vetoed"

    def _done(self, grant: Grant) -> bool:
        outcome = self.outcome(grant)
        self.controller.settled(grant, outcome, now=self.now)
        if outcome.kind not in ("applied", "deferred"):
            return False
        pod = self.pods[grant.subject.name]
        if grant.cpu_m is not None:
            after = resized(pod, grant.cpu_m)
            if outcome.kind == "deferred" and grant.delta_m > 0:
                after = replace(after, actual=pod.actual, settled=False, deferred=True)
            self.pods[pod.name] = replace(after, deferred=after.deferred and not pod.deferred)
        return True

    def amounts(self) -> dict[str, int]:
        return {name: pod.cpu_m for name, pod in self.pods.items()}

    def ideal(self) -> dict[str, float]:
        """Where the noise-free market and the noise-free pods agree: its fixed point, by damped iteration."""
        amounts = {name: float(pod.cpu_m) for name, pod in self.pods.items()}
        for _ in range(400):
            solved = explain(
                self.capacity_m, [self._bid(pod, amounts[pod.name]) for pod in self.pods.values()]
            )
            amounts = {
                name: 0.9 * amount + 0.1 * solved.lines[f"default/{name}"].exact_m
                for name, amount in amounts.items()
            }
        return amounts

    def _bid(self, pod: Subject, cpu_m: float) -> Bid:
        wants = self.curve(self.loads[pod.name], cpu_m)
        return Bid(pod=pod.key, budget=pod.budget, demand=wants, floor_m=pod.floor_m, cap_m=pod.cap_m)


def distance(amounts: dict[str, int], ideal: dict[str, float]) -> float:
    """Σ|x − x*| over Σ x*."""
    return sum(abs(amounts[name] - ideal[name]) for name in ideal) / sum(ideal.values())


def crew(
    loads: Sequence[float], cpu_m: int, budgets: Sequence[float]
) -> tuple[dict[str, Subject], dict[str, float]]:
    """Pods p00, p01 … and their loads."""
    names = [f"p{index:02}" for index in range(len(loads))]
    pods = {name: subject(name, cpu_m, budget=budget) for name, budget in zip(names, budgets, strict=True)}
    return pods, dict(zip(names, loads, strict=True))
