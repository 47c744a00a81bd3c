"""Pods, their owners and the node as API objects, from plain values. Pure."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from loadtest.mesh.node import amounts
from loadtest.mesh.node.answers import Object
from loadtest.mesh.node.store import Collection
from sidecar import clock

PODS = Collection("", "v1", "pods", "Pod")
NODES = Collection("", "v1", "nodes", "Node", namespaced=False)
EVENTS = Collection("", "v1", "events", "Event")
LIMITRANGES = Collection("", "v1", "limitranges", "LimitRange")
NAMESPACES = Collection("", "v1", "namespaces", "Namespace", namespaced=False)
REPLICASETS = Collection("apps", "v1", "replicasets", "ReplicaSet")
DEPLOYMENTS = Collection("apps", "v1", "deployments", "Deployment")
AUTOSCALERS = Collection("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler")
LEASES = Collection("coordination.k8s.io", "v1", "leases", "Lease")
NEW_EVENTS = Collection("events.k8s.io", "v1", "events", "Event")
COLLECTIONS: Final = (
    PODS,
    NODES,
    EVENTS,
    LIMITRANGES,
    NAMESPACES,
    REPLICASETS,
    DEPLOYMENTS,
    AUTOSCALERS,
    LEASES,
    NEW_EVENTS,
)
VERSION: Final = "v1.36.2"
"""Of the server that is imitated."""
CONTAINER: Final = "app"
MIB: Final = 1 << 20
INJECTED: Final = "equilibrium.io/injected"
HASH: Final = "5d4f8c7b9"
"""Of every ReplicaSet's template: templates do not change here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A pod to be: one container, whose limits are what is sized. Millicores and bytes."""

    name: str
    namespace: str
    workload: str
    ip: str
    request_m: int
    limit_m: int
    memory_request_bytes: int = 32 * MIB
    memory_limit_bytes: int = 256 * MIB
    annotations: Mapping[str, str] = field(default_factory=dict)
    sidecar: bool = True
    """It has one, at `ip` and the usual admin port."""


def stamp() -> str:
    """Now, as objects write it."""
    return datetime.fromtimestamp(clock.wall_s(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def new(collection: Collection, name: str, namespace: str = "") -> Object:
    """An object with nothing in it but who it is."""
    meta = {"name": name, "uid": str(uuid.uuid4()), "creationTimestamp": stamp(), "generation": 1}
    if collection.namespaced:
        meta["namespace"] = namespace
    return {"kind": collection.kind, "apiVersion": collection.api_version, "metadata": meta}


def pod(wanted: Wanted, node: str, owner: Object) -> Object:
    """It is bound to the node and does not run yet."""
    found = new(PODS, wanted.name, wanted.namespace)
    labels = {
        "app": wanted.workload,
        "pod-template-hash": HASH,
        **({INJECTED: "true"} if wanted.sidecar else {}),
    }
    found["metadata"] |= {
        "labels": labels,
        "annotations": dict(wanted.annotations),
        "ownerReferences": [reference(owner)],
        "managedFields": [],
    }
    container = {"name": CONTAINER, "image": "local", "resources": resources(wanted)}
    found["spec"] = {"containers": [container], "nodeName": node, "restartPolicy": "Always"}
    found["status"] = {"phase": "Pending", "qosClass": amounts.quality(found), "observedGeneration": 1}
    found["status"]["conditions"] = [condition("PodScheduled", 1)]
    return found


def resources(wanted: Wanted) -> Object:
    """As the server writes them."""
    return {
        "limits": {
            amounts.CPU: amounts.cpu_text(wanted.limit_m),
            amounts.MEMORY: amounts.memory_text(wanted.memory_limit_bytes),
        },
        "requests": {
            amounts.CPU: amounts.cpu_text(wanted.request_m),
            amounts.MEMORY: amounts.memory_text(wanted.memory_request_bytes),
        },
    }


def condition(
    kind: str, generation: int, reason: str = "", message: str = "", probed: str | None = None
) -> Object:
    """One that holds."""
    told = {"type": kind, "observedGeneration": generation, "status": "True", "lastProbeTime": probed}
    told |= {"lastTransitionTime": stamp()}
    return told | ({"reason": reason} if reason else {}) | ({"message": message} if message else {})


def reference(owner: Object) -> Object:
    """That this is its controller."""
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def deployment(name: str, namespace: str) -> Object:
    """What people know the pods by."""
    found = new(DEPLOYMENTS, name, namespace)
    return found | {"spec": {"selector": {"matchLabels": {"app": name}}}, "status": {}}


def replicaset(owner: Object) -> Object:
    """What a Deployment's pods belong to."""
    meta = owner["metadata"]
    found = new(REPLICASETS, f"{meta['name']}-{HASH}", meta["namespace"])
    found["metadata"]["ownerReferences"] = [reference(owner)]
    return found | {"spec": {"selector": owner["spec"]["selector"]}, "status": {}}


def node(name: str, cpu_m: int, memory_bytes: int) -> Object:
    """Everything of it can be allocated."""
    found = new(NODES, name)
    found["metadata"]["labels"] = {"kubernetes.io/os": "linux", "kubernetes.io/hostname": name}
    size = {"cpu": amounts.cpu_text(cpu_m), "memory": amounts.memory_text(memory_bytes), "pods": "110"}
    found["spec"] = {}
    found["status"] = {
        "capacity": size,
        "allocatable": dict(size),
        "conditions": [condition("Ready", 1)],
        "nodeInfo": {"kubeletVersion": VERSION, "operatingSystem": "linux", "architecture": "amd64"},
    }
    return found
