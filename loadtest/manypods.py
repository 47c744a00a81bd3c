"""As much of a cluster as a coordinator at its largest needs: pods on nodes, resized in place, and their sidecars.

Plain HTTP on loopback and quick, since what is measured is the coordinator. Whether it gets on with a real API server
is a question for the tests, which have a far better double.
"""

import asyncio
import random
from typing import Any, Final

import orjson
from aiohttp import web

from loadtest import largepods

Json = dict[str, Any]

_COLLECTIONS: Final = {
    "/api/v1/nodes": "nodes",
    "/api/v1/pods": "pods",
    "/api/v1/limitranges": "none",
    "/apis/apps/v1/replicasets": "replicasets",
    "/apis/autoscaling/v2/horizontalpodautoscalers": "none",
}
_LEASES: Final = "/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"


class Cluster:
    """`pods` opted-in pods and as many others on `nodes` nodes; start it in the loop of whoever measures."""

    def __init__(self, pods: int, nodes: int, rng: random.Random) -> None:
        self._rng = rng
        self.resized = self.asked = self.negotiated = 0
        self._version = 1000
        self._lease: Json | None = None
        self._changed: list[asyncio.Queue[Json]] = []
        self._pods, self._nodes = pods, nodes
        self._objects: dict[str, dict[str, Json]] = {"none": {}, "nodes": {}, "pods": {}, "replicasets": {}}
        app = web.Application()
        app.add_routes([web.get(path, self._list) for path in _COLLECTIONS])
        app.add_routes(
            [
                web.get("/api/v1", self._discovery),
                web.get("/version", self._minor),
                web.get("/api/v1/namespaces/shop/pods/{name}", self._get),
                web.patch("/api/v1/namespaces/shop/pods/{name}/resize", self._resize),
                web.get(_LEASES + "/{name}", self._get_lease),
                web.post(_LEASES, self._put_lease),
                web.put(_LEASES + "/{name}", self._put_lease),
                web.get("/demand", self._demand),
                web.post("/negotiate", self._negotiate),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)

    async def start(self) -> str:
        """Its URL."""
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0, backlog=1024).start()
        host, port = self._runner.addresses[0][:2]
        self._fill(port)
        return f"http://{host}:{port}"

    async def stop(self) -> None:
        """Close everything."""
        await self._runner.cleanup()

    def totals_m(self) -> dict[str, int]:
        """Σ CPU limits of opted-in pods by node, millicores."""
        totals: dict[str, int] = {}
        for pod in self._objects["pods"].values():
            if pod["metadata"]["annotations"]:
                limit = pod["spec"]["containers"][0]["resources"]["limits"]["cpu"]
                node = pod["spec"]["nodeName"]
                totals[node] = totals.get(node, 0) + _millicores(limit)
        return totals

    # -- what there is

    def _fill(self, port: int) -> None:
        self._objects["nodes"] = {
            each["metadata"]["name"]: each for each in map(largepods.node, range(self._nodes))
        }
        for number in range(2 * self._pods):
            budget = self._rng.randint(1, 10) if number < self._pods else None
            pod = largepods.pod(number, number % self._nodes, port, budget)
            self._objects["pods"][pod["metadata"]["name"]] = pod
            owner = largepods.replica_set(pod)
            self._objects["replicasets"][owner["metadata"]["name"]] = owner

    # -- the API server

    async def _discovery(self, request: web.Request) -> web.StreamResponse:
        return _json({"resources": [{"name": "pods/resize", "verbs": ["get", "patch", "update"]}]})

    async def _minor(self, request: web.Request) -> web.StreamResponse:
        return _json({"major": "1", "minor": "36"})

    async def _list(self, request: web.Request) -> web.StreamResponse:
        kind = _COLLECTIONS[request.path]
        if "watch" in request.query:
            return await self._watch(request, kind)
        items = list(self._objects[kind].values())
        begin, size = (
            int(request.query.get("continue", "0")),
            int(request.query.get("limit", "0")) or len(items),
        )
        page = {"resourceVersion": str(self._version)}
        if begin + size < len(items):
            page["continue"] = str(begin + size)
        return _json({"items": items[begin : begin + size], "metadata": page})

    async def _watch(self, request: web.Request, kind: str) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        changed: asyncio.Queue[Json] = asyncio.Queue()
        if kind == "pods":
            self._changed.append(changed)
        while True:
            event = {"type": "MODIFIED", "object": await changed.get()}
            await response.write(orjson.dumps(event) + b"\n")

    async def _get(self, request: web.Request) -> web.StreamResponse:
        return _json(self._objects["pods"][request.match_info["name"]])

    async def _resize(self, request: web.Request) -> web.StreamResponse:
        """The patch, and at once what the kubelet would do about it."""
        pod = self._objects["pods"][request.match_info["name"]]
        for operation in orjson.loads(await request.read()):
            if operation["op"] != "test":
                *parents, last = operation["path"].strip("/").split("/")
                at: Any = pod
                for part in parents:
                    at = at[int(part)] if isinstance(at, list) else at[part]
                at[last] = operation["value"]
        self.resized += 1
        self._version += 1
        pod["metadata"]["resourceVersion"] = str(self._version)
        pod["metadata"]["generation"] += 1
        pod["status"]["observedGeneration"] = pod["metadata"]["generation"]
        pod["status"]["containerStatuses"][0]["resources"] = pod["spec"]["containers"][0]["resources"]
        for changed in self._changed:
            changed.put_nowait(pod)
        return _json(pod)

    async def _get_lease(self, request: web.Request) -> web.StreamResponse:
        if self._lease is None:
            return _json({"kind": "Status", "code": 404, "reason": "NotFound"}, 404)
        return _json(self._lease)

    async def _put_lease(self, request: web.Request) -> web.StreamResponse:
        self._version += 1
        lease: Json = orjson.loads(await request.read())
        lease["metadata"] |= {"resourceVersion": str(self._version), "uid": "lease"}
        self._lease = lease
        return _json(lease, 201)

    # -- every pod's sidecar

    async def _demand(self, request: web.Request) -> web.StreamResponse:
        self.asked += 1
        demand = round(self._rng.random(), 3)
        return _json(
            {"demand": demand, "queue": demand, "latency": 0.0, "throttling": 0.0, "source": "processes"}
        )

    async def _negotiate(self, request: web.Request) -> web.StreamResponse:
        self.negotiated += 1
        return _json({"accepted": True, "freed_bytes": 0, "usage_bytes": 1, "source": "processes"})


def _millicores(text: str) -> int:
    return int(text[:-1]) if text.endswith("m") else int(float(text) * 1000)


def _json(value: Json, status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(value), status=status, content_type="application/json")
