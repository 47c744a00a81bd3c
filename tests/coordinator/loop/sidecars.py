"""Scripted sidecars: each on a loopback address of its own, answering what a test wants."""

import asyncio
import json
from collections.abc import Callable
from typing import Any, Self

from aiohttp import web

Answer = tuple[int, Any]


class Sidecar:
    """One pod's. `demand` and `negotiate` give (status, body): an object, bytes as they are, or `HANG`."""

    def __init__(self, pod: str, ip: str, demand: float = 0.5) -> None:
        self.pod, self.ip, self.port = pod, ip, 0
        self.wants = demand
        self.demand: Callable[[], Answer] = lambda: (200, self._usual())
        self.negotiate: Callable[[dict[str, Any]], Answer] = lambda _: (200, {"accepted": True})
        self.state: Callable[[], Answer] = lambda: (404, {})
        self.asked = 0
        self.proposals: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.state_headers: list[dict[str, str]] = []
        self.bodies: list[bytes] = []
        app = web.Application()
        app.add_routes([web.get("/demand", self._demand), web.post("/negotiate", self._negotiate)])
        app.router.add_get("/state", self._state)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)

    def _usual(self) -> dict[str, Any]:
        rest = {"queue": self.wants, "latency": 0.0, "throttling": 0.0, "source": "processes"}
        return {"demand": self.wants, **rest, "pod": self.pod, "namespace": "shop", "container": "app"}

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        await web.TCPSite(self._runner, self.ip, 0).start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _demand(self, request: web.Request) -> web.StreamResponse:
        self.asked += 1
        return await _answer(*self.demand())

    async def _state(self, request: web.Request) -> web.StreamResponse:
        self.state_headers.append(dict(request.headers))
        return await _answer(*self.state())

    async def _negotiate(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.proposals.append(body)
        self.headers.append(dict(request.headers))
        self.bodies.append(await request.read())
        return await _answer(*self.negotiate(body))


HANG = object()


async def _answer(status: int, body: Any) -> web.StreamResponse:
    if body is HANG:
        await asyncio.Event().wait()
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"Location": "http://127.0.0.1:1/"} if 300 <= status < 400 else None
    return web.Response(status=status, body=data, content_type="application/json", headers=headers)
