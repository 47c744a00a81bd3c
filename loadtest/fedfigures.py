"""What was measured of the feed, as a table, and whether it is good enough."""

import statistics
from dataclasses import dataclass, field
from typing import Final

MOST_P99_S: Final = 0.5
MOST_RSS_MB: Final = 200.0

Row = tuple[str, float, str]


@dataclass
class Measured:
    """`waits_s`: one for each change and client; `slowest_s`: one for each change; `epochs_mb`: the highest resident
    memory in each epoch of advice, none where nobody reports."""

    waits_s: list[float] = field(default_factory=list)
    slowest_s: list[float] = field(default_factory=list)
    epochs_mb: list[float] = field(default_factory=list)
    untold: int = 0
    sync_s: float = 0.0
    sync_cpu_s: float = 0.0
    rss_mb: float = 0.0
    peak_mb: float = 0.0
    idle_cpu: float = 0.0
    change_cpu_s: float = 0.0
    reviews: int = 0

    @property
    def good(self) -> bool:
        """As issue 8 has it."""
        return p(self.waits_s, 0.99) < MOST_P99_S and self.peak_mb < MOST_RSS_MB and not self.untold


def p(values: list[float], share: float) -> float:
    """The smallest value that so many are not above; infinity where there is none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("inf")


def report(found: Measured, clients: int, each: int) -> None:
    """As a table."""
    for name, value, note in _rows(found, clients, each):
        digits = 0 if float(value).is_integer() else 1
        print(f"{name:32}{value:>10.{digits}f}   {note}".rstrip())
    if found.epochs_mb:
        print("the highest of each epoch, MB  ", " ".join(f"{mb:.0f}" for mb in found.epochs_mb))


def _rows(found: Measured, clients: int, each: int) -> tuple[Row, ...]:
    last_s = statistics.median(found.slowest_s or [float("inf")])
    return (
        ("clients", clients, f"each asks for {each} services"),
        ("all of them in sync after, s", found.sync_s, f"with {found.reviews} tokens reviewed"),
        ("CPU until then, s", found.sync_cpu_s, "of the coordinator, its own lists included"),
        ("changes told", len(found.waits_s), f"{found.untold} missing"),
        ("p50, ms", 1000 * p(found.waits_s, 0.5), "from the API server's event to the answer read"),
        ("p99, ms", 1000 * p(found.waits_s, 0.99), f"bar: below {1000 * MOST_P99_S:.0f}"),
        ("max, ms", 1000 * p(found.waits_s, 1.0), ""),
        ("the last client, median, ms", 1000 * last_s, "of changes"),
        ("resident memory, MB", found.rss_mb, ""),
        ("the highest seen, MB", found.peak_mb, f"bar: below {MOST_RSS_MB:.0f}"),
        ("CPU while nothing changes, %", 100 * found.idle_cpu, "of a core"),
        ("CPU for one change, ms", 1000 * found.change_cpu_s, "the questions that follow included"),
    )
