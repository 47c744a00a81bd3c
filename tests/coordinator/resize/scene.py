"""Pods to resize, and clients to resize them with."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from sidecar.kube.client import Access, Client
from tests.support.kube import Cluster

Object = dict[str, Any]

MEBI = 2**20


def resources(
    cpu: tuple[str | None, str | None] = ("100m", "500m"),
    memory: tuple[str | None, str | None] = ("64Mi", "256Mi"),
) -> Object:
    """(request, limit) of each; None: there is none."""
    sides: Object = {}
    for side, index in (("requests", 0), ("limits", 1)):
        amounts = {"cpu": cpu[index], "memory": memory[index]}
        if given := {name: amount for name, amount in amounts.items() if amount is not None}:
            sides[side] = given
    return sides


def container(name: str = "app", given: Object | None = None, **fields: Any) -> Object:
    given = resources() if given is None else given
    return {"name": name, "image": "registry.k8s.io/pause:3.10", "resources": given, **fields}


def pod(*containers: Object, name: str = "bus", node: str = "node-a", **spec: Any) -> Object:
    """As it is created: `app` with 100m/500m and 64Mi/256Mi unless containers are given."""
    inside = {"containers": list(containers) or [container()], **spec}
    inside |= {"nodeName": node} if node else {}
    metadata = {"name": name, "namespace": "default"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": inside}


def running(obj: Object, quality: str = "Burstable", **status: Any) -> Object:
    """As a server shows it once it runs and is settled."""
    told = [
        {"name": each["name"], "restartCount": 0, "state": {"running": {}}, "resources": each["resources"]}
        for each in obj["spec"]["containers"]
    ]
    obj["metadata"] |= {"uid": "u-1", "generation": 1, "resourceVersion": "7"}
    obj["status"] = {"phase": "Running", "qosClass": quality, "containerStatuses": told, **status}
    return obj


def client_of(api: Cluster, token_file: str | None = None) -> Client:
    access = Access(api.url, token_file=token_file or str(api.token_file), ca_file=str(api.ca_file))
    return Client(access)


class Between:
    """A client in front of another: `sent` is what was asked, `before` is run ahead of each request and may raise,
    `after` once it was answered."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.sent: list[tuple[str, str, Any]] = []
        self.timeouts: list[float] = []
        self.queries: list[Any] = []
        self.before: Callable[[str, str], Awaitable[None]] = _nothing
        self.after: Callable[[str, str], Awaitable[None]] = _nothing

    @property
    def patches(self) -> list[Any]:
        return [body for method, _, body in self.sent if method == "PATCH"]

    async def request(self, method: str, path: str, **how: Any) -> Object:
        self.sent.append((method, path, how.get("body")))
        self.timeouts.append(how.get("timeout_s", 30.0))
        self.queries.append(how.get("query"))
        await self.before(method, path)
        answer = await self.client.request(method, path, **how)
        await self.after(method, path)
        return answer

    def watch(self, path: str, version: str, **how: Any) -> AsyncGenerator[tuple[str, Object], None]:
        self.sent.append(("WATCH", path, None))
        return self.client.watch(path, version, **how)


async def _nothing(method: str, path: str) -> None:
    return


class Sleeps:
    """A sleep that takes no time, and remembers how long it was asked for."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


@asynccontextmanager
async def plain(handle: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncIterator[str]:
    """A server over plain HTTP that answers as told; its URL."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
