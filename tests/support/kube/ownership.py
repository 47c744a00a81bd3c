"""Who set which resources of a pod: `managedFields` of writes to `pods/resize`, and what apply makes of them.

Only those writes are recorded. What was there before belongs to `before-first-apply`, as the server calls whoever
wrote before it kept books.
"""

import copy
from collections.abc import Iterator
from typing import Any

from tests.support.kube.quantities import value
from tests.support.kube.status import Refusal
from tests.support.kube.strategies import stamp

Object = dict[str, Any]
Field = tuple[str, str, str, str]
"""(containers or initContainers, container, requests or limits, resource)"""

NOBODY = "before-first-apply"
LISTS = ("containers", "initContainers")


def manager(given: str, user_agent: str) -> str:
    """The field manager of a request: as asked, else the start of its User-Agent."""
    return given or user_agent.partition("/")[0]


def book(pod: Object, before: Object, who: str, owned: list[Object] | None) -> None:
    """Of a resize: `owned` as apply made it, else what `who` changed; in place."""
    if owned is None:
        recorded(pod, before, who)
    else:
        pod["metadata"]["managedFields"] = owned


def recorded(pod: Object, before: Object, who: str) -> None:
    """`who` owns what a resize changed, and nobody else does any more; in place."""
    changed = {field for field in _fields(pod) if _amount(pod, field) != _amount(before, field)}
    if changed:
        _own(pod, who, "Update", changed, take=changed)


def applied(pod: Object, given: Object, who: str, *, force: bool) -> Object:
    """The pod with what `who` applies: 409 where somebody else owns a value that would change, unless forced."""
    result, wanted = copy.deepcopy(pod), list(_fields(given))
    other = {field: _owner(pod, field, who) for field in wanted if _differs(pod, given, field)}
    conflicts = [(field, name) for field, name in other.items() if name]
    if conflicts and not force:
        raise _conflict(pod, conflicts)
    for kind, container, side, name in wanted:
        place = next((each for each in result["spec"].get(kind) or [] if each["name"] == container), None)
        if place is not None:
            place["resources"].setdefault(side, {})[name] = _amount(given, (kind, container, side, name))
    _own(result, who, "Apply", set(wanted), take=set(other), replace=True)
    return result


def _conflict(pod: Object, conflicts: list[tuple[Field, str]]) -> Refusal:
    causes = [
        {
            "reason": "FieldManagerConflict",
            "message": f"conflict with {_named(pod, field, name)}",
            "field": f'.spec.{field[0]}[name="{field[1]}"].resources.{field[2]}.{field[3]}',
        }
        for field, name in conflicts
    ]
    several = f"{len(causes)} conflict" + ("s" if len(causes) > 1 else "")
    said = "; ".join(f"{cause['message']}: {cause['field']}" for cause in causes)
    if len(causes) > 1:
        said = "conflicts" + said.removeprefix("conflict")
    details = {"causes": causes}
    return Refusal(409, "Conflict", f"Apply failed with {several}: {said}", details)


def _named(pod: Object, field: Field, name: str) -> str:
    through = ' with subresource "resize"' if name != NOBODY else ""
    return f'"{name}"{through} using v1'


def _owner(pod: Object, field: Field, who: str) -> str:
    """Whoever it is, but `who`; empty for a value nobody set."""
    for entry in _entries(pod):
        if field in _owned(entry):
            return "" if (entry["manager"], entry["operation"]) == (who, "Apply") else str(entry["manager"])
    return NOBODY if _amount(pod, field) is not None else ""


def _own(
    pod: Object, who: str, operation: str, fields: set[Field], *, take: set[Field], replace: bool = False
) -> None:
    kept = []
    mine: set[Field] = set(fields)
    for entry in _entries(pod):
        own = (entry["manager"], entry["operation"]) == (who, operation)
        owned = _owned(entry)
        if own:
            mine |= set() if replace else owned
        elif owned - take:
            kept.append(entry | {"fieldsV1": _tree(owned - take, entry["operation"])})
    new = {"manager": who, "operation": operation, "apiVersion": "v1", "time": stamp()}
    new |= {"fieldsType": "FieldsV1", "fieldsV1": _tree(mine, operation), "subresource": "resize"}
    others = [
        each for each in pod["metadata"].get("managedFields") or [] if each.get("subresource") != "resize"
    ]
    pod["metadata"]["managedFields"] = [*others, *kept, new]


def _entries(pod: Object) -> list[Object]:
    found = pod["metadata"].get("managedFields") or []
    return [each for each in found if each.get("subresource") == "resize"]


def _owned(entry: Object) -> set[Field]:
    return {
        (kind[2:], key.removeprefix('k:{"name":"').removesuffix('"}'), side[2:], name[2:])
        for kind, containers in entry["fieldsV1"]["f:spec"].items()
        for key, inside in containers.items()
        for side, amounts in inside["f:resources"].items()
        for name in amounts
    }


def _tree(fields: set[Field], operation: str) -> Object:
    spec: Object = {}
    for kind, container, side, name in sorted(fields):
        place = spec.setdefault(f"f:{kind}", {}).setdefault(f'k:{{"name":"{container}"}}', {})
        if operation == "Apply":
            place |= {".": {}, "f:name": {}} | place
        place.setdefault("f:resources", {}).setdefault(f"f:{side}", {})[f"f:{name}"] = {}
    return {"f:spec": spec}


def _fields(obj: Object) -> Iterator[Field]:
    for kind in LISTS:
        for container in (obj.get("spec") or {}).get(kind) or []:
            for side in ("limits", "requests"):
                for name in (container.get("resources") or {}).get(side) or {}:
                    yield kind, container["name"], side, name


def _amount(obj: Object, field: Field) -> Any:
    kind, container, side, name = field
    for each in obj["spec"].get(kind) or []:
        if each.get("name") == container:
            return ((each.get("resources") or {}).get(side) or {}).get(name)
    return None


def _differs(pod: Object, given: Object, field: Field) -> bool:
    there, wanted = _amount(pod, field), _amount(given, field)
    return there is None or value(there) != value(wanted)
