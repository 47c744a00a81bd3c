"""The subresource `pods/resize`: what of a write counts, and what is refused (`ValidatePodResize`)."""

import copy
from collections.abc import Iterator
from typing import Any

from tests.support.kube import validation
from tests.support.kube.quantities import qos_class, value
from tests.support.kube.resources import Resource
from tests.support.kube.status import Cause, invalid

Object = dict[str, Any]

FIRST = 33
"""The minor version of the first server that has it without being asked to."""
MIRROR = "kubernetes.io/config.mirror"
LISTS = ("initContainers", "containers")
CHANGEABLE = ("cpu", "memory")
QOS = "Pod QOS Class may not change as a result of resizing"
LOWER = "memory limits cannot be decreased unless resizePolicy is RestartContainer"


def merged(obj: Object, before: Object) -> Object:
    """The pod as it was but for its containers' resources, whatever else the request says; the request as it is
    where containers were added, removed, renamed or reordered, which the checks then find."""
    result = copy.deepcopy(before)
    for kind in LISTS:
        new, old = obj["spec"].get(kind) or [], result["spec"].get(kind) or []
        if [each.get("name") for each in new] != [each["name"] for each in old]:
            return obj | {"metadata": result["metadata"], "status": result["status"]}
        for there, asked in zip(old, new, strict=True):
            there["resources"] = copy.deepcopy(asked.get("resources") or {})
    return result


def check(resource: Resource, obj: Object, before: Object, minor: int) -> None:
    """422 with every mistake found."""
    name = before["metadata"]["name"]
    if MIRROR in (before["metadata"].get("annotations") or {}):
        raise invalid(resource, name, [_forbidden("<root>", "static pods cannot be resized")])
    if (before["spec"].get("os") or {}).get("name") == "windows":
        raise invalid(resource, name, [_forbidden("<root>", "windows pods cannot be resized")])
    causes = [*validation.mistakes(resource, obj), *_mistakes(obj, before, minor)]
    if causes:
        raise invalid(resource, name, causes)


def _mistakes(obj: Object, before: Object, minor: int) -> Iterator[Cause]:
    quality = before["status"]["qosClass"]
    if qos_class(obj["spec"]) != quality:
        yield "FieldValueInvalid", f'Invalid value: "{quality}": {QOS}', "spec"
    if not _supported(before):
        yield _forbidden("spec", "Pod running on node without support for resize")
    for kind in ("containers", "initContainers"):
        yield from _of_list(kind, obj["spec"].get(kind) or [], before["spec"].get(kind) or [], minor)


def _supported(before: Object) -> bool:
    """By the first container that runs: what its kubelet tells of resources shows whether it can resize."""
    for told in before["status"].get("containerStatuses") or []:
        if (told.get("state") or {}).get("running") is not None:
            return "resources" in told
    return True


def _of_list(kind: str, new: list[Object], old: list[Object], minor: int) -> Iterator[Cause]:
    if len(new) != len(old):
        yield _forbidden(f"spec.{kind}", f"{kind} may not be added or removed on resize")
        return
    if [each.get("name") for each in new] != [each["name"] for each in old]:
        yield _forbidden(f"spec.{kind}", f"{kind} may not be renamed or reordered on resize")
        return
    for index, (after, there) in enumerate(zip(new, old, strict=True)):
        yield from _of_container(f"spec.{kind}[{index}]", after, there, minor)


def _of_container(path: str, after: Object, before: Object, minor: int) -> Iterator[Cause]:
    new, old = after["resources"], before["resources"]
    if new == old:
        return
    if path.startswith("spec.init") and before.get("restartPolicy") != "Always":
        yield _forbidden(path, "resources for non-sidecar init containers are immutable")
    for side in ("requests", "limits"):
        if set(old.get(side) or {}) - set(new.get(side) or {}):
            yield _forbidden(f"{path}.resources.{side}", f"resource {side} cannot be removed")
    if _others(new) != _others(old):
        yield _forbidden("spec", "only cpu and memory resources are mutable")
    limits = [(each.get("limits") or {}).get("memory") for each in (new, old)]
    if minor == FIRST and all(limits) and value(limits[0]) < value(limits[1]) and not _restarts(before):
        yield _forbidden(f"{path}.resources.limits[memory]", LOWER)


def _others(resources: Object) -> Object:
    return {
        side: {name: amount for name, amount in (resources.get(side) or {}).items() if name not in CHANGEABLE}
        for side in ("requests", "limits")
    }


def _restarts(container: Object) -> bool:
    wanted = {"resourceName": "memory", "restartPolicy": "RestartContainer"}
    return wanted in (container.get("resizePolicy") or [])


def _forbidden(field: str, why: str) -> Cause:
    return "FieldValueForbidden", f"Forbidden: {why}", field
