"""What the bar says: each promise of the router against the strongest rival, measured, kept or broken. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from loadtest.lab import scenarios, statistics
from loadtest.lab.arms import OURS, RIVAL
from loadtest.lab.outcome import Outcome, pooled

Results = Mapping[tuple[str, str], Sequence[Outcome]]
"""(scenario, rule) → its outcomes by seed, in the same order everywhere."""

MOST_MEAN, MOST_SINGLE, MOST_TAIL_MEAN = 1.00, 1.10, 1.05
ROOM = 1.3
"""The p99.9 is compared where the rival's exceeds the calm one by so much: elsewhere there is nothing to win."""


@dataclass(frozen=True, slots=True)
class Line:
    """One promise."""

    what: str
    bar: str
    measured: str
    holds: bool


def lines(results: Results) -> list[Line]:
    """Those that the results allow a judgement on."""
    judged = [each.name for each in scenarios.BAR]
    found: list[Line] = []
    if all((name, rule) in results for name in judged for rule in (OURS, RIVAL)):
        found += _against_rival(results, judged)
    found += _board(results) + _sparse(results) + _large(results)
    return found


def pairs(
    results: Results, names: Sequence[str], one: str = OURS, other: str = RIVAL
) -> dict[str, tuple[statistics.Seeds, statistics.Seeds]]:
    """Latency cells of two rules, by scenario."""
    return {
        name: ([o.cells for o in results[name, one]], [o.cells for o in results[name, other]])
        for name in names
    }


def _against_rival(results: Results, names: Sequence[str]) -> list[Line]:
    both = pairs(results, names)
    mean = statistics.mean_ratio(both, 99)
    single = {name: statistics.ratio(*cells, 99) for name, cells in both.items()}
    worst = max(single, key=lambda name: single[name].value)
    significant = [name for name, each in single.items() if each.low > MOST_SINGLE]
    found = [
        Line(
            f"p99 against {RIVAL}, geometric mean of {len(names)} scenarios",
            f"≤ {MOST_MEAN:.2f}",
            mean.text(),
            mean.value <= MOST_MEAN,
        ),
        Line(
            "p99, worst scenario",
            f"none significantly > {MOST_SINGLE:.2f}",
            f"{single[worst].text()} in {worst}",
            not significant,
        ),
    ]
    calm = pooled(results[scenarios.CALM.name, RIVAL]).percentile_ms(99.9)
    room = [name for name in names if pooled(results[name, RIVAL]).percentile_ms(99.9) > ROOM * calm]
    if room:
        tail = statistics.mean_ratio({name: both[name] for name in room}, 99.9)
        what = f"p99.9 where {RIVAL} exceeds {ROOM} × calm, {len(room)} scenarios"
        found.append(Line(what, f"≤ {MOST_TAIL_MEAN}", tail.text(), tail.value <= MOST_TAIL_MEAN))
    return found


def _board(results: Results) -> list[Line]:
    if not all(("board", rule) in results for rule in (OURS, "argmin")):
        return []
    cells = pairs(results, ["board"], OURS, "argmin")["board"]
    ratio = statistics.ratio(*cells, 99)
    return [
        Line("board 200 ms old, 64 sidecars: p99 against argmin", "≤ 0.5", ratio.text(), ratio.value <= 0.5)
    ]


def _sparse(results: Results) -> list[Line]:
    found = []
    for name in ("sparse", "sparse-failing"):
        if (name, OURS) in results:
            scenario = scenarios.by_name()[name]
            fair = len(scenario.bad) / scenario.pods
            share = pooled(results[name, OURS]).values()["bad_share"] / fair
            title = f"{scenario.title}: its share"
            found.append(Line(title, "≤ 0.3 × fair", f"{share:.2f} × fair", share <= 0.3))
    return found


def _large(results: Results) -> list[Line]:
    name = scenarios.LARGE.name
    if (name, OURS) not in results:
        return []
    whole = pooled(results[name, OURS])
    errors, title = whole.errors / max(whole.requests, 1), scenarios.LARGE.title
    return [
        Line(f"{title}: errors", "< 0.1 %", f"{errors:.3%}", errors < 0.001),
        Line(f"{title}: busiest second", "≤ 3 × fair", f"{whole.busiest:.2f} × fair", whole.busiest <= 3.0),
    ]
