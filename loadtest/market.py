"""How long the coordinator thinks: one cycle's markets, one cycle's plan, and the memory of a process that holds them.

Plain figures of one process on this machine, nothing else in it. Budgets, demands, floors and caps are drawn from a
seed; demands change a little from cycle to cycle, as in a cluster.
"""

import argparse
import gc
import os
import random
from collections.abc import Sequence
from dataclasses import replace

from coordinator.game import market
from coordinator.policy.config import Config, Node
from coordinator.policy.controller import Controller
from coordinator.policy.observation import Observation
from coordinator.policy.outcome import Outcome
from coordinator.policy.subject import Amounts, Subject
from loadtest import procfs
from sidecar import clock

NODE_M = 4000
MIB = 2**20


def main(argv: Sequence[str] | None = None) -> int:
    """Prints; 0."""
    options = _parser().parse_args(argv)
    rng = random.Random(options.seed)
    pods = [_pod(index, options.nodes, rng) for index in range(options.pods)]
    before = procfs.rss_bytes(os.getpid())
    print(f"{options.pods} pods on {options.nodes} nodes, {options.cycles} cycles, seed {options.seed}")
    _say("market.explain, all nodes", _markets(pods, options.nodes, options.cycles, rng))
    for allocator in ("market", "regret"):
        config = Config(allocator="regret" if allocator == "regret" else "market")
        cycles = options.cycles if allocator == "market" else max(1, options.cycles // 10)
        _say(f"Controller.plan, {allocator}", _plans(config, pods, options.nodes, cycles, rng))
        gc.collect()
        resident = procfs.rss_bytes(os.getpid())
        print(f"{'':28} resident {resident / 1e6:.1f} MB, of which {before / 1e6:.1f} before the first cycle")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m loadtest.market", description=__doc__)
    parser.add_argument("--pods", type=int, default=1000, help="default %(default)s")
    parser.add_argument("--nodes", type=int, default=100, help="default %(default)s")
    parser.add_argument(
        "--cycles", type=int, default=50, help="a tenth of it for regret; default %(default)s"
    )
    parser.add_argument("--seed", type=int, default=1, help="default %(default)s")
    return parser


def _say(what: str, seconds: list[float]) -> None:
    ordered = sorted(1000.0 * each for each in seconds)
    print(f"{what:28} p50 {ordered[len(ordered) // 2]:8.2f} ms   max {ordered[-1]:8.2f} ms a cycle")


def _pod(index: int, nodes: int, rng: random.Random) -> Subject:
    amounts = Amounts(cpu_request_m=50, cpu_limit_m=10 * rng.randint(10, 60), memory_limit_bytes=256 * MIB)
    return Subject(
        namespace=f"team-{index % 20}",
        name=f"service-{index}-7d9f8c6b5-x{index:04x}",
        uid=f"00000000-0000-4000-8000-{index:012d}",
        node=f"node-{index % nodes}",
        container="app",
        workload=f"Deployment/service-{index}",
        budget=float(rng.randint(1, 5)),
        floor_m=100,
        cap_m=NODE_M,
        policy="limits",
        spec=amounts,
        actual=amounts,
        generation=1,
        settled=True,
        sidecar=f"10.0.{index % nodes}.{index // nodes}:15490",
    )


def _markets(pods: Sequence[Subject], nodes: int, cycles: int, rng: random.Random) -> list[float]:
    offered = [_bids(pods, nodes, rng) for _ in range(cycles)]
    return [_timed(each) for each in offered]


def _bids(pods: Sequence[Subject], nodes: int, rng: random.Random) -> list[list[market.Bid]]:
    by_node: list[list[market.Bid]] = [[] for _ in range(nodes)]
    for index, pod in enumerate(pods):
        bid = market.Bid(pod.key, pod.budget, rng.random(), pod.floor_m, pod.cap_m)
        by_node[index % nodes].append(bid)
    return by_node


def _plans(
    config: Config, pods: Sequence[Subject], nodes: int, cycles: int, rng: random.Random
) -> list[float]:
    """Each cycle's grants are applied before the next."""
    controller = Controller(config, rng)
    listed = [Node(f"node-{index}", NODE_M) for index in range(nodes)]
    there = {pod.uid: pod for pod in pods}
    demands = {pod.uid: rng.random() for pod in pods}
    spent = []
    for cycle in range(cycles):
        now = cycle * config.cycle_s
        seen = {uid: _observed(demand, now, rng) for uid, demand in demands.items()}
        started = clock.now()
        plan = controller.plan(listed, list(there.values()), seen, {}, now=now)
        spent.append(clock.now() - started)
        for grant in plan.grants:
            there[grant.subject.uid] = _applied(grant.subject, grant.cpu_m)
            controller.settled(grant, Outcome(kind="applied"), now=now)
    return spent


def _observed(demand: float, now: float, rng: random.Random) -> Observation:
    noisy = min(1.0, max(0.0, rng.gauss(demand, 0.03)))
    return Observation(
        demand=noisy, source="sidecar", at=now, usage_m=200.0 * demand, latency_s=0.05 + 0.2 * noisy
    )


def _applied(pod: Subject, cpu_m: int | None) -> Subject:
    spec = pod.spec if cpu_m is None else replace(pod.spec, cpu_limit_m=cpu_m)
    return replace(pod, spec=spec, actual=spec)


def _timed(by_node: list[list[market.Bid]]) -> float:
    started = clock.now()
    for bids in by_node:
        market.explain(NODE_M, bids)
    return clock.now() - started


if __name__ == "__main__":
    raise SystemExit(main())
