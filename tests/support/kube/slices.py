"""EndpointSlices of a Service from its pods, in the form the recorded controller writes them. Pure.

One slice for each set of resolved ports: a named targetPort may be another number in another pod. A service
without pods keeps one slice, whose endpoints and ports are null.
"""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

Object = dict[str, Any]
Ports = list[Object] | None

CHANGED = "endpoints.kubernetes.io/last-change-trigger-time"
MANAGED = {"endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io"}
SERVICE_NAME = "kubernetes.io/service-name"
HEADLESS = "service.kubernetes.io/headless"
ZONE = "topology.kubernetes.io/zone"


def wanted(
    service: Object, pods: Sequence[Object], existing: Sequence[Object], zones: Mapping[str, str], since: str
) -> list[Object]:
    """The slices there should be; those that are there already keep their names and the order inside.

    `zones` are of nodes; `since` is when what changed changed ("" when nobody knows)."""
    groups = _groups(service, pods, zones)
    free = list(existing)
    slices = []
    wanted_groups: Sequence[tuple[Ports, Ports]] = groups or [(None, None)]
    for ports, endpoints in wanted_groups:
        found = next((each for each in free if each.get("ports") in (ports, None)), None)
        if found is None and free and not groups:
            found = free[0]
        if found is not None:
            free.remove(found)
        slices.append(_slice(service, found, ports, endpoints, since))
    return slices


def ready(pod: Object) -> bool:
    """Whether its Ready condition is true."""
    conditions = (pod.get("status") or {}).get("conditions") or []
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


class TriggerTimes:
    """When what a slice tells began to be so: the earliest of the changes not told before."""

    def __init__(self) -> None:
        self._pods: dict[tuple[str, str], dict[str, str]] = {}
        self._services: dict[tuple[str, str], str] = {}

    def since(self, service: Object, pods: Sequence[Object]) -> str:
        """RFC 3339, or empty when nothing is newer than what was told."""
        metadata = service["metadata"]
        key = metadata["namespace"], metadata["name"]
        told = self._pods.get(key, {})
        now = {pod["metadata"]["name"]: _transition(pod) for pod in pods}
        changes = [at for name, at in now.items() if at > told.get(name, "")]
        if metadata["creationTimestamp"] > self._services.get(key, ""):
            changes.append(metadata["creationTimestamp"])
        self._pods[key] = {name: max(at, told.get(name, "")) for name, at in now.items()}
        self._services[key] = metadata["creationTimestamp"]
        return min(changes, default="")


def _transition(pod: Object) -> str:
    conditions = (pod.get("status") or {}).get("conditions") or []
    return next((each.get("lastTransitionTime") or "" for each in conditions if each["type"] == "Ready"), "")


def _groups(
    service: Object, pods: Sequence[Object], zones: Mapping[str, str]
) -> list[tuple[list[Object], list[Object]]]:
    groups: list[tuple[list[Object], list[Object]]] = []
    for pod in pods:
        if not (pod.get("status") or {}).get("podIP") or pod["status"].get("phase") in (
            "Succeeded",
            "Failed",
        ):
            continue
        ports = _ports(service, pod)
        endpoint = _endpoint(service, pod, zones)
        group = next((endpoints for known, endpoints in groups if known == ports), None)
        if group is None:
            groups.append((ports, [endpoint]))
        else:
            group.append(endpoint)
    return groups


def _ports(service: Object, pod: Object) -> list[Object]:
    ports = []
    for port in service["spec"].get("ports") or []:
        number = _number(port, pod)
        if number is not None:
            found = {"name": port.get("name", ""), "protocol": port["protocol"], "port": number}
            ports.append(found | {key: port[key] for key in ("appProtocol",) if key in port})
    return ports


def _number(port: Object, pod: Object) -> int | None:
    """Of the targetPort in this pod; a name is looked up in containers and native sidecars."""
    target = port.get("targetPort", port["port"])
    if isinstance(target, int):
        return target
    spec = pod["spec"]
    sidecars = [each for each in spec.get("initContainers") or [] if each.get("restartPolicy") == "Always"]
    for container in [*spec["containers"], *sidecars]:
        for candidate in container.get("ports") or []:
            if candidate.get("name") == target and candidate.get("protocol", "TCP") == port["protocol"]:
                return int(candidate["containerPort"])
    return None


def _endpoint(service: Object, pod: Object, zones: Mapping[str, str]) -> Object:
    metadata, spec = pod["metadata"], pod["spec"]
    serving, terminating = ready(pod), "deletionTimestamp" in metadata
    always = service["spec"].get("publishNotReadyAddresses", False)
    conditions = {
        "ready": always or (serving and not terminating),
        "serving": serving,
        "terminating": terminating,
    }
    reference = {"kind": "Pod", **{key: metadata[key] for key in ("namespace", "name", "uid")}}
    endpoint: Object = {
        "addresses": [pod["status"]["podIP"]],
        "conditions": conditions,
        "targetRef": reference,
    }
    if spec.get("hostname") and spec.get("subdomain") == service["metadata"]["name"]:
        endpoint["hostname"] = spec["hostname"]
    if "nodeName" in spec:
        endpoint["nodeName"] = spec["nodeName"]
        if spec["nodeName"] in zones:
            endpoint["zone"] = zones[spec["nodeName"]]
    return endpoint


def _slice(
    service: Object,
    found: Object | None,
    ports: list[Object] | None,
    endpoints: list[Object] | None,
    since: str,
) -> Object:
    metadata = service["metadata"]
    slice_ = copy.deepcopy(found) if found else _empty(service)
    labels = {**(metadata.get("labels") or {}), **MANAGED, SERVICE_NAME: metadata["name"]}
    if service["spec"].get("clusterIP") == "None":
        labels[HEADLESS] = ""
    slice_["metadata"]["labels"] = labels
    slice_ |= {"ports": ports, "endpoints": _ordered(slice_.get("endpoints"), endpoints)}
    if slice_ != found:
        slice_["metadata"].pop("annotations", None)
        if since:
            slice_["metadata"]["annotations"] = {CHANGED: since}
    return slice_


def _empty(service: Object) -> Object:
    metadata = service["metadata"]
    owner = {"apiVersion": "v1", "kind": "Service", "name": metadata["name"], "uid": metadata["uid"]}
    owner |= {"controller": True, "blockOwnerDeletion": True}
    own = {
        "generateName": f"{metadata['name']}-",
        "namespace": metadata["namespace"],
        "ownerReferences": [owner],
    }
    families = service["spec"].get("ipFamilies") or ["IPv4"]
    head: Object = {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": own}
    return head | {"addressType": families[0]}


def _ordered(before: list[Object] | None, endpoints: list[Object] | None) -> list[Object] | None:
    """Those that were there in the order they had, then the new ones."""
    if endpoints is None:
        return None
    order = {each["targetRef"]["uid"]: index for index, each in enumerate(before or [])}
    return sorted(endpoints, key=lambda each: order.get(each["targetRef"]["uid"], len(order)))
