"""What a namespace's LimitRanges allow a container, merged: of several the strictest counts. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

from coordinator.policy.config import Bounds
from sidecar.parsing import ParseError
from sidecar.policy import quantities

Object = dict[str, Any]


def merged(ranges: Iterable[Object]) -> dict[str, Bounds]:
    """By namespace. A range is `{"metadata": …, "rows": rows of type Container}`.

    What cannot be read says nothing: the API server accepts no such range, and refuses what a real one forbids.
    """
    rows: dict[str, list[Object]] = {}
    for found in ranges:
        rows.setdefault(found["metadata"].get("namespace") or "", []).extend(found.get("rows") or ())
    return {namespace: _bounds(found) for namespace, found in rows.items()}


def _bounds(rows: list[Object]) -> Bounds:
    least_m, most_m = _values(rows, "min", "cpu", 1000), _values(rows, "max", "cpu", 1000)
    ratios = _values(rows, "maxLimitRequestRatio", "cpu", 1000)
    least_bytes, most_bytes = _values(rows, "min", "memory", 1), _values(rows, "max", "memory", 1)
    return Bounds(
        min_cpu_m=max(least_m, default=None),
        max_cpu_m=min(most_m, default=None),
        max_cpu_ratio=min(ratios) / 1000 if ratios else None,
        min_memory_bytes=max(least_bytes, default=None),
        max_memory_bytes=min(most_bytes, default=None),
    )


def _values(rows: Iterable[Mapping[str, Any]], kind: str, name: str, per_unit: int) -> list[int]:
    found = []
    for row in rows:
        text = (row.get(kind) or {}).get(name)
        if text is not None:
            try:
                found.append(quantities.parse_quantity(str(text), per_unit))
            except ParseError:
                continue
    return found
