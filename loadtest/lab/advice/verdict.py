"""What was promised of advice, measured: total cost against none, the gap closed, and what liars can do. Pure."""

from collections.abc import Mapping, Sequence
from typing import Final

from loadtest.lab import statistics
from loadtest.lab.advice import arms, costs, worlds
from loadtest.lab.outcome import Outcome
from loadtest.lab.statistics import Ratio
from loadtest.lab.verdict import Line

Results = Mapping[tuple[str, str], Sequence[Outcome]]

MOST_FRESH, MOST_STALE, LEAST_CLOSED, MOST_TAIL = 1.00, 0.90, 0.5, 1.2
ALONE: Final = "equilibrium"
MIX: Final = "board-mix"


def rules(world: str) -> list[str]:
    """Who plays where: whom advice is compared with first, then the same with other luck."""
    if world in {each.name for each in worlds.OUTAGE}:
        return [ALONE, arms.ADVISED, *arms.FAILING]
    if world in {each.name for each in worlds.FRESH}:
        return [ALONE, f"{ALONE}-again", arms.ADVISED, arms.OPTIMUM, arms.OMNISCIENT]
    return [MIX, f"{MIX}-again", arms.ADVISED, "argmin", "board-p2c", ALONE, arms.OPTIMUM, arms.OMNISCIENT]


def lines(results: Results) -> list[Line]:
    """Those that the results allow a judgement on."""
    found: list[Line] = []
    for world in worlds.FRESH:
        found += _cost(results, world.name, ALONE, MOST_FRESH) + _closed(results, world.name)
    for world in (*worlds.STALE, *worlds.SMALL):
        found += _cost(results, world.name, MIX, MOST_STALE)
    for world in worlds.OUTAGE:
        for name in arms.FAILING:
            found += _tail(results, world.name, name)
    return found


def against(results: Results, world: str, name: str, other: str) -> Ratio | None:
    """Total cost of one arm against another's, if both played."""
    if (world, name) not in results or (world, other) not in results:
        return None
    return costs.ratio(costs.of(results[world, name]), costs.of(results[world, other]))


def _cost(results: Results, world: str, other: str, most: float) -> list[Line]:
    ratio = against(results, world, arms.ADVISED, other)
    if ratio is None:
        return []
    again = against(results, world, f"{other}-again", other)
    noise = f"; A/A {again.text()}" if again is not None else ""
    what = f"{world}: total cost, advised against {other}"
    return [Line(what, f"≤ {most:.2f}", ratio.text() + noise, ratio.value <= most)]


def _closed(results: Results, world: str) -> list[Line]:
    names = (arms.ADVISED, ALONE, arms.OPTIMUM)
    if any((world, name) not in results for name in names):
        return []
    part = costs.closed(*(costs.of(results[world, name]) for name in names))
    what = f"{world}: of the gap to the best fixed shares, closed"
    return [Line(what, f"≥ {LEAST_CLOSED:g}", part.text(), part.value >= LEAST_CLOSED)]


def _tail(results: Results, world: str, name: str) -> list[Line]:
    if (world, name) not in results or (world, ALONE) not in results:
        return []
    ours, alone = ([each.cells for each in results[world, rule]] for rule in (name, ALONE))
    ratio = statistics.ratio(ours, alone, 99)
    what = f"{world}: p99, {arms.title(name)}, against no coordinator"
    return [Line(what, f"≤ {MOST_TAIL:g}", ratio.text(), ratio.value <= MOST_TAIL)]
