"""The two listeners: reviews over TLS, and health and metrics in plain.

A review is one to two milliseconds of computing on values at hand, done on the event loop where it arrives: a thread
would add more than it takes, and the interpreter runs one at a time anyway.
"""

import asyncio
import logging
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from injector import journal
from injector.metrics import Metrics
from injector.template import Template
from injector.webhook import answer
from sidecar import clock
from sidecar.families import on_both
from sidecar.kube.events import Recorder

LARGEST_BODY: Final = 3 * 1024 * 1024
"""What an API server takes itself: no object that is stored is larger."""
CLOSE_S: Final = 0.1
"""What is still under way when it is time to close gets this long, twice, to be told so."""
BODY_S: Final = 10.0
"""No API server waits longer for its answer by default; a body slower than this is nobody's."""


@dataclass(slots=True)
class Reviews:
    """Answers `POST /mutate`; the recorder gets what owners are to be told."""

    template: Template
    metrics: Metrics
    recorder: Recorder | None
    draining: Callable[[], bool]
    under_way: int = 0

    def routes(self) -> list[web.RouteDef]:
        """Flags are segments of the path, because a webhook's path may have no query."""
        return [web.post("/mutate", self._mutate), web.post("/mutate/{flags:.*}", self._mutate)]

    async def _mutate(self, request: web.Request) -> web.StreamResponse:
        self.under_way += 1
        try:
            response = await self._answered(request)
        finally:
            self.under_way -= 1
        if self.draining():
            response.force_close()  # the next review of this caller goes to a replica that stays
        return response

    async def _answered(self, request: web.Request) -> web.Response:
        if request.content_type != "application/json":
            return self._refused(415, "a review is application/json")
        try:
            async with asyncio.timeout(BODY_S):
                body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            return self._refused(413, f"a review has at most {LARGEST_BODY} bytes")
        except TimeoutError:
            return self._refused(408, f"the body did not arrive within {BODY_S:g} s")
        return self._reviewed(body, frozenset(filter(None, request.match_info.get("flags", "").split("/"))))

    def _reviewed(self, body: bytes, flags: frozenset[str]) -> web.Response:
        began = clock.now()
        given = answer(body, flags, self.template)
        self.metrics.reviewed(given, clock.now() - began)
        journal.decided(given)
        if given.event is not None and self.recorder is not None:
            self.recorder.take(given.event)
        kind = "application/json" if given.status == web.HTTPOk.status_code else "text/plain"
        return web.Response(body=given.body, status=given.status, content_type=kind)

    def _refused(self, status: int, why: str) -> web.Response:
        self.metrics.refused(status)
        response = web.Response(text=f"{why}\n", status=status)
        response.force_close()  # what is left of the body is not worth reading
        return response


@dataclass(frozen=True, slots=True)
class Health:
    """Answers the kubelet and Prometheus."""

    metrics: Metrics
    not_ready: Callable[[], str]
    """Empty when ready, else the reason."""

    def routes(self) -> list[web.RouteDef]:
        """All plain GETs."""
        return [
            web.get("/livez", self._livez),
            web.get("/readyz", self._readyz),
            web.get("/metrics", self._metrics),
        ]

    async def _livez(self, request: web.Request) -> web.StreamResponse:
        return web.Response(text="ok\n")

    async def _readyz(self, request: web.Request) -> web.StreamResponse:
        reason = self.not_ready()
        return web.Response(text=f"{reason or 'ok'}\n", status=503 if reason else 200)

    async def _metrics(self, request: web.Request) -> web.StreamResponse:
        page = generate_latest(self.metrics.registry)
        return web.Response(body=page, headers={"Content-Type": CONTENT_TYPE_LATEST})


class Listener:
    """One port. aiohttp keeps idle connections for an hour, longer than API servers do (90 s): they close first."""

    def __init__(self, routes: list[web.RouteDef]) -> None:
        app = web.Application(client_max_size=LARGEST_BODY)
        app.add_routes(routes)
        self._runner = web.AppRunner(
            app,
            access_log=None,
            logger=_quiet_logger(),
            handle_signals=False,
            auto_decompress=False,
            shutdown_timeout=CLOSE_S,
        )
        self._sites: list[web.TCPSite] = []

    async def start(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> tuple[str, int]:
        """Listen; the address it got. Raises OSError."""
        await self._runner.setup()

        async def listen(at: str) -> None:
            site = web.TCPSite(self._runner, at, port, ssl_context=tls)
            await site.start()
            self._sites.append(site)

        await on_both(listen, host, port)
        address = self._runner.addresses[0]
        return str(address[0]), int(address[1])

    async def drain(self, busy: Callable[[], bool], within_s: float) -> None:
        """Accept nothing more, and wait so long for what is under way; aiohttp itself would stop reading its bodies."""
        while self._sites:
            await self._sites.pop().stop()
        until_s = clock.now() + within_s
        while busy() and clock.now() < until_s:  # noqa: ASYNC110
            await asyncio.sleep(0.02)

    async def close(self) -> None:
        """Close everything. Safe to repeat."""
        await self._runner.cleanup()


class _NoNoise(logging.Filter):
    """What strangers send is answered 400; a traceback each would let them fill the log."""

    def filter(self, record: logging.LogRecord) -> bool:
        kind = record.exc_info[0] if record.exc_info else None
        return kind is None or not issubclass(kind, HttpProcessingError)


def _quiet_logger() -> logging.Logger:
    logger = logging.getLogger("equilibrium.injector.http")
    if not logger.filters:
        logger.addFilter(_NoNoise())
    return logger
