"""What was there before a recorded exchange, set up again: the objects, the webhook, what happened in between."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from tests.kube.recorded import normal, send, started, transcript
from tests.support.kube import ApiServer, Controllers, Hook, ResizingKubelet
from tests.support.kube.hook import POD_RULE, allowed, denied

Object = dict[str, Any]

INJECT = "equilibrium.io/inject"
DEPLOYMENT_RULE = {
    "operations": ["CREATE", "UPDATE"],
    "apiGroups": ["apps"],
    "apiVersions": ["v1"],
    "resources": ["deployments"],
}
SIDECAR = {"name": "equilibrium-proxy", "image": "eq:latest", "restartPolicy": "Always"}
INJECTION: list[Object] = [
    {"op": "add", "path": "/spec/initContainers", "value": [SIDECAR]},
    {"op": "add", "path": "/metadata/annotations/equilibrium.io~1status", "value": "injected"},
]
TEMPLATE: Object = {
    "metadata": {"labels": {"app": "gateway"}, "annotations": {INJECT: "true"}},
    "spec": {
        "containers": [
            {
                "name": "app",
                "image": "urbanmove/gateway:latest",
                "ports": [{"name": "http", "containerPort": 8888}],
                "readinessProbe": {"httpGet": {"path": "/actuator/health", "port": 8888}},
            }
        ]
    },
}
DEPLOYMENT: Object = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "gateway", "labels": {"app": "gateway"}},
    "spec": {"selector": {"matchLabels": {"app": "gateway"}}, "template": TEMPLATE},
}
BAD_ANNOTATION = 'equilibrium: bad annotation equilibrium.io/strategy: "x"'


def annotated(name: str) -> Object:
    """A pod that asks for the sidecar."""
    metadata = {"name": name, "annotations": {INJECT: "true"}}
    spec = {"containers": [{"name": "app", "image": "x"}]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def of_replica_set() -> Object:
    """The pod as the ReplicaSet controller creates it."""
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "gateway-8bc6ccd94"}
    owner |= {"uid": "43e0b2fc-8a00-4852-937b-792a413ad00a", "controller": True, "blockOwnerDeletion": True}
    metadata = {"generateName": "gateway-8bc6ccd94-", "ownerReferences": [owner], **TEMPLATE["metadata"]}
    metadata["labels"] = {"app": "gateway", "pod-template-hash": "8bc6ccd94"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": TEMPLATE["spec"]}


def answer(request: Object) -> Object:
    """What the recording webhook said, by the name of the pod; every pod it says nothing special of is injected,
    again when it is asked again."""
    match request.get("name", ""):
        case "p-badpatch":
            return allowed([{"op": "replace", "path": "/spec/nope/0", "value": 1}])
        case "p-deny":
            return denied(BAD_ANNOTATION)
        case "p-uid":
            return allowed() | {"uid": "wrong"}
        case "p-invalidpod":
            return allowed([{"op": "add", "path": "/spec/initContainers", "value": [{"name": "BAD NAME"}]}])
        case "p-warn":
            return allowed(INJECTION, warnings=["equilibrium: example warning"])
    return allowed(INJECTION if request["kind"]["kind"] == "Pod" else [])


@contextlib.asynccontextmanager
async def webhook(api: ApiServer, **fields: Any) -> AsyncIterator[Hook]:
    """The recording webhook, registered as it was."""
    async with Hook(answer) as hook:
        fields = {"reinvocationPolicy": "IfNeeded"} | fields
        await api.create(hook.configuration("eq", POD_RULE, DEPLOYMENT_RULE, **fields))
        yield hook


async def lease(api: ApiServer, *, updates: int) -> Object:
    """The recorded lease, updated so often; returns what was created first."""
    first = await api.create(transcript("lease-create")["request"]["body"])
    for _ in range(updates):
        found = await api.get("Lease", "default", "equilibrium-coordinator")
        await api.update(found | {"spec": found["spec"] | {"holderIdentity": "b"}})
    return first


PORTS = [{"name": "http", "port": 8080, "targetPort": 8080}]
SERVICE: Object = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "bus-service"},
    "spec": {"selector": {"app": "bus-service"}, "clusterIP": "10.96.145.139", "ports": PORTS},
}


class Bus:
    """The service and its three pods, whose EndpointSlice the controller keeps."""

    def __init__(self, api: ApiServer, controllers: Controllers):
        self._api = api
        self._controllers = controllers

    async def start(self) -> None:
        """The service, then the pods one after the other, ready since the day began."""
        await self._api.create(SERVICE)
        await self._controllers.settled()
        for number in range(3):
            name = f"bus-service-{number}"
            metadata = {"name": name, "labels": {"app": "bus-service"}}
            spec = {"nodeName": "node-a", "containers": [{"name": "app", "image": "x"}]}
            await self._api.create({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
            address = f"10.1.0.{number + 1}"
            await self.ready(number, True, podIP=address, podIPs=[{"ip": address}], phase="Running")

    async def ready(
        self, number: int, ready: bool, *, since: str = "2026-11-20T00:00:00Z", **status: Any
    ) -> None:
        condition = {"type": "Ready", "status": str(ready), "lastTransitionTime": since}
        change = {"status": {"conditions": [condition], **status}}
        await self._api.patch("Pod", "default", f"bus-service-{number}", change, subresource="status")
        await self._controllers.settled()

    async def delete(self, number: int, *, grace_s: int | None = None) -> None:
        await self._api.delete("Pod", "default", f"bus-service-{number}", grace_s=grace_s)
        await self._controllers.settled()

    async def happen(self) -> None:
        """What the recorded watch saw: not ready, terminating, gone, and not ready because the node is lost."""
        await self.ready(0, False)
        await self.delete(1)
        await self.delete(1, grace_s=0)
        await self.ready(2, False, since="2026-11-20T23:42:10Z")


@contextlib.asynccontextmanager
async def bus(api: ApiServer) -> AsyncIterator[Bus]:
    async with Controllers(api) as controllers:
        scene = Bus(api, controllers)
        await scene.start()
        yield scene


RESIZES = (
    "resize-limits-cpu-strategic-ok",
    "resize-dry-run-ok",
    "resize-requests-ok",
    "resize-both-ok",
    "resize-memory-limit-decrease",
    "resize-image-change-is-ignored-200",
    "resize-json-patch-ok",
    "resize-server-side-apply-ok",
)
"""Of one pod, in the order in which they were recorded."""


async def node(api: ApiServer, cpu: str = "4") -> None:
    """The one the recorded pods are on, without a kubelet."""
    amounts = {"cpu": cpu, "memory": "8Gi"}
    metadata = {"name": "node-a"}
    made = await api.create({"apiVersion": "v1", "kind": "Node", "metadata": metadata})
    status = {"capacity": amounts, "allocatable": amounts}
    await api.update(made | {"status": status}, subresource="status")


async def resized(api: ApiServer, *, before: str = "") -> None:
    """The pod after all resizes that were recorded before one, or after all."""
    await node(api)
    await started(api)
    for name in RESIZES:
        if name == before:
            return
        assert (await send(api, transcript(name))).status == 200


ENFORCED = tuple(
    f"kubelet-resize-{name}"
    for name in (
        *("up-applied", "down-applied", "odd-millicores", "memory-up-applied"),
        *("memory-below-usage", "memory-back", "deferred", "deferred-reverted"),
    )
)
"""What the recorded kubelet did with one pod, in this order."""
ENFORCED_POD = "bus-service-7b9cdc7547-l7ng4"
USED_BYTES = 10420224
RECORDED_CONDITIONS = ("PodResizePending", "PodResizeInProgress", "Ready")


class Enforcing:
    """The pod on a node of two CPUs, beside one that has 100m of them."""

    def __init__(self, api: ApiServer, kubelet: ResizingKubelet):
        self._api = api
        self.kubelet = kubelet

    async def until(self, name: str) -> None:
        """Up to the exchange of this name, which is yet to come."""
        for pod in ("another", ENFORCED_POD):
            await self._api.create(_on_node(pod))
        await self._resize({"limits": {"cpu": "250m"}})  # the recording begins at the second generation
        self.kubelet.usage_bytes[ENFORCED_POD] = USED_BYTES
        for each in ENFORCED[: ENFORCED.index(name)]:
            assert (await send(self._api, transcript(each))).status == 200
            await self.kubelet.settled()

    async def _resize(self, resources: Object) -> None:
        await self.kubelet.settled()
        patch = {"spec": {"containers": [{"name": "app", "resources": resources}]}}
        await self._api.patch("Pod", "default", ENFORCED_POD, patch, subresource="resize")
        await self.kubelet.settled()


@contextlib.asynccontextmanager
async def enforcing(api: ApiServer) -> AsyncIterator[Enforcing]:
    async with ResizingKubelet(api, node_cpu="2") as kubelet:
        yield Enforcing(api, kubelet)


def _on_node(name: str) -> Object:
    pod: Object = transcript("pod-create")["request"]["body"]
    pod["metadata"]["name"] = name
    return pod


def cut(pod: Object) -> Any:
    """To what was recorded of pods on a real node."""
    status = pod["status"]
    conditions = [each for each in status["conditions"] if each["type"] in RECORDED_CONDITIONS]
    for condition in conditions:
        condition["lastProbeTime"] = condition["lastProbeTime"] and "time"
    containers = [
        {key: each[key] for key in ("name", "restartCount", "ready", "allocatedResources", "resources")}
        for each in status["containerStatuses"]
    ]
    told = {key: status[key] for key in ("phase", "qosClass", "observedGeneration")}
    told |= {"conditions": conditions, "containerStatuses": containers}
    spec = [{key: each[key] for key in ("name", "resources")} for each in pod["spec"]["containers"]]
    return normal({"generation": pod["metadata"]["generation"], "spec": spec, "status": told})
