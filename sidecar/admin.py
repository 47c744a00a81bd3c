"""The admin port: what this sidecar is doing, for Prometheus, kubelet and people (wire.md, "Admin").

`/metrics /livez /readyz /demand` and `/app-health/…` are open. The rest tells or changes more: plain calls from
loopback (so `curl` inside the pod works), or `X-GT-Auth` with the mesh key; anything else is 401.
"""

import ipaddress
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import orjson

# Not `aiohttp.web`: it brings a command line (argparse, gettext), 0.4 MB that nobody uses.
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_app import Application
from aiohttp.web_middlewares import middleware
from aiohttp.web_request import Request
from aiohttp.web_response import Response, StreamResponse
from aiohttp.web_routedef import get, post
from aiohttp.web_runner import AppRunner, TCPSite

from sidecar import clock, contract, exposition
from sidecar.exposition import Registry
from sidecar.families import on_both
from sidecar.policy import signals
from sidecar.policy.auth import Verifier

_OPEN: Final = frozenset(("/", "/metrics", "/livez", "/readyz", "/demand"))
_MAX_BODY: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Controls:
    """What the admin port may ask of the program."""

    ready: Callable[[], str]
    """Empty when ready, else the reason."""
    state: Callable[[], dict[str, object]]
    explain: Callable[[str], str | None]
    """A service in words; None when there is none of that name."""
    drain: Callable[[], None]
    quit: Callable[[], None]
    demand: Callable[[], dict[str, object]]
    flight: Callable[[], bytes]
    """The flight record as it stands: JSON lines."""
    negotiate: Callable[[bytes], Awaitable[tuple[int, dict[str, object]]]]
    """A proposed size of this pod → status and answer."""
    app_health: Callable[[Request], Awaitable[StreamResponse]] | None = None
    """The page where the kubelet asks for the application's health, where it is asked here."""


class Admin:
    """The aiohttp application."""

    def __init__(self, controls: Controls, registry: Registry, verifier: Verifier | None) -> None:
        self._controls = controls
        self._registry = registry
        self._verifier = verifier
        self._runner: AppRunner | None = None

    async def start(self, host: str, port: int) -> tuple[str, int]:
        """Listen; the address it got. Raises OSError."""
        app = Application(middlewares=[self._guard], client_max_size=_MAX_BODY)
        app.add_routes(
            [
                get("/", self._index),
                get("/metrics", self._metrics),
                get("/livez", self._livez),
                get("/readyz", self._readyz),
                get("/state", self._state),
                get("/explain", self._explain),
                get("/demand", self._demand),
                get("/flight", self._flight),
                post("/negotiate", self._negotiate),
                post("/drain", self._drain),
                post("/quitquitquit", self._quit),
            ]
        )
        if self._controls.app_health is not None:
            app.router.add_get(contract.APP_HEALTH + "{container}/{which}", self._controls.app_health)
        self._runner = AppRunner(app, access_log=None, handle_signals=False, logger=_quiet_logger())
        await self._runner.setup()
        runner = self._runner
        await on_both(lambda at: TCPSite(runner, at, port).start(), host, port)
        address = runner.addresses[0]
        return str(address[0]), int(address[1])

    async def stop(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()

    # -- who may

    @middleware
    async def _guard(
        self, request: Request, handler: Callable[[Request], Awaitable[StreamResponse]]
    ) -> StreamResponse:
        if not _is_open(request.path) and not await self._allowed(request):
            detail = "call from loopback, or authenticate with X-GT-Auth (docs/admin.md)"
            return _json({"error": "unauthorized", "detail": detail}, status=401)
        return await handler(request)

    async def _allowed(self, request: Request) -> bool:
        value = request.headers.get(contract.AUTH)
        if value is None:
            return _is_loopback(request.remote) and "Origin" not in request.headers  # no page in a browser
        if self._verifier is None:
            return False
        workload = signals.parse_workload(request.headers.get(contract.CALLER, "").encode("utf-8", "replace"))
        return workload is not None and self._verifier.verify(
            value.encode("utf-8", "replace"),
            method=request.method.encode(),
            path=request.raw_path.encode("utf-8", "surrogateescape"),
            body=await request.read(),
            workload=workload,
            now_unix_s=clock.wall_s(),
        )

    # -- what there is

    async def _index(self, request: Request) -> StreamResponse:
        text = (
            "GET /metrics /livez /readyz /demand /state /explain?service=NAME /flight\n"
            "GET /app-health/CONTAINER/{livez,readyz,startupz}\n"
            "POST /negotiate /drain /quitquitquit\n"
        )
        return Response(text=text)

    async def _metrics(self, request: Request) -> StreamResponse:
        body = self._registry.render()
        return Response(body=body, headers={"Content-Type": exposition.CONTENT_TYPE})

    async def _livez(self, request: Request) -> StreamResponse:
        return Response(text="ok\n")

    async def _readyz(self, request: Request) -> StreamResponse:
        reason = self._controls.ready()
        return Response(text=f"{reason or 'ok'}\n", status=503 if reason else 200)

    async def _state(self, request: Request) -> StreamResponse:
        return _json(self._controls.state())

    async def _explain(self, request: Request) -> StreamResponse:
        name = request.query.get("service", "")
        told = self._controls.explain(name)
        if told is None:
            services = self._controls.state()["services"]
            known = ", ".join(sorted(services)) if isinstance(services, dict) and services else "none yet"
            return Response(text=f"/explain?service=NAME; known services: {known}\n", status=404)
        return Response(text=told)

    async def _demand(self, request: Request) -> StreamResponse:
        return _json(self._controls.demand())

    async def _flight(self, request: Request) -> StreamResponse:
        return Response(body=self._controls.flight(), content_type="application/jsonl")

    async def _negotiate(self, request: Request) -> StreamResponse:
        status, answer = await self._controls.negotiate(await request.read())
        return _json(answer, status=status)

    async def _drain(self, request: Request) -> StreamResponse:
        self._controls.drain()
        return Response(text="draining\n")

    async def _quit(self, request: Request) -> StreamResponse:
        self._controls.quit()
        return Response(text="stopping\n")


class _NoNoise(logging.Filter):
    """What strangers send is answered 400; a traceback each would let them fill the log."""

    def filter(self, record: logging.LogRecord) -> bool:
        kind = record.exc_info[0] if record.exc_info else None
        return kind is None or not issubclass(kind, HttpProcessingError)


def _quiet_logger() -> logging.Logger:
    logger = logging.getLogger("equilibrium.admin")
    if not logger.filters:
        logger.addFilter(_NoNoise())
    return logger


def _is_open(path: str) -> bool:
    return path in _OPEN or path.startswith(contract.APP_HEALTH)


def _is_loopback(remote: str | None) -> bool:
    try:
        address = ipaddress.ip_address(remote or "")
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def _json(value: object, status: int = 200) -> Response:
    return Response(
        body=orjson.dumps(value, option=orjson.OPT_INDENT_2), status=status, content_type="application/json"
    )
