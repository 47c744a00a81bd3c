"""What runs pods: of the double, whatever a test wants."""

import copy
import itertools
from collections.abc import Iterable
from typing import Any, Protocol

from tests.support.kube.store import Key, Store
from tests.support.kube.strategies import stamp

Object = dict[str, Any]


class Kubelet(Protocol):
    """Starts and stops a pod. A test that runs real processes implements both."""

    async def start(self, pod: Object) -> str:
        """Returns when the pod is ready, with its address."""

    async def stop(self, pod: Object) -> None:
        """Returns when the pod has ended; it is terminating until then."""


class Addresses:
    """A kubelet of pods that are ready at once and end at once, with the addresses given, one after the other."""

    def __init__(self, addresses: Iterable[str] = ()):
        self._addresses = iter(addresses or (f"10.1.{i // 254}.{i % 254 + 1}" for i in itertools.count()))

    async def start(self, pod: Object) -> str:
        return next(self._addresses)

    async def stop(self, pod: Object) -> None:
        return


def bind(store: Store, key: Key, node: str) -> Object | None:
    """The pod belongs to a node now; None if it is gone."""
    pod = store.get(key)
    if pod is None:
        return None
    pod["spec"]["nodeName"] = node
    _conditions(pod, {"PodScheduled": True})
    return store.put(key, pod)


def run(store: Store, key: Key, address: str) -> None:
    """The pod runs at an address and is ready."""
    pod = store.get(key)
    if pod is None:
        return
    status = pod["status"]
    status |= {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}], "startTime": stamp()}
    status["observedGeneration"] = pod["metadata"]["generation"]
    status["containerStatuses"] = [_running(container) for container in pod["spec"]["containers"]]
    sidecars = [
        each for each in pod["spec"].get("initContainers") or [] if each.get("restartPolicy") == "Always"
    ]
    if sidecars:
        status["initContainerStatuses"] = [_running(container) for container in sidecars]
    _conditions(pod, {"Initialized": True, "Ready": True, "ContainersReady": True})
    store.put(key, pod)


def set_ready(store: Store, key: Key, ready: bool) -> None:
    """Its readiness probe succeeds, or fails."""
    pod = store.get(key)
    if pod is not None:
        _conditions(pod, {"Ready": ready, "ContainersReady": ready})
        store.put(key, pod)


def _conditions(pod: Object, changes: dict[str, bool]) -> None:
    known = {each["type"]: each for each in pod["status"].get("conditions") or []}
    for type_, holds in changes.items():
        status = str(holds)
        if known.get(type_, {}).get("status") != status:
            known[type_] = {"type": type_, "status": status, "lastProbeTime": None}
            known[type_] |= {
                "lastTransitionTime": stamp(),
                "observedGeneration": pod["metadata"]["generation"],
            }
    pod["status"]["conditions"] = copy.deepcopy(list(known.values()))


def _running(container: Object) -> Object:
    state = {"running": {"startedAt": stamp()}}
    told = {"name": container["name"], "image": container["image"], "imageID": "", "restartCount": 0}
    resources = copy.deepcopy(container.get("resources") or {})
    told |= {"allocatedResources": resources["requests"]} if resources.get("requests") else {}
    return told | {"ready": True, "started": True, "state": state, "resources": resources}
