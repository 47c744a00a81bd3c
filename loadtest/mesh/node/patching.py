"""JSON patch (RFC 6902: test, replace, add, remove), merge patch, and strategic merge by `name`. Pure."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any, Final

from loadtest.mesh.node import answers

Object = dict[str, Any]

JSON: Final = "application/json-patch+json"
MERGE: Final = "application/merge-patch+json"
STRATEGIC: Final = "application/strategic-merge-patch+json"
BY_NAME: Final = frozenset(("containers", "initContainers"))
"""Lists that a strategic merge patch merges item by item."""


def apply(content_type: str, current: Object, patch: Any) -> Object:
    """The object after the patch; `current` is left alone. Raises Refused."""
    kind = content_type.partition(";")[0].strip()
    if kind == JSON:
        return json_patch(current, patch)
    if kind not in (MERGE, STRATEGIC):
        raise answers.unsupported_media_type()
    if not isinstance(patch, Mapping):
        raise answers.bad_request("json: cannot unmarshal the patch into an object")
    merged: Object = merge(copy.deepcopy(current), patch, strategic=kind == STRATEGIC)
    return merged


def json_patch(current: Object, operations: Any) -> Object:
    """All of it or nothing: a `test` that fails, like a path that is not there, is a bare 422."""
    if not isinstance(operations, list):
        raise answers.bad_request("json: cannot unmarshal object into Go value of type jsonpatch.Patch")
    result = copy.deepcopy(current)
    for operation in operations:
        try:
            _operate(result, operation)
        except (KeyError, IndexError, TypeError, ValueError, AttributeError):
            raise answers.test_failed() from None
    return result


def _operate(document: Object, operation: Mapping[str, Any]) -> None:
    *way, last = _steps(operation["path"])
    place: Any = document
    for step in way:
        place = place[_key(place, step)]
    match operation["op"]:
        case "test":
            if place[_key(place, last)] != operation["value"]:
                raise ValueError(last)
        case "replace":
            key = _key(place, last)
            place[key]
            place[key] = copy.deepcopy(operation["value"])
        case "add" if isinstance(place, list):
            place.insert(len(place) if last == "-" else int(last), copy.deepcopy(operation["value"]))
        case "add":
            place[last] = copy.deepcopy(operation["value"])
        case "remove":
            del place[_key(place, last)]
        case other:
            raise ValueError(other)


def _steps(path: str) -> list[str]:
    if not path.startswith("/"):
        raise ValueError(path)
    return [step.replace("~1", "/").replace("~0", "~") for step in path[1:].split("/")]


def _key(place: Any, step: str) -> Any:
    return int(step) if isinstance(place, list) else step


def merge(current: Any, patch: Any, *, strategic: bool, name: str = "") -> Any:
    """RFC 7386; null deletes. Strategic: lists of containers merge by name."""
    if strategic and name in BY_NAME and isinstance(patch, Sequence):
        return _merge_list(current or [], patch)
    if not isinstance(patch, Mapping):
        return copy.deepcopy(patch)
    result = current if isinstance(current, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge(result.get(key), value, strategic=strategic, name=key)
    return result


def _merge_list(current: list[Any], patch: Sequence[Any]) -> list[Any]:
    known = {each["name"]: each for each in current}
    for each in patch:
        if not isinstance(each, Mapping) or "name" not in each:
            raise answers.bad_request("map: an item without its merge key name")
        known[each["name"]] = merge(known.get(each["name"], {}), each, strategic=True)
    return list(known.values())
