"""The QoS class of a pod, which no resize may change.

`ComputePodQOS` (k8s.io/kubernetes/pkg/apis/core/v1/helper/qos): over every container, init containers and with them
native sidecars included; of pods with resources of their own, over those.
"""

from collections.abc import Sequence
from typing import Any, Final, Literal

from coordinator.kube.resize.amounts import Wanted, value_of
from coordinator.kube.resize.pods import Place, containers, table
from sidecar.kube.bodies import Object

Quality = Literal["Guaranteed", "Burstable", "BestEffort"]

_NAMES: Final = ("cpu", "memory")


def current(pod: Object) -> Quality:
    """What the server holds to: of the status, else computed."""
    told = table(pod.get("status")).get("qosClass")
    return told if told in ("Guaranteed", "Burstable", "BestEffort") else _of(_resources(pod, None, {}))


def resulting(pod: Object, place: Place, wanted: Wanted) -> Quality:
    """Once a container has what is wanted, and what the server adds to it."""
    return _of(_resources(pod, place, wanted))


def _resources(pod: Object, place: Place | None, wanted: Wanted) -> Sequence[Wanted]:
    whole = table(table(pod.get("spec")).get("resources"))
    if whole:
        return [_amounts(whole)]
    return [
        _amounts(each.resources) | (wanted if place is not None and each.path == place.path else {})
        for each in containers(pod)
    ]


def _amounts(resources: object) -> Wanted:
    keys = [(side, name) for side in ("requests", "limits") for name in _NAMES]
    values: dict[Any, Any] = {key: value_of(resources, key) for key in keys}
    return {key: value for key, value in values.items() if value}


def _of(every: Sequence[Wanted]) -> Quality:
    if not any(every):
        return "BestEffort"
    return "Guaranteed" if all(map(_equal, every)) else "Burstable"


def _equal(amounts: Wanted) -> bool:
    """A limit without a request is its own request, as the server reads it."""
    limits = [(amounts.get(("limits", name)), amounts.get(("requests", name))) for name in _NAMES]
    return all(limit and request in (None, limit) for limit, request in limits)
