"""What a resize wants to know of a pod: where its container stands, what is enforced, what the kubelet says."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from coordinator.kube.resize.amounts import read
from coordinator.policy.subject import Amounts
from sidecar.kube.bodies import Object

PENDING: Final = "PodResizePending"
IN_PROGRESS: Final = "PodResizeInProgress"
ENDED: Final = ("Succeeded", "Failed")
NATIVE: Final = "Always"
"""The restartPolicy that makes an init container a native sidecar."""
_LISTS: Final = ("containers", "initContainers")


@dataclass(frozen=True, slots=True)
class Place:
    """A container in a pod's spec: `list` is `containers` or `initContainers`."""

    list: str
    index: int
    container: Object

    @property
    def path(self) -> str:
        """As JSON patch writes it."""
        return f"/spec/{self.list}/{self.index}"

    @property
    def resources(self) -> Object:
        """As the object has them."""
        return table(self.container.get("resources"))

    @property
    def amounts(self) -> Amounts:
        """What is asked for."""
        return read(self.resources)


def table(value: object) -> Object:
    """A JSON object; {} for whatever else stands there."""
    return value if isinstance(value, dict) else {}


def tables(value: object) -> list[Object]:
    """The JSON objects of a list."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def containers(pod: Object) -> Iterator[Place]:
    """Of the spec, those of the application first."""
    spec = table(pod.get("spec"))
    for kind in _LISTS:
        listed = spec.get(kind)
        for index, container in enumerate(listed if isinstance(listed, list) else ()):
            if isinstance(container, dict):
                yield Place(kind, index, container)


def find(pod: Object, name: str) -> Place | None:
    """The container of a name, native sidecars included."""
    return next((place for place in containers(pod) if place.container.get("name") == name), None)


def status(pod: Object, name: str) -> Object:
    """What the kubelet says of a container; {} before it says anything."""
    told = table(pod.get("status"))
    listed = tables(told.get("containerStatuses")) + tables(told.get("initContainerStatuses"))
    return next((each for each in listed if each.get("name") == name), {})


def actual(pod: Object, name: str) -> Amounts:
    """What the kubelet says it enforces."""
    return read(status(pod, name).get("resources"))


def restarts(pod: Object, name: str) -> int:
    """How often a container was started anew."""
    count = status(pod, name).get("restartCount")
    return count if isinstance(count, int) else 0


def condition(pod: Object, kind: str) -> Object:
    """A condition that holds; {} when it does not, or is not there."""
    listed = tables(table(pod.get("status")).get("conditions"))
    return next((each for each in listed if each.get("type") == kind and each.get("status") == "True"), {})


def metadata(pod: Object) -> Object:
    """Of the object."""
    return table(pod.get("metadata"))


def generation(pod: Object) -> int | None:
    """Of what is wanted of the pod."""
    return whole(metadata(pod).get("generation"))


def observed(holder: Object) -> int | None:
    """`observedGeneration` of a status or a condition; servers before 1.34 have none."""
    return whole(holder.get("observedGeneration"))


def whole(value: Any) -> int | None:
    """An integer, or nothing."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def leaving(pod: Object) -> str:
    """Why it will not run for long: `terminating`, `terminal`; nothing if it will."""
    if metadata(pod).get("deletionTimestamp"):
        return "terminating"
    return "terminal" if table(pod.get("status")).get("phase") in ENDED else ""
