"""JSON over HTTP to one API server: requests, lists in pages, watches. Plain dicts in and out.

A token follows no redirect, a proxy of the environment is not used, and an answer has a largest size.
"""

import math
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Final

import aiohttp
import orjson
from yarl import URL

from sidecar.kube import bodies
from sidecar.kube.access import Access, in_cluster
from sidecar.kube.bodies import Object
from sidecar.kube.errors import SILENT, UNREACHABLE, ApiError

__all__ = ["Access", "ApiError", "Client", "Object", "in_cluster"]

CONNECT_S: Final = 2.0
"""TCP: the second SYN goes out after 1 s. A server that comes back is not missed for long."""
HANDSHAKE_S: Final = 5.0
"""TCP and TLS."""
IDLE_S: Final = 90.0
"""Silence after which a watch is taken for dead: bookmarks come about once a minute."""
PAGE: Final = 250
LARGEST_BYTES: Final = 64 * 1024 * 1024
"""Of one answer, or one event of a watch."""
_KEEPALIVE_S: Final = 5
_KEEPALIVE_PROBES: Final = 3

Objects = list[Object]


class Client:
    """One pool of connections. For one event loop; `close` it, after which it may be used again."""

    def __init__(self, access: Access, *, largest_bytes: int = LARGEST_BYTES) -> None:
        self._access = access
        self._base = access.url.rstrip("/")
        self._largest = largest_bytes
        self._session: aiohttp.ClientSession | None = None

    def __repr__(self) -> str:
        return f"Client({self._base})"

    async def close(self) -> None:
        """Close every connection, watches included."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def request(
        self,
        method: str,
        path: str,
        *,
        body: object | None = None,
        content_type: str = "application/json",
        query: Mapping[str, str] | None = None,
        timeout_s: float = 30.0,
        largest_bytes: int | None = None,
    ) -> Object:
        """Raise `ApiError` for everything but an answer of 2xx with a JSON object; {} where it has no body.

        `largest_bytes`: of this answer, where that is less than of others.
        """
        what = f"{method} {self._base}{path}"
        data = None if body is None else orjson.dumps(body)
        timeout = aiohttp.ClientTimeout(
            total=timeout_s,
            connect=HANDSHAKE_S,
            sock_connect=CONNECT_S,
            ceil_threshold=math.inf,  # to the point: it may be what is left of a lease, and 5.1 s would become 6
        )
        async with self._answer(method, path, data, content_type, query, timeout) as response:
            raw = await bodies.whole(response, min(self._largest, largest_bytes or self._largest), what)
        return bodies.parse(raw, what) if raw.strip() else {}

    async def get(self, path: str, **query: str) -> Object:
        """One object."""
        return await self.request("GET", path, query=query)

    async def pages(self, path: str, **query: str) -> AsyncGenerator[tuple[Objects, str], None]:
        """A collection, page by page: (objects, resourceVersion of the whole)."""
        more = ""
        while True:
            asked = {"limit": str(PAGE), **query} | ({"continue": more} if more else {})
            page = await self.get(path, **asked)
            meta = page.get("metadata") or {}
            yield page.get("items") or [], str(meta.get("resourceVersion", ""))
            more = meta.get("continue") or ""
            if not more:
                return

    async def list(self, path: str, **query: str) -> tuple[Objects, str]:
        """The whole collection and its resourceVersion."""
        found: Objects = []
        version = ""
        async for items, at in self.pages(path, **query):
            found += items
            version = at
        return found, version

    async def watch(
        self, path: str, resource_version: str, *, timeout_s: int = 290, idle_s: float = IDLE_S, **query: str
    ) -> AsyncGenerator[tuple[str, Object], None]:
        """(type, object) for each event, bookmarks included, until the server ends the stream.

        Raises `ApiError`, for an ERROR event too. Use it within `contextlib.aclosing`.
        """
        asked = {"watch": "1", "allowWatchBookmarks": "true", "resourceVersion": resource_version, **query}
        asked["timeoutSeconds"] = str(timeout_s)
        what = f"watch {self._base}{path}"
        timeout = aiohttp.ClientTimeout(connect=HANDSHAKE_S, sock_connect=CONNECT_S, sock_read=idle_s)
        async with (
            self._answer("GET", path, None, "", asked, timeout) as response,
            aclosing(bodies.lines(response, self._largest, what)) as lines,
        ):
            async for line in lines:
                yield bodies.event(line, what)

    # -- how

    @asynccontextmanager
    async def _answer(
        self,
        method: str,
        path: str,
        data: bytes | None,
        content_type: str,
        query: Mapping[str, str] | None,
        timeout: aiohttp.ClientTimeout,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """An answer of 2xx, its body unread; what goes wrong, reading it included, becomes `ApiError`."""
        what = f"{method} {self._base}{path}"
        headers = {"Accept": "application/json"}
        token = self._access.bearer()
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        if data is not None:
            headers["Content-Type"] = content_type
        target = URL(self._base + path).update_query(query or {})
        if self._access.sign is not None:
            headers |= self._access.sign(method, target.raw_path_qs, data or b"")
        try:
            async with self._pool().request(
                method,
                target,
                data=data,
                headers=headers,
                timeout=timeout,
                allow_redirects=False,
            ) as response:
                if not 200 <= response.status < 300:
                    raise await bodies.refusal(response, self._largest, what)
                yield response
        except aiohttp.ClientSSLError as error:
            await self.close()  # the CA file may have been replaced: the next attempt reads it again
            raise ApiError(0, UNREACHABLE, f"{what}: {error}") from None
        except aiohttp.SocketTimeoutError:
            raise ApiError(0, SILENT, f"{what}: nothing for {timeout.sock_read} s") from None
        except (aiohttp.ClientError, OSError) as error:  # TimeoutError too
            raise ApiError(0, UNREACHABLE, f"{what}: {str(error) or type(error).__name__}") from None

    def _pool(self) -> aiohttp.ClientSession:
        if self._session is None:
            context = self._access.tls()
            connector = aiohttp.TCPConnector(
                limit=0,  # every watch holds one
                ssl=context if context is not None else True,
                # The system's view of names, search domains included; c-ares has one of its own.
                resolver=aiohttp.ThreadedResolver(),
                socket_factory=_socket,
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": "equilibrium"},
            )
        return self._session


def _socket(info: aiohttp.AddrInfoType) -> socket.socket:
    """With keep-alive probes: a watch is silent for minutes, and a server that lost power closes nothing."""
    sock = socket.socket(*info[:3])
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if hasattr(socket, "TCP_KEEPIDLE"):  # Linux
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _KEEPALIVE_S)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _KEEPALIVE_S)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, _KEEPALIVE_PROBES)
    return sock
