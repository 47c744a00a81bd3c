"""What a kubelet has made of a pod's resize so far, by its status. Pure."""

from collections.abc import Iterator
from typing import Any

Object = dict[str, Any]


def container(status: Object, name: str) -> Object:
    """What the status says of that container; {} where it says nothing."""
    for each in status.get("containerStatuses") or ():
        if each.get("name") == name:
            found: Object = each
            return found
    return {}


def deferred(status: Object, generation: int) -> bool:
    """The kubelet has not taken it: Deferred, which keeps capacity reserved, or Infeasible, for good."""
    for each in _conditions(status, "PodResizePending"):
        observed = each.get("observedGeneration")
        if each.get("reason") in ("Deferred", "Infeasible") and (observed is None or observed >= generation):
            return True
    return False


def settled(status: Object, generation: int) -> bool:
    """Nothing is pending, and the kubelet has seen the newest (1.33 does not say what it has seen)."""
    observed = status.get("observedGeneration")
    unfinished = (*_conditions(status, "PodResizePending"), *_conditions(status, "PodResizeInProgress"))
    return not unfinished and (observed is None or observed >= generation)


def _conditions(status: Object, kind: str) -> Iterator[Object]:
    for each in status.get("conditions") or ():
        if each.get("type") == kind and each.get("status") == "True":
            yield each
