"""How long advice takes to work out, how good it is, and what the certificate says of it.

Games are drawn from a seed: rates and speeds of endpoints lognormal, latencies of a line or of a queue (S/(1 −
use), a line from 95 % on), shares of now by chance. Timed is all of it: proposals, game, pool, program,
certificate. One process, one thread. Exit code 0: the bars are kept (gap ≤ 1e-6 of the mean cost, or slack and
1e-6; total ≤ the best pure Nash found; 50x10 below a second of CPU in the median); 1: one is not; 2: arguments that
make no sense.
"""

import argparse
import resource
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coordinator.game import pool, shares
from coordinator.game.congestion import CongestionGame, Group
from coordinator.game.latency import AnyCurve, Together
from sidecar import clock
from sidecar.game.potential import Curve

Vector = NDArray[np.float64]
_ALLOWED = 1e-6
_FULL = 0.95
_BAR = ((50, 10), 1.0)
_HEAD = """\
groups x   proposals  solving, ms             CPU   gap/ mean  total/best Nash       total/optimum       Nash/  profiles
endpoints  median ms     min  median     max   ms        most     least    median    median      most     opt.  mixed"""


@dataclass(frozen=True, slots=True)
class Queue:
    """One server, or any number that share its work: S/(1 − use)."""

    service_s: float
    capacity_per_s: float

    def at(self, load: Vector, /) -> Vector:
        """Seconds."""
        return _queue(load, self.service_s, self.capacity_per_s)

    @staticmethod
    def together(curves: "Sequence[Queue]") -> Together:
        """All of them at once."""
        service = np.array([curve.service_s for curve in curves])
        capacity = np.array([curve.capacity_per_s for curve in curves])
        return lambda loads: _queue(loads, service, capacity)


@dataclass(frozen=True, slots=True)
class Run:
    """One game solved. All but the times relative."""

    proposals_s: float
    solving_s: float
    cpu_s: float
    gap: float  # to the mean cost
    to_nash: float
    to_optimum: float
    nash_to_optimum: float
    mixed: int


def main(argv: Sequence[str] | None = None) -> int:
    """Prints a table; see above for what is returned."""
    parser = _parser()
    options = parser.parse_args(argv)
    if options.games < 1 or not (0.0 <= options.slack < 1.0):
        parser.error("--games is 1 or more, --slack at least 0 and below 1")
    kind = "coarse " if options.coarse else ""
    print(
        f"{options.games} games a size, seed {options.seed}: {options.curves} curves, {options.actions} actions, "
        f"{kind}slack {options.slack:g} of the mean cost"
    )
    print(_HEAD)
    kept = [_size(each, options) for each in options.sizes]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak resident {peak:.0f} MiB (Python, numpy and HiGHS included)")
    return 0 if all(kept) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m loadtest.equilibria",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--games", type=int, default=20, help="of each size; default %(default)s")
    parser.add_argument(
        "--sizes", type=_sizes, default="8x5,50x10,64x50", help="GROUPSxENDPOINTS, …; default %(default)s"
    )
    parser.add_argument("--curves", choices=("line", "queue"), default="line", help="default %(default)s")
    parser.add_argument(
        "--actions",
        choices=("proposed", "random", "single"),
        default="proposed",
        help="≤ 16 each: what is proposed, by chance, single endpoints; default %(default)s",
    )
    parser.add_argument(
        "--slack", type=float, default=0.0, help="of the mean cost; default %(default)s: exact"
    )
    parser.add_argument("--coarse", action="store_true", help="coarse correlated equilibria")
    parser.add_argument("--seed", type=int, default=1, help="default %(default)s")
    return parser


def _sizes(text: str) -> list[tuple[int, int]]:
    pairs = [tuple(int(number) for number in each.split("x")) for each in text.split(",")]
    if any(len(pair) != 2 or min(pair) < 1 for pair in pairs):
        raise ValueError(text)
    return [(pair[0], pair[1]) for pair in pairs]


def _size(size: tuple[int, int], options: argparse.Namespace) -> bool:
    """All games of one size: prints a line; whether the bars are kept."""
    rngs = [np.random.default_rng([options.seed, *size, number]) for number in range(options.games)]
    _run(size, options, np.random.default_rng(0))  # imports, and memory that is touched for the first time
    runs = [_run(size, options, rng) for rng in rngs]
    proposing, solving, gaps = _of(runs, "proposals_s"), _of(runs, "solving_s"), _of(runs, "gap")
    to_nash, to_optimum = _of(runs, "to_nash"), _of(runs, "to_optimum")
    columns = [
        f"{size[0]:>5}x{size[1]:<3}",
        f"{1e3 * np.median(proposing):>9.1f}",
        *(f"{1e3 * each:>6.0f}" for each in (solving.min(), np.median(solving), solving.max())),
        f"{1e3 * np.median(_of(runs, 'cpu_s')):>4.0f}",
        f"{gaps.max():>9.1e}",
        *(f"{each:>9.6f}" for each in (to_nash.min(), np.median(to_nash))),
        *(f"{each:>8.5f}" for each in (np.median(to_optimum), to_optimum.max())),
        f"{np.median(_of(runs, 'nash_to_optimum')):>8.5f}",
        f"{np.median(_of(runs, 'mixed')):>5.0f}",
    ]
    print("  ".join(columns))
    quick = size != _BAR[0] or float(np.median(proposing) + np.median(_of(runs, "cpu_s"))) < _BAR[1]
    return bool(quick and gaps.max() <= 1.1 * options.slack + _ALLOWED and np.nanmax(to_nash) <= 1.0)


def _of(runs: Sequence[Run], name: str) -> Vector:
    return np.array([getattr(run, name) for run in runs], dtype=np.float64)


def _run(size: tuple[int, int], options: argparse.Namespace, rng: np.random.Generator) -> Run:
    rates = rng.lognormal(3.0, 0.6, size[0])
    curves = _curves(size[1], float(rates.sum()), options.curves, rng)
    present = rng.dirichlet(np.full(size[1], 20.0), size[0])
    started = clock.now()
    actions = _actions(options.actions, curves, rates, present, rng)
    groups = [
        Group(f"g{who}", float(rate), each)
        for who, (rate, each) in enumerate(zip(rates, actions, strict=True))
    ]
    game = CongestionGame(groups, curves)
    proposed, before_s = clock.now(), _cpu_s()
    found = pool.solve(game, rng, options.coarse or "if-needed")
    ended, cpu_s = clock.now(), _cpu_s() - before_s
    if options.slack > 0.0:  # of the mean cost, which is known only now
        slack_s = options.slack * found.total / float(rates.sum())
        again, before_s = clock.now(), _cpu_s()
        found = pool.solve(game, rng, options.coarse or "if-needed", slack_s=slack_s)
        ended, cpu_s = proposed + clock.now() - again, _cpu_s() - before_s
    nash = found.best_nash if found.best_nash is not None else float("nan")
    return Run(
        proposals_s=proposed - started,
        solving_s=ended - proposed,
        cpu_s=cpu_s,
        gap=found.gap_s * float(rates.sum()) / found.total,
        to_nash=found.total / nash,
        to_optimum=found.total / found.optimum,
        nash_to_optimum=nash / found.optimum,
        mixed=len(found.probabilities),
    )


def _cpu_s() -> float:
    """Of this process, however busy the machine is."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _curves(endpoints: int, total: float, kind: str, rng: np.random.Generator) -> list[AnyCurve]:
    """Endpoints are lognormal in speed; together they can serve 1.4 times what arrives."""
    speeds = rng.lognormal(0.0, 0.5, endpoints)
    capacities = 1.4 * total * speeds / speeds.sum()
    if kind == "queue":
        return [
            Queue(0.01 / speed, each)
            for speed, each in zip(speeds.tolist(), capacities.tolist(), strict=True)
        ]
    steep = rng.uniform(0.5, 4.0, endpoints)
    bases, slopes = 0.01 / speeds, 0.01 / speeds / capacities * steep
    return [Curve(*each) for each in zip(bases.tolist(), slopes.tolist(), strict=True)]


def _actions(
    kind: str, curves: Sequence[AnyCurve], rates: Vector, present: Vector, rng: np.random.Generator
) -> list[Vector]:
    groups, endpoints = present.shape
    if kind == "proposed":
        return shares.everyone(curves, rates, present)
    if kind == "random":
        return [rng.dirichlet(np.ones(endpoints), 16) for _ in range(groups)]
    return [np.eye(endpoints)[rng.permutation(endpoints)[:16]] for _ in range(groups)]


def _queue(load: Vector, service_s: Vector | float, capacity_per_s: Vector | float) -> Vector:
    use = load / capacity_per_s
    below = np.minimum(use, _FULL)
    waited: Vector = service_s / (1.0 - below) + service_s / (1.0 - _FULL) ** 2 * np.maximum(use - _FULL, 0.0)
    return waited


if __name__ == "__main__":
    raise SystemExit(main())
