"""One way to speak to an API server for what this program does, whichever client the caller has.

`sidecar.kube.client.Client` is such a client as it is. The ApiClient of the package kubernetes_asyncio (or any of its
generated `…Api` classes) gets an adapter, found by what it can do: the package is never imported here, since it costs
more memory than the rest of the program.
"""

import math
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Any, Final, Protocol

import aiohttp

from sidecar.kube import bodies
from sidecar.kube.bodies import Object
from sidecar.kube.client import CONNECT_S, HANDSHAKE_S, IDLE_S, LARGEST_BYTES
from sidecar.kube.errors import SILENT, UNREACHABLE, ApiError

JSON: Final = "application/json"


class Api(Protocol):
    """What is asked of a client: plain dicts in and out, and `ApiError` for everything that goes wrong."""

    async def request(
        self,
        method: str,
        path: str,
        *,
        body: object | None = None,
        content_type: str = JSON,
        query: Mapping[str, str] | None = None,
        timeout_s: float = 30.0,
    ) -> Object:
        """The JSON object of an answer of 2xx."""
        ...

    def watch(
        self, path: str, resource_version: str, *, timeout_s: int = 290, idle_s: float = IDLE_S, **query: str
    ) -> AsyncGenerator[tuple[str, Object], None]:
        """(type, object) of each event; to be used within `contextlib.aclosing`."""
        ...


def api(client: Any) -> Api:
    """The client itself, or an adapter around one of kubernetes_asyncio. Raises TypeError for anything else."""
    if hasattr(client, "request") and hasattr(client, "watch"):
        found: Api = client
        return found
    generated = getattr(client, "api_client", client)
    if hasattr(generated, "call_api") and hasattr(generated, "configuration"):
        return Generated(generated)
    raise TypeError(
        f"{type(client).__name__}: not a client; allowed: sidecar.kube.client.Client, or an ApiClient of "
        "kubernetes_asyncio"
    )


def origin(client: Any) -> Any:
    """The object that lives as long as a caller's connection does: what is remembered, is remembered of it."""
    return getattr(client, "api_client", client)


class Generated:
    """Around an ApiClient of kubernetes_asyncio, which stays the caller's: to be closed by him.

    It does what the package leaves undone: an error of the network is an `ApiError` as one of the server is, and no
    request lasts for ever. Its User-Agent is `OpenAPI-Generator/…` unless the caller sets another, so the server would
    name that in `managedFields` wherever no field manager is given.
    """

    def __init__(self, client: Any) -> None:
        self._client = client

    def __repr__(self) -> str:
        return f"Generated({self._client.configuration.host})"

    async def request(
        self,
        method: str,
        path: str,
        *,
        body: object | None = None,
        content_type: str = JSON,
        query: Mapping[str, str] | None = None,
        timeout_s: float = 30.0,
    ) -> Object:
        """Raise `ApiError` for everything but an answer of 2xx with a JSON object; {} where it has no body."""
        timeout = aiohttp.ClientTimeout(
            total=timeout_s,
            connect=HANDSHAKE_S,
            sock_connect=CONNECT_S,
            ceil_threshold=math.inf,  # to the point, as `sidecar.kube.client.Client`
        )
        async with self._answer(method, path, body, content_type, query or {}, timeout) as response:
            raw = await bodies.whole(response, LARGEST_BYTES, f"{method} {path}")
        return bodies.parse(raw, f"{method} {path}") if raw.strip() else {}

    async def watch(
        self, path: str, resource_version: str, *, timeout_s: int = 290, idle_s: float = IDLE_S, **query: str
    ) -> AsyncGenerator[tuple[str, Object], None]:
        """As `sidecar.kube.client.Client.watch`."""
        asked = {"watch": "1", "allowWatchBookmarks": "true", "resourceVersion": resource_version, **query}
        asked["timeoutSeconds"] = str(timeout_s)
        timeout = aiohttp.ClientTimeout(connect=HANDSHAKE_S, sock_connect=CONNECT_S, sock_read=idle_s)
        async with (
            self._answer("GET", path, None, JSON, asked, timeout) as response,
            aclosing(bodies.lines(response, LARGEST_BYTES, f"watch {path}")) as lines,
        ):
            async for line in lines:
                yield bodies.event(line, f"watch {path}")

    @asynccontextmanager
    async def _answer(
        self,
        method: str,
        path: str,
        body: object | None,
        content_type: str,
        query: Mapping[str, str],
        timeout: aiohttp.ClientTimeout,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        what = f"{method} {path}"
        response: aiohttp.ClientResponse | None = None
        try:
            response = await self._client.call_api(
                path,
                method,
                query_params=list(query.items()),
                header_params={"Accept": JSON, "Content-Type": content_type},
                body=body,
                auth_settings=["BearerToken"],
                _preload_content=False,  # with it the package takes any answer for a model of its own
                _request_timeout=timeout,
            )
            if not 200 <= response.status < 300:
                raise await bodies.refusal(response, LARGEST_BYTES, what)
            yield response
        except aiohttp.SocketTimeoutError:
            raise ApiError(0, SILENT, f"{what}: nothing for {timeout.sock_read} s") from None
        except (aiohttp.ClientError, OSError) as error:  # TimeoutError too
            raise ApiError(0, UNREACHABLE, f"{what}: {str(error) or type(error).__name__}") from None
        finally:
            if response is not None:
                response.close()
