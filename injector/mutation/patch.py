"""The difference of two JSON values as a JSON patch (RFC 6902).

It never looks into what both share (the same object), so its cost is that of the change, not of the document.
Parents that are missing are added whole; an API server answers 500 to a patch that does not apply, whatever the
failure policy.
"""

from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]


def difference(old: Json, new: Json) -> list[Json]:
    """Operations that make `new` of `old`; empty when they are equal."""
    return list(_objects("", old, new))


def escape(key: str) -> str:
    """A key as part of a JSON pointer (RFC 6901, 3)."""
    return key.replace("~", "~0").replace("/", "~1")


def _values(path: str, old: object, new: object) -> Iterator[Json]:
    if old is new:
        return
    if isinstance(old, dict) and isinstance(new, dict):
        yield from _objects(path, old, new)
    elif isinstance(old, list) and isinstance(new, list):
        yield from _lists(path, old, new)
    elif old != new or type(old) is not type(new):  # True == 1
        yield {"op": "replace", "path": path, "value": new}


def _objects(path: str, old: Json, new: Json) -> Iterator[Json]:
    for key in old:
        if key not in new:
            yield {"op": "remove", "path": f"{path}/{escape(key)}"}
    for key, value in new.items():
        if key in old:
            yield from _values(f"{path}/{escape(key)}", old[key], value)
        else:
            yield {"op": "add", "path": f"{path}/{escape(key)}", "value": value}


def _lists(path: str, old: list[Any], new: list[Any]) -> Iterator[Json]:
    """By name where every item has one (containers, volumes, variables), else place by place, else as a whole."""
    before, after = _by_name(old), _by_name(new)
    if before is not None and after is not None and _same_order(before, after):
        for index in range(len(old) - 1, -1, -1):
            if old[index]["name"] not in after:
                yield {"op": "remove", "path": f"{path}/{index}"}
        for index, (name, item) in enumerate(after.items()):
            if name in before:
                yield from _values(f"{path}/{index}", before[name], item)
            else:
                yield {"op": "add", "path": f"{path}/{index}", "value": item}
    elif len(old) == len(new):
        for index, (left, right) in enumerate(zip(old, new, strict=True)):
            yield from _values(f"{path}/{index}", left, right)
    else:
        yield {"op": "replace", "path": path, "value": new}


def _by_name(items: list[Any]) -> dict[str, Any] | None:
    """None where a name is missing or not unique."""
    named = {
        item["name"]: item for item in items if isinstance(item, dict) and isinstance(item.get("name"), str)
    }
    return named if len(named) == len(items) else None


def _same_order(before: dict[str, Any], after: dict[str, Any]) -> bool:
    return [name for name in before if name in after] == [name for name in after if name in before]
