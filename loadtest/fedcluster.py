"""As much of a cluster as the feed needs: Services, slices, pods with sidecars, and TokenReviews. Plain and quick.

    python -m loadtest.fedcluster PODS SERVICES

`GET /flip` moves one endpoint of the first service and answers with its new address and the time by the one clock of
this machine (CLOCK_MONOTONIC), at which the watchers were sent it.
"""

import asyncio
import sys
from typing import Any, Final

import orjson
from aiohttp import web

from sidecar import clock

Json = dict[str, Any]

NAMESPACE: Final = "shop"
PORT: Final = 8080
_COLLECTIONS: Final = {
    "/api/v1/pods": "pods",
    "/api/v1/nodes": "nodes",
    "/api/v1/services": "services",
    "/api/v1/limitranges": "none",
    "/apis/discovery.k8s.io/v1/endpointslices": "slices",
    "/apis/apps/v1/replicasets": "none",
    "/apis/autoscaling/v2/horizontalpodautoscalers": "none",
}
_REVIEWS: Final = "/apis/authentication.k8s.io/v1/tokenreviews"
_LEASES: Final = "/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"


class Cluster:
    """`pods` pods with sidecars, in turn of `services` services."""

    def __init__(self, pods: int, services: int) -> None:
        self._version = 1000
        self._flips = 0
        self.reviews = 0
        self._lease: Json | None = None
        self._watchers: dict[str, list[asyncio.Queue[Json]]] = {}
        members: list[list[Json]] = [[] for _ in range(services)]
        for number in range(pods):
            members[number % services].append(_endpoint(address(number), number))
        self._objects: dict[str, list[Json]] = {
            "none": [],
            "nodes": [{"metadata": {"name": "n1", "resourceVersion": "1"}, "status": {}}],
            "pods": [_pod(number, services) for number in range(pods)],
            "services": [_service(number) for number in range(services)],
            "slices": [_slice(number, each) for number, each in enumerate(members)],
        }
        app = web.Application()
        app.add_routes([web.get(path, self._list) for path in _COLLECTIONS])
        app.add_routes([web.post(_REVIEWS, self._review), web.get("/flip", self._flip)])
        app.add_routes([web.get(_LEASES + "/{name}", self._get_lease), web.post(_LEASES, self._put_lease)])
        app.add_routes([web.put(_LEASES + "/{name}", self._put_lease)])
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)

    async def start(self) -> str:
        """Its URL."""
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0][:2]
        return f"http://{host}:{port}"

    async def _list(self, request: web.Request) -> web.StreamResponse:
        kind = _COLLECTIONS[request.path]
        if "watch" in request.query:
            return await self._watch(request, kind)
        items = self._objects[kind]
        begin, size = (int(request.query.get(name, "0")) for name in ("continue", "limit"))
        page = {"resourceVersion": str(self._version)}
        if size and begin + size < len(items):
            page["continue"] = str(begin + size)
        return _json({"items": items[begin : begin + size] if size else items, "metadata": page})

    async def _watch(self, request: web.Request, kind: str) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        changed: asyncio.Queue[Json] = asyncio.Queue()
        self._watchers.setdefault(kind, []).append(changed)
        while True:
            event = {"type": "MODIFIED", "object": await changed.get()}
            await response.write(orjson.dumps(event) + b"\n")

    async def _flip(self, request: web.Request) -> web.StreamResponse:
        self._flips += 1
        self._version += 1
        address = f"10.200.{self._flips // 250}.{self._flips % 250 + 1}"
        piece = self._objects["slices"][0]
        piece["endpoints"][0]["addresses"] = [address]
        piece["metadata"]["resourceVersion"] = str(self._version)
        at = clock.now()
        for changed in self._watchers.get("slices", ()):
            changed.put_nowait(piece)
        return _json({"address": address, "at": at, "reviews": self.reviews})

    async def _review(self, request: web.Request) -> web.StreamResponse:
        """A token is the name of its pod."""
        self.reviews += 1
        review = orjson.loads(await request.read())
        user = {"username": f"system:serviceaccount:{NAMESPACE}:default"}
        extra = {"authentication.kubernetes.io/pod-name": [review["spec"]["token"]]}
        status = {"authenticated": True, "user": user | {"extra": extra}, "audiences": ["equilibrium.io"]}
        return _json(review | {"status": status}, 201)

    async def _get_lease(self, request: web.Request) -> web.StreamResponse:
        if self._lease is None:
            return _json({"kind": "Status", "reason": "NotFound", "code": 404}, 404)
        return _json(self._lease)

    async def _put_lease(self, request: web.Request) -> web.StreamResponse:
        """There is one candidate: nobody's write is in the way of another's."""
        self._version += 1
        lease: Json = orjson.loads(await request.read())
        lease["metadata"] |= {"resourceVersion": str(self._version), "uid": "lease"}
        self._lease = lease
        return _json(lease, 201)


def address(number: int) -> str:
    """Of a pod."""
    return f"10.1.{number // 250}.{number % 250 + 1}"


def _service(number: int) -> Json:
    ports = [{"name": "http", "port": PORT, "protocol": "TCP"}]
    spec = {"clusterIPs": [f"10.96.{number // 250}.{number % 250 + 1}"], "ports": ports, "type": "ClusterIP"}
    meta = {"name": f"service-{number}", "namespace": NAMESPACE, "resourceVersion": "1"}
    return {"metadata": meta, "spec": spec | {"ipFamilies": ["IPv4"]}}


def _endpoint(ip: str, number: int) -> Json:
    conditions = {"ready": True, "serving": True, "terminating": False}
    target = {"kind": "Pod", "namespace": NAMESPACE, "name": f"pod-{number}"}
    return {
        "addresses": [ip],
        "conditions": conditions,
        "targetRef": target,
        "zone": "eu-1a",
        "nodeName": "n1",
    }


def _slice(number: int, endpoints: list[Json]) -> Json:
    labels = {"kubernetes.io/service-name": f"service-{number}"}
    meta = {"name": f"service-{number}-x", "namespace": NAMESPACE, "labels": labels, "resourceVersion": "1"}
    ports = [{"name": "http", "port": PORT, "protocol": "TCP"}]
    return {"metadata": meta, "addressType": "IPv4", "endpoints": endpoints, "ports": ports}


def _pod(number: int, services: int) -> Json:
    """As large as a real one, most of which nobody keeps."""
    filler = [{"name": f"VARIABLE_{each}", "value": "x" * 60} for each in range(20)]
    workload = {"name": "EQUILIBRIUM_WORKLOAD", "value": f"{NAMESPACE}/service-{number % services}"}
    ip = address(number)
    return {
        "metadata": {
            "name": f"pod-{number}",
            "namespace": NAMESPACE,
            "uid": f"00000000-0000-0000-0000-{number:012d}",
            "resourceVersion": "1",
            "labels": {"equilibrium.io/injected": "true"},
            "managedFields": [{"fieldsV1": {f"f:{each}": {} for each in range(100)}}],
        },
        "spec": {
            "nodeName": "n1",
            "containers": [
                {"name": "app", "image": "app:1", "env": filler},
                {"name": "equilibrium-sidecar", "image": "s:1", "env": [*filler, workload]},
            ],
        },
        "status": {"phase": "Running", "podIP": ip, "podIPs": [{"ip": ip}]},
    }


def _json(value: Json, status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(value), status=status, content_type="application/json")


async def _serve(pods: int, services: int) -> None:
    print(f"ready at={await Cluster(pods, services).start()}", file=sys.stderr, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(*map(int, sys.argv[1:3])))
