"""A coordinator that serves the feed, over real sockets, of the API double; and sidecars' own source against it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

from coordinator.app import Coordinator
from coordinator.feed.room import Feed
from coordinator.options import read
from sidecar.discovery import feed
from sidecar.discovery.coordinator import CoordinatorSource
from sidecar.kube.access import Access
from sidecar.kube.client import Client
from tests.coordinator.feed.objects import a_slice, at, endpoint, service
from tests.discovery.listener import Listener, heard
from tests.support.kube import ApiServer, until
from tests.support.kube.resources import by_kind

Object = dict[str, Any]


@dataclass
class House:
    """What a test holds. `url` stays when the coordinator is started again."""

    api: ApiServer
    coordinator: Coordinator
    url: str

    @property
    def feed(self) -> Feed:
        room = self.coordinator._rooms["feed"]
        assert isinstance(room, Feed)
        return room

    async def known(self) -> None:
        """Until it can tell."""
        await until(lambda: not self.feed.missing())

    async def ask(self, *services: str, **more: Any) -> Object:
        """One question, as a plain client on loopback."""
        status, answer = await self.asked({"namespace": "default", "services": list(services), **more})
        assert status == 200, answer
        return answer

    async def asked(self, body: Any, headers: dict[str, str] | None = None) -> tuple[int, Object]:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{self.url}/v1/endpoints", data=data, headers=headers) as response,
        ):
            return response.status, await response.json()


@asynccontextmanager
async def house(api: ApiServer, port: int = 0, **variables: str) -> AsyncIterator[House]:
    """It neither leads nor cycles: who does is not the question here."""
    given = {"EQUILIBRIUM_COORDINATOR_API": api.url, "EQUILIBRIUM_COORDINATOR_LISTEN": "127.0.0.1:0"}
    key = {"EQUILIBRIUM_MESH_KEY": variables.pop("MESH_KEY")} if "MESH_KEY" in variables else {}
    given |= {f"EQUILIBRIUM_COORDINATOR_{name}": text for name, text in variables.items()} | key
    access = Access(url=api.url, token_file=str(api.token_file), ca_file=str(api.ca_file))
    coordinator = Coordinator(read([], given).settings, access, dry_run=True)
    try:
        host, port = await coordinator._server.start("127.0.0.1", port)
        coordinator.follow()
        found = House(api, coordinator, f"http://{host}:{port}")
        await found.known()
        yield found
    finally:
        await coordinator.close()


@asynccontextmanager
async def following(
    url: str, workload: str = "default/gateway", **access: Any
) -> AsyncIterator[tuple[CoordinatorSource, Listener]]:
    """A sidecar's source."""

    def make(on_error: Any) -> CoordinatorSource:
        client = Client(Access(url, **access), largest_bytes=feed.LARGEST_BYTES)
        return CoordinatorSource(client, workload, "eu-1a", on_error)

    async with heard(make) as (source, listener):
        assert isinstance(source, CoordinatorSource)
        yield source, listener


async def bus(api: ApiServer, *ips: str, **spec: Any) -> str:
    """The Service `bus` and its slice; the cluster IP."""
    made = await api.create(service(**spec))
    await api.create(a_slice(*[endpoint(ip, f"bus-{n}") for n, ip in enumerate(ips)]))
    return str(made["spec"].get("clusterIP"))


async def now_at(api: ApiServer, *ips: str) -> None:
    """The slice of `bus` has these."""
    await api.update(a_slice(*[endpoint(ip, f"bus-{n}") for n, ip in enumerate(ips)]))


async def placed(api: ApiServer, made: Object, ip: str) -> Object:
    """A pod that runs at an address, as if a kubelet had said so."""
    found = await api.create(made)
    key = by_kind("Pod"), found["metadata"]["namespace"], found["metadata"]["name"]
    return api.store.put(key, at(found, ip))


async def briefly(turns: int = 5) -> None:
    """Let what is under way go on."""
    for _ in range(turns):
        await asyncio.sleep(0)
