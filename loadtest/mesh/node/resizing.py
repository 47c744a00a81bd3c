"""What `pods/resize` lets through: `ValidatePodResize` and the capacity check of 1.36, as recorded. Pure.

Everything but the resources of containers is silently put back as it was (`dropNonResizeUpdates`).
"""

import copy
from collections.abc import Iterator, Mapping
from typing import Any

from loadtest.mesh.node import amounts, answers
from loadtest.mesh.node.amounts import CPU, MEMORY
from loadtest.mesh.node.answers import Cause, Object
from sidecar.parsing import ParseError

Allocatable = Mapping[str, int]
"""Millicores and bytes of the node."""
NOT_A_QUANTITY = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"


def resized(before: Object, patched: Object, allocatable: Allocatable) -> Object:
    """The pod as it will be stored; its generation has moved when anything did. Raises Refused."""
    name = before["metadata"]["name"]
    try:
        after = _only_resources(before, patched)
    except ParseError:
        cause: Cause = ("FieldValueInvalid", "patch", f"Invalid value: {NOT_A_QUANTITY}")
        raise answers.invalid(name, [cause]) from None
    if causes := list(_causes(before, after)):
        raise answers.invalid(name, causes)
    if after["spec"] != before["spec"]:
        _fits(after, before, allocatable)
        after["metadata"]["generation"] = before["metadata"]["generation"] + 1
    return after


def _only_resources(before: Object, patched: Object) -> Object:
    after = copy.deepcopy(before)
    ours, theirs = after["spec"]["containers"], patched["spec"].get("containers") or []
    if len(ours) != len(theirs):
        text = "Forbidden: containers may not be added or removed on resize"
        raise answers.invalid(before["metadata"]["name"], [("FieldValueForbidden", "spec.containers", text)])
    if [each["name"] for each in ours] != [each.get("name") for each in theirs]:
        text = "Forbidden: containers may not be renamed or reordered on resize"
        raise answers.invalid(before["metadata"]["name"], [("FieldValueForbidden", "spec.containers", text)])
    for mine, wanted in zip(ours, theirs, strict=True):
        mine["resources"] = amounts.canonical(wanted.get("resources") or {})
        if CPU in mine["resources"].get("limits", {}):  # SetDefaults_Pod: a limit alone asks for as much
            asked = mine["resources"].setdefault("requests", {})
            asked.setdefault(CPU, mine["resources"]["limits"][CPU])
    return after


def _causes(before: Object, after: Object) -> Iterator[Cause]:
    for number, (old, new) in enumerate(
        zip(before["spec"]["containers"], after["spec"]["containers"], strict=True)
    ):
        yield from _of_container(f"spec.containers[{number}].resources", old, new)
    if (quality := amounts.quality(before)) != amounts.quality(after):
        text = f'Invalid value: "{quality}": Pod QOS Class may not change as a result of resizing'
        yield "FieldValueInvalid", "spec", text


def _of_container(field: str, old: Object, new: Object) -> Iterator[Cause]:
    for kind, word in (("requests", "requests"), ("limits", "limits")):
        had, has = ((each.get("resources") or {}).get(kind) or {} for each in (old, new))
        if had.keys() - has.keys():
            text = f"Forbidden: resource {word} cannot be removed"
            yield "FieldValueForbidden", f"{field}.{kind}", text
        for name, text in has.items():
            if name not in amounts.PER_UNIT:
                yield "FieldValueForbidden", "spec", "Forbidden: only cpu and memory resources are mutable"
            elif amounts.number(text, name) < 0:
                said = f'Invalid value: "{text}": must be greater than or equal to 0'
                yield "FieldValueInvalid", f"{field}.{kind}[{name}]", said
    for name in amounts.PER_UNIT:
        request, limit = amounts.of(new, "requests", name), amounts.of(new, "limits", name)
        if request is not None and limit is not None and request > limit:
            asked, most = (new["resources"][kind][name] for kind in ("requests", "limits"))
            text = f'Invalid value: "{asked}": must be less than or equal to {name} limit of {most}'
            yield "FieldValueInvalid", f"{field}.requests", text


def _fits(after: Object, before: Object, allocatable: Allocatable) -> None:
    """Only what grows is checked, and only requests: limits are no part of it."""
    shortages = []
    for name in (CPU, MEMORY):
        asked, had = (amounts.total(pod["spec"]["containers"], "requests", name) for pod in (after, before))
        if asked > had and asked > allocatable[name]:
            shortages.append(f"{name}, requested: {asked}, allocatable: {allocatable[name]}")
    if shortages:
        raise answers.above_node(before["metadata"]["name"], shortages)


def owned(fields: list[Any], before: Object, after: Object, manager: str, time: str) -> list[Any]:
    """`managedFields` after a resize: what changed belongs to `manager` now, and to nobody else."""
    changed = list(_changed(before, after))
    if not changed:
        return fields
    kept = copy.deepcopy(fields)
    for entry in kept:
        for container, kind, name in changed:
            _disown(entry, container, kind, name)
    mine = next((each for each in kept if _is(each, manager)), None)
    if mine is None:
        mine = {"manager": manager, "operation": "Update", "apiVersion": "v1", "time": time}
        mine |= {"fieldsType": "FieldsV1", "fieldsV1": {}, "subresource": "resize"}
        kept.append(mine)
    mine["time"] = time
    for container, kind, name in changed:
        where = mine["fieldsV1"].setdefault("f:spec", {}).setdefault("f:containers", {})
        where = where.setdefault(_key(container), {}).setdefault("f:resources", {})
        where.setdefault(f"f:{kind}", {})[f"f:{name}"] = {}
    return kept


def _changed(before: Object, after: Object) -> Iterator[tuple[str, str, str]]:
    for old, new in zip(before["spec"]["containers"], after["spec"]["containers"], strict=True):
        for kind in ("limits", "requests"):
            had, has = ((each.get("resources") or {}).get(kind) or {} for each in (old, new))
            for name in sorted(had.keys() | has.keys()):
                if had.get(name) != has.get(name):
                    yield new["name"], kind, name


def _is(entry: Object, manager: str) -> bool:
    return entry.get("manager") == manager and entry.get("subresource") == "resize"


def _key(container: str) -> str:
    return f'k:{{"name":"{container}"}}'


def _disown(entry: Object, container: str, kind: str, name: str) -> None:
    place: Any = entry.get("fieldsV1", {})
    for step in ("f:spec", "f:containers", _key(container), "f:resources", f"f:{kind}"):
        place = place.get(step)
        if not isinstance(place, dict):
            return
    place.pop(f"f:{name}", None)
