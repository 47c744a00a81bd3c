"""The plain port: metrics and health for everybody, the last cycle for those who may see it (docs/coordinator.md).

What else is served there is its rooms' business (`room`): each brings its routes.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Final

import orjson
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import CollectorRegistry

from coordinator.callers import proof
from sidecar import clock, contract
from sidecar.families import on_both
from sidecar.policy.auth import Verifier

LARGEST_BODY: Final = 64 * 1024
CLOSE_S: Final = 0.1
IDLE_S: Final = 75.0
"""A connection that asks nothing, or half a head, is closed; longer than anybody here waits before it asks again."""


class Server:
    """`state`: JSON of the last cycle; `not_ready`: empty, or why; `verifier`: None where there is no mesh key."""

    def __init__(
        self,
        registry: CollectorRegistry,
        state: Callable[[], dict[str, object]],
        not_ready: Callable[[], str],
        verifier: Verifier | None,
        routes: Sequence[web.AbstractRouteDef] = (),
    ) -> None:
        self._registry = registry
        self._state = state
        self._not_ready = not_ready
        self._verifier = verifier
        app = web.Application(client_max_size=LARGEST_BODY)
        app.add_routes(
            [
                web.get("/", self._index),
                web.get("/metrics", self._metrics),
                web.get("/livez", self._livez),
                web.get("/readyz", self._readyz),
                web.get("/state", self._shown),
                *routes,
            ]
        )
        self._paths = sorted(
            f"{route.method} {route.path}" for route in routes if isinstance(route, web.RouteDef)
        )
        self._runner = web.AppRunner(
            app,
            access_log=None,
            logger=_quiet_logger(),
            handle_signals=False,
            handler_cancellation=True,  # a poll that was hung up is not to be held any longer
            shutdown_timeout=CLOSE_S,
            keepalive_timeout=IDLE_S,  # aiohttp's is an hour
            auto_decompress=False,  # no question is packed: a small one must not become a large one
        )

    async def start(self, host: str, port: int) -> tuple[str, int]:
        """Listen; the address it got. Raises OSError."""
        await self._runner.setup()
        await on_both(lambda at: web.TCPSite(self._runner, at, port).start(), host, port)
        address = self._runner.addresses[0]
        return str(address[0]), int(address[1])

    async def close(self) -> None:
        """Stop listening. Safe to repeat."""
        await self._runner.cleanup()

    async def _index(self, request: web.Request) -> web.StreamResponse:
        return web.Response(text="\n".join(["GET /metrics /livez /readyz /state", *self._paths, ""]))

    async def _metrics(self, request: web.Request) -> web.StreamResponse:
        page = generate_latest(self._registry)
        return web.Response(body=page, headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def _livez(self, request: web.Request) -> web.StreamResponse:
        return web.Response(text="ok\n")

    async def _readyz(self, request: web.Request) -> web.StreamResponse:
        reason = self._not_ready()
        return web.Response(text=f"{reason or 'ok'}\n", status=503 if reason else 200)

    async def _shown(self, request: web.Request) -> web.StreamResponse:
        if not await self._allowed(request):
            detail = "call from loopback, or authenticate with X-GT-Auth (docs/coordinator.md)"
            return _json({"error": "unauthorized", "detail": detail}, 401)
        return _json(self._state(), 200)

    async def _allowed(self, request: web.Request) -> bool:
        """As at a sidecar's admin port (docs/admin.md)."""
        if contract.AUTH not in request.headers:
            return proof.is_local(request)
        return bool(proof.signer(self._verifier, request, await request.read(), clock.wall_s()))


class _NoNoise(logging.Filter):
    """What strangers send is answered 400; a traceback each would let them fill the log."""

    def filter(self, record: logging.LogRecord) -> bool:
        kind = record.exc_info[0] if record.exc_info else None
        return kind is None or not issubclass(kind, HttpProcessingError)


def _quiet_logger() -> logging.Logger:
    logger = logging.getLogger("equilibrium.coordinator.http")
    if not logger.filters:
        logger.addFilter(_NoNoise())
    return logger


def _json(value: object, status: int) -> web.Response:
    body = orjson.dumps(value, option=orjson.OPT_INDENT_2, default=str)
    return web.Response(body=body, status=status, content_type="application/json")
