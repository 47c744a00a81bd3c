"""The figures of docs/market.md, from virtual time: `python -m tests.coordinator.policy.figures`, half a minute."""

import random
import sys
from collections.abc import Callable
from statistics import fmean, median

from coordinator.game import agents
from coordinator.policy.config import Config
from tests.coordinator.game.test_agents import crew as players
from tests.coordinator.policy.plant import Plant, crew, demand, distance, step_demand

SPIKES = ((250.0, 4.0), (400.0, 2.0), (100.0, 10.0), (600.0, 3.0), (60.0, 20.0))
Curve = Callable[[float, float], float]


def contention(seed: int, pods: int, curve: Curve, config: Config) -> tuple[float, float, float]:
    """Cycles 11 to 30: largest distance from x*, mean and largest change per cycle."""
    rng = random.Random(seed)
    loads = [rng.uniform(300.0, 1500.0) for _ in range(pods)]
    there, load = crew(loads, 4000 // pods // 10 * 10, [float(rng.choice([1, 1, 2, 3, 5])) for _ in loads])
    plant = Plant(4000, there, load, rng, config, curve=curve)
    ideal = plant.ideal()
    distances, changes = [], []
    for _ in range(30):
        before = plant.amounts()
        plant.cycle()
        after = plant.amounts()
        distances.append(distance(after, ideal))
        changes.append(sum(abs(after[name] - before[name]) for name in after) / sum(before.values()))
    return max(distances[10:]), fmean(changes[10:]), max(changes[10:])


def spike(seed: int, load_m: float, times: float, curve: Curve, config: Config) -> tuple[int, float] | None:
    """Cycles to 90 % of where it ends, and the largest amount over that; None: it had that much before."""
    rng = random.Random(seed)
    loads = [load_m, *(rng.uniform(300.0, 900.0) for _ in range(4))]
    there, load = crew(loads, 800, [rng.choice([3.0, 5.0]), 1.0, 1.0, 1.0, 1.0])
    plant = Plant(4000, there, load, rng, config, curve=curve)
    for _ in range(20):
        plant.cycle()
    before_m = plant.amounts()["p00"]
    plant.loads["p00"] = load_m * times
    seen = []
    for _ in range(30):
        plant.cycle()
        seen.append(plant.amounts()["p00"])
    needed_m = plant.ideal()["p00"]
    if before_m >= 0.9 * needed_m:
        return None
    cycles = next((cycle for cycle, amount in enumerate(seen, 1) if amount >= 0.9 * needed_m), 99)
    return cycles, max(seen) / needed_m


def tell(name: str, curve: Curve, config: Config) -> None:
    runs = [contention(seed, pods, curve, config) for seed in range(6) for pods in (3, 6, 10)]
    print(f"{name}: {len(runs)} runs under contention, cycles 11 to 30")
    print(f"  distance from x*: largest {max(run[0] for run in runs):.1%}")
    print(f"  change per cycle: mean {fmean(run[1] for run in runs):.2%}, of the worst run", end=" ")
    print(f"{max(run[1] for run in runs):.2%}, of the worst cycle {max(run[2] for run in runs):.1%}")
    found = [spike(seed, *kind, curve, config) for kind in SPIKES for seed in range(100, 130)]
    spikes = [each for each in found if each is not None]
    late = sum(cycles > 3 for cycles, _ in spikes)
    print(
        f"  spikes: {len(spikes)}; {late} took more than 3 cycles, longest {max(each[0] for each in spikes)};",
        end=" ",
    )
    print(f"largest overshoot {max(each[1] for each in spikes):.2f}×")


def tell_agents() -> None:
    warm, cold = [], []
    for seed in range(200):
        found, capacity_m = players(seed)
        advice = agents.recommend(found, capacity_m, random.Random(seed))
        warm.append(advice.gap)
        if not advice.infeasible:
            game = agents.Game(sorted(found, key=lambda agent: agent.name), capacity_m, advice.price)
            cold.append(agents._match(game, game.start(), agents.ROUNDS, [])[1])
    for name, gaps in (("after a first turn", sorted(warm)), ("from the present limits", sorted(cold))):
        figures = f"median {median(gaps):.1%}, p95 {gaps[int(0.95 * len(gaps))]:.1%}, largest {gaps[-1]:.1%}"
        print(f"regret matching {name}: {len(gaps)} games, time-average gap {figures}")


if __name__ == "__main__":
    given = dict(argument.split("=") for argument in sys.argv[1:])
    chosen = Config(**{name: float(value) for name, value in given.items()})  # type: ignore[arg-type]
    tell("demand as documented", demand, chosen)
    tell("demand that is nearly a step", step_demand, chosen)
    tell_agents()
