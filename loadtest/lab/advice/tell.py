"""The advice worlds in words: a table each, every arm's mean and tail against the first's."""

from collections.abc import Callable, Sequence

from loadtest.lab import statistics
from loadtest.lab.advice import verdict, worlds
from loadtest.lab.advice.verdict import Results
from loadtest.lab.outcome import pooled
from loadtest.lab.scenario import Scenario

HEAD = ("who", "mean ms", "against the first", "p99 ms", "against the first", "errors")


def tables(results: Results, titled: Callable[[str], str]) -> list[str]:
    """Markdown lines; none when no such world was played."""
    found: list[str] = []
    for world in worlds.WORLDS:
        names = [name for scenario, name in results if scenario == world.name]
        if names:
            found += _table(results, world, names, titled)
    return found


def _table(
    results: Results, world: Scenario, names: Sequence[str], titled: Callable[[str], str]
) -> list[str]:
    seeds = max(len(results[world.name, name]) for name in names)
    head = [f"**{world.title}** ({seeds} seeds)", "", f"| {' | '.join(HEAD)} |", "|---" * len(HEAD) + "|"]
    return [*head, *(_row(results, world.name, name, names[0], titled(name)) for name in names), ""]


def _row(results: Results, world: str, name: str, first: str, title: str) -> str:
    said = pooled(results[world, name]).values()
    cost = verdict.against(results, world, name, first)
    cells = [[each.cells for each in results[world, rule]] for rule in (name, first)]
    tail = statistics.ratio(cells[0], cells[1], 99)
    shown = ["", ""] if name == first or cost is None else [cost.text(), tail.text()]
    return (
        f"| {title} | {said['mean_ms']:.2f} | {shown[0]} | {said['p99_ms']:.1f} | {shown[1]} "
        f"| {said['errors']:.2%} |"
    )
