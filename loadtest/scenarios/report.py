"""The run as one document: what was kept and what was not, then every scenario with its figures. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from loadtest.bench import document
from loadtest.scenarios import verdict
from loadtest.scenarios.result import Result

TITLE = "Equilibrium: scenarios"


def blocks(
    results: Sequence[Result], machine: Mapping[str, str], *, quick: bool, title: str = TITLE
) -> list[document.Block]:
    """Everything, in the order it was played."""
    found: list[document.Block] = [
        document.Heading(1, title),
        document.Text(conclusion(results)),
        *([document.Text(QUICK)] if quick else []),
        overview(results),
    ]
    for result in results:
        found += [document.Heading(2, f"{result.title} ({result.name})"), *_body(result)]
    found += [document.Heading(2, "Measured on"), document.Bullets([f"{k}: {v}" for k, v in machine.items()])]
    return found


QUICK = "This was a short run: figures rest on fewer samples, and what takes its time had less of it."


def _body(result: Result) -> Sequence[document.Block]:
    if result.skipped:
        return [document.Text(f"Not played: {result.skipped}")]
    if result.broke:
        return [document.Text(f"Broke off: {result.broke}")]
    return [verdict.table(result.verdicts), *result.blocks]


def overview(results: Sequence[Result]) -> document.Table:
    """One row per promise, all scenarios below each other."""
    rows = []
    for result in results:
        told = verdict.table(result.verdicts).rows if result.ran else [[_why(result), "–", "–", ""]]
        rows += [[f"{result.name}: {claim}", *cells] for claim, *cells in told]
    return document.Table(verdict.HEAD, rows)


def _why(result: Result) -> str:
    return f"not played: {result.skipped}" if result.skipped else f"broke off: {result.broke}"


def conclusion(results: Sequence[Result]) -> str:
    """One sentence about all promises."""
    every = [(result, each) for result in results if result.ran for each in result.verdicts]
    missed = list(dict.fromkeys(result.name for result, each in every if not each.held))
    told = f"{sum(each.held for _, each in every)} of {len(every)} promises were kept"
    told += f"; not all of {', '.join(missed)}" if missed else ""
    for words, names in (
        ("not played", [each.name for each in results if each.skipped]),
        ("broke off", [each.name for each in results if each.broke]),
    ):
        told += f"; {words}: {', '.join(names)}" if names else ""
    return f"{told}."


def summary(
    results: Sequence[Result], machine: Mapping[str, str], *, quick: bool, kind: str = "scenarios"
) -> dict[str, Any]:
    """The run for programs; `kind` is what its results are called."""
    return {
        "held": all(each.held for each in results),
        "quick": quick,
        "machine": dict(machine),
        kind: [_plain(each) for each in results],
    }


def _plain(result: Result) -> dict[str, Any]:
    return {
        "name": result.name,
        "title": result.title,
        "held": result.held and result.ran,
        "skipped": result.skipped or None,
        "broke": result.broke or None,
        "promises": [
            {"claim": each.claim, "bar": each.bar, "measured": each.measured, "held": each.held}
            for each in result.verdicts
        ],
        **result.facts,
    }
