"""Requests and limits: a pod's quality of service, and what ours do to it.

k8s.io/kubernetes, pkg/apis/core/v1/helper/qos: a pod is Guaranteed when every container, init containers included,
has equal requests and limits of CPU and memory. Resources of the pod as a whole, where given, decide alone.
"""

from collections.abc import Mapping
from typing import Any, Final

from sidecar.parsing import ParseError
from sidecar.policy import quantities

Json = dict[str, Any]

NAMES: Final = ("cpu", "memory")
_NANO: Final = 10**9


def amount(value: object) -> int | None:
    """A quantity in billionths, exact; None for what is none."""
    try:
        return quantities.parse_quantity(str(value), _NANO)
    except ParseError:
        return None


def is_guaranteed(spec: Json) -> bool:
    """Whether the pod is of the Guaranteed class before anything is added."""
    whole = of_pod(spec)
    if whole:
        return _is_fixed(whole)
    containers = [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]
    return bool(containers) and all(_is_fixed(each.get("resources") or {}) for each in containers)


def of_pod(spec: Json) -> Json:
    """Resources of the pod as a whole (Kubernetes 1.34); empty where there are none."""
    whole: Json = spec.get("resources") or {}
    return whole if whole.get("requests") or whole.get("limits") else {}


def _is_fixed(resources: Json) -> bool:
    limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
    for name in NAMES:
        limit = amount(limits.get(name))
        if not limit or amount(requests.get(name, limits.get(name))) != limit:
            return False
    return True


def enlarged(whole: Json, ours: Mapping[str, Mapping[str, str]]) -> Json:
    """A pod's own resources with those of our container on top.

    Else the server would refuse the pod, whose containers may not ask for more than it does, or the application
    would pay for the sidecar.
    """
    grown = dict(whole)
    for part in ("requests", "limits"):
        if given := whole.get(part):
            grown[part] = {
                name: _sum(name, value, ours[part][name]) if name in NAMES else value
                for name, value in given.items()
            }
    return grown


def _sum(name: str, theirs: object, ours: str) -> Any:
    both = amount(theirs), amount(ours)
    if both[0] is None or both[1] is None:
        return theirs  # the server will say what is wrong with it
    total = both[0] + both[1]
    return f"{-(-total // 10**6)}m" if name == "cpu" else str(-(-total // _NANO))
