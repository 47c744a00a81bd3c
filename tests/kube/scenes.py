"""What was there before a recorded exchange, set up again: the objects, the webhook, what happened in between."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from tests.kube.recorded import transcript
from tests.support.kube import ApiServer, Controllers, Hook
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
