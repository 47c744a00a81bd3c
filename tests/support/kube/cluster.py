"""Any API server a test may use, the double or a real one: where it is, and its verbs over the wire."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from tests.support.kube import patches
from tests.support.kube.resources import by_kind, of

Object = dict[str, Any]

SILENCE_S = 30.0


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as it came over the wire; `body` is an object, or a text where it is no JSON."""

    status: int
    headers: Mapping[str, str]
    warnings: list[str]
    body: Any


class StatusError(Exception):
    """The server refused; `reply` says how."""

    def __init__(self, reply: Reply):
        super().__init__(f"{reply.status}: {reply.body}")
        self.reply = reply


class Cluster:
    """A server at `url`, trusted by `ca_file`, that takes `token`. Subclasses start and stop it."""

    url: str
    token: str

    def __init__(self, directory: Path):
        self.directory = directory
        self.ca_file = directory / "ca.crt"
        self.token_file = directory / "token"
        self._session: aiohttp.ClientSession | None = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.url})"

    @property
    def kubeconfig(self) -> Path:
        """A file for `kubectl --kubeconfig`, with the token that is valid now."""
        path = self.directory / "kubeconfig"
        cluster = {"server": self.url, "certificate-authority": str(self.ca_file)}
        context = {"cluster": "test", "user": "test", "namespace": "default"}
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "test", "cluster": cluster}],
            "users": [{"name": "test", "user": {"token": self.token}}],
            "contexts": [{"name": "test", "context": context}],
            "current-context": "test",
        }
        path.write_text(yaml.safe_dump(content))
        path.chmod(0o600)
        return path

    async def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        content_type: str = "application/json",
        *,
        token: str | None = None,
    ) -> Reply:
        """Any request; the answer whatever it is."""
        headers = {"Authorization": f"Bearer {token or self.token}"}
        data = None
        if body is not None:
            headers["Content-Type"] = content_type
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
        async with self._http().request(method, self.url + path, data=data, headers=headers) as response:
            text = await response.text()
            is_json = response.content_type == "application/json"
            warnings = response.headers.getall("Warning", [])
            return Reply(
                response.status, response.headers, warnings, json.loads(text) if is_json and text else text
            )

    @asynccontextmanager
    async def watch(self, path: str) -> AsyncIterator[AsyncIterator[Object]]:
        """The events of a watch as they come: `async with api.watch("/api/v1/pods?watch=1") as events`."""
        headers = {"Authorization": f"Bearer {self.token}"}
        async with self._http().get(self.url + path, headers=headers) as response:
            if response.status != 200:
                body = await response.json()
                raise StatusError(Reply(response.status, response.headers, [], body))
            yield _lines(response)

    async def create(self, obj: Object, *, query: str = "") -> Object:
        return await self._ok("POST", of(obj).path(_namespace(obj)) + query, obj)

    async def get(self, kind: str, namespace: str, name: str) -> Object:
        return await self._ok("GET", by_kind(kind).path(namespace, name))

    async def list(self, kind: str, namespace: str = "", *, query: str = "") -> list[Object]:
        found: list[Object] = (await self._ok("GET", by_kind(kind).path(namespace) + query))["items"]
        return found

    async def update(self, obj: Object, *, subresource: str = "") -> Object:
        """PUT the object as it is given."""
        path = of(obj).path(_namespace(obj), obj["metadata"]["name"])
        return await self._ok("PUT", f"{path}/{subresource}".rstrip("/"), obj)

    async def patch(
        self,
        kind: str,
        namespace: str,
        name: str,
        patch: Any,
        *,
        content_type: str = patches.STRATEGIC,
        subresource: str = "",
        query: str = "",
    ) -> Object:
        path = f"{by_kind(kind).path(namespace, name)}/{subresource}".rstrip("/")
        return await self._ok("PATCH", path + query, patch, content_type)

    async def delete(self, kind: str, namespace: str, name: str, *, grace_s: int | None = None) -> Object:
        """Mark it or take it away; `grace_s=0` takes it away for good."""
        options = None if grace_s is None else {"gracePeriodSeconds": grace_s}
        return await self._ok("DELETE", by_kind(kind).path(namespace, name), options)

    async def _ok(self, method: str, path: str, body: Any = None, kind: str = "application/json") -> Object:
        reply = await self.request(method, path, body, kind)
        if reply.status >= 300:
            raise StatusError(reply)
        found: Object = reply.body
        return found

    def _http(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            context = ssl.create_default_context(cafile=str(self.ca_file))
            # a watch may last, but a test whose server says nothing for so long has failed
            timeout = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=SILENCE_S)
            connector = aiohttp.TCPConnector(ssl=context, limit=0)
            self._session = aiohttp.ClientSession(connector=connector, timeout=timeout)
        return self._session

    async def _disconnect(self) -> None:
        if self._session is not None:
            await self._session.close()


async def until(holds: Callable[[], bool], *, within_s: float = SILENCE_S) -> None:
    """Wait for what no event tells of; TimeoutError when it does not come."""
    async with asyncio.timeout(within_s):
        while not holds():
            await asyncio.sleep(0.002)


async def _lines(response: aiohttp.ClientResponse) -> AsyncIterator[Object]:
    pending = b""
    async for chunk in response.content.iter_any():  # an object may be longer than a line reader allows
        *lines, pending = (pending + chunk).split(b"\n")
        for line in lines:
            yield json.loads(line)


def _namespace(obj: Object) -> str:
    return str(obj["metadata"].get("namespace") or "default")
