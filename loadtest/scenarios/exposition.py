"""What a sidecar's `/metrics` said at an instant, and how it went over time. Pure."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from prometheus_client.parser import text_string_to_metric_families

Labels = tuple[tuple[str, str], ...]

KEPT = (
    "equilibrium_admission",
    "equilibrium_auction",
    "equilibrium_caller",
    "equilibrium_capacity",
    "equilibrium_concurrency",
    "equilibrium_defense",
    "equilibrium_drops",
    "equilibrium_exploitability",
    "equilibrium_headroom",
    "equilibrium_nash",
    "equilibrium_policy_failures",
    "equilibrium_punishment",
    "equilibrium_queue",
    "equilibrium_red",
    "equilibrium_reputation",
)
"""Beginnings of the names somebody here asks for: a run polls for minutes."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One scrape, `at_s` seconds from the beginning of play."""

    at_s: float
    values: Mapping[tuple[str, Labels], float]

    def get(self, name: str, **labels: str) -> float | None:
        """The sum of the series of that name that carry those labels; None when there is none."""
        wanted = set(labels.items())
        found = [
            value for (known, said), value in self.values.items() if known == name and wanted <= set(said)
        ]
        return sum(found) if found else None

    def by(self, name: str, label: str) -> dict[str, float]:
        """The series of that name by the value of one label."""
        found: dict[str, float] = {}
        for (known, said), value in self.values.items():
            if known == name:
                key = dict(said).get(label, "")
                found[key] = found.get(key, 0.0) + value
        return found


def read(at_s: float, text: str) -> Reading:
    """Parse what Prometheus would have read. ValueError when it is not that."""
    return Reading(at_s, dict(_samples(text)))


def _samples(text: str) -> Iterator[tuple[tuple[str, Labels], float]]:
    kept = "\n".join(line for line in text.splitlines() if line.startswith(KEPT))
    for family in text_string_to_metric_families(kept + "\n"):
        for sample in family.samples:
            yield (sample.name, tuple(sorted(sample.labels.items()))), sample.value


def between(readings: Iterable[Reading], from_s: float, to_s: float) -> list[Reading]:
    """Those taken in [from_s, to_s)."""
    return [each for each in readings if from_s <= each.at_s < to_s]


def values(readings: Sequence[Reading], name: str, **labels: str) -> list[float]:
    """What the readings say that say anything."""
    said = [each.get(name, **labels) for each in readings]
    return [value for value in said if value is not None]


def mean(readings: Sequence[Reading], name: str, **labels: str) -> float:
    """Their mean; NaN when none says anything."""
    said = values(readings, name, **labels)
    return fmean(said) if said else math.nan
