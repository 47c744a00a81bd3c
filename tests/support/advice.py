"""A coordinator's `/v1/advice`, as small as it can be: columns for everybody who asks, versions, long polls."""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import web

from sidecar import clock
from tests.support.port import Port

Object = dict[str, Any]


@dataclass
class Asked:
    """One question and what came with it."""

    body: Object
    raw: bytes
    headers: dict[str, str]


@dataclass
class AdviceServer:
    """`advise` says what holds from now on; a new `past` forgets the versions, as a restart does."""

    past: int = 1
    skew_s: float = 0.0
    """By how much its clock is ahead."""
    beside: list[web.RouteDef] = field(default_factory=list)
    """What else is served at the same port."""
    retry_after_s: int | None = None
    """Asked for with 503, as long as it is set."""
    asked: list[Asked] = field(default_factory=list)
    _number: int = 0
    _services: list[Object] = field(default_factory=list)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _port: Port = field(default_factory=Port)

    @property
    def url(self) -> str:
        return self._port.url

    @property
    def version(self) -> str:
        return f"{self.past}.{self._number}"

    @property
    def time(self) -> float:
        return clock.wall_s() + self.skew_s

    def advise(
        self,
        service: str,
        *actions: dict[str, float],
        expires_in_s: float = 20.0,
        epoch: int | None = None,
        slots: int = 600,
    ) -> None:
        """From the present slot on, over and over."""
        self._number += 1
        said = [actions[slot % len(actions)] for slot in range(slots)]
        column = {
            "service": service,
            "epoch": self._number if epoch is None else epoch,
            "first_slot": int(self.time),
            "slot_ms": 1000,
            "expires_in_s": expires_in_s,
            "actions": said,
        }
        self._services = [each for each in self._services if each["service"] != service] + [column]
        self._wake()

    def withdraw(self) -> None:
        """Nobody is advised any more."""
        self._number += 1
        self._services = []
        self._wake()

    def restart(self) -> None:
        """Versions of the past are not known any more."""
        self.past += 1
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def start(self) -> None:
        """Serve; again at the same port after `stop`."""
        await self._port.open([web.post("/v1/advice", self._answer), *self.beside])

    async def stop(self) -> None:
        await self._port.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def _answer(self, request: web.Request) -> web.Response:
        raw = await request.read()
        asked = Asked(json.loads(raw), raw, dict(request.headers))
        self.asked.append(asked)
        if self.retry_after_s is not None:
            return web.json_response({}, status=503, headers={"Retry-After": str(self.retry_after_s)})
        since = asked.body.get("since")
        if since is not None and not str(since).startswith(f"{self.past}."):
            return web.json_response({"error": "gone"}, status=410)
        if since == self.version:
            try:
                async with asyncio.timeout(float(asked.body["wait_s"])):
                    await self._changed.wait()
            except TimeoutError:
                pass
        return web.json_response(
            {"version": self.version, "server_time": self.time, "services": self._services}
        )
