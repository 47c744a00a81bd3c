"""The feed of docs/feed.md, as small as a server of it can be: snapshots, diffs, long polls, identities."""

import asyncio
import json
import ssl
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import web

from tests.support.port import Port

Object = dict[str, Any]


@dataclass
class Feed:
    """What is published, and since which version; a new `epoch` forgets the past, as a restart does."""

    token: str | None = None
    epoch: int = 1
    asked: list[Object] = field(default_factory=list)
    _number: int = 0
    _services: dict[tuple[str, int], tuple[int, Object]] = field(default_factory=dict)
    _callers: tuple[int, list[Object]] = (0, [])
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _port: Port = field(default_factory=Port)

    @property
    def url(self) -> str:
        return self._port.url

    @property
    def version(self) -> str:
        return f"{self.epoch}.{self._number}"

    def publish(self, host: str, port: int, endpoints: list[Any] | None, **more: Any) -> None:
        """A service, or with None that it is no more."""
        self._number += 1
        self._services[host, port] = (
            self._number,
            {"host": host, "port": port, "endpoints": endpoints, **more},
        )
        self._wake()

    def call(self, **workloads: str) -> None:
        """Who calls: workload by address, spelled `a127_0_0_3`."""
        self._number += 1
        spelled = [(ip.lstrip("a").replace("_", "."), workload) for ip, workload in workloads.items()]
        self._callers = self._number, [{"address": ip, "workload": workload} for ip, workload in spelled]
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def start(self, tls: ssl.SSLContext | None = None) -> None:
        """Serve; again at the same port after `stop`."""
        await self._port.open([web.post("/v1/endpoints", self._answer)], tls)

    async def stop(self) -> None:
        await self._port.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def _answer(self, request: web.Request) -> web.Response:
        if self.token is not None and request.headers.get("Authorization") != f"Bearer {self.token}":
            return web.json_response({"error": "unauthorized"}, status=401)
        asked: Object = json.loads(await request.read())
        self.asked.append(asked)
        since = self._since(asked.get("since"))
        if since is None:
            return web.json_response(self._news(asked, -1) | {"full": True})
        try:
            async with asyncio.timeout(float(asked["wait_s"])):
                while not self._anything(news := self._news(asked, since)):
                    await self._changed.wait()
        except TimeoutError:
            news = self._news(asked, since)
        return web.json_response(news)

    def _since(self, version: str | None) -> int | None:
        """None: the past is not known, everything has to be told."""
        epoch, _, number = (version or "").partition(".")
        return int(number) if epoch == str(self.epoch) else None

    def _news(self, asked: Object, since: int) -> Object:
        told = [said for changed, said in self._services.values() if changed > since and _wanted(said, asked)]
        news: Object = {"version": self.version, "full": False, "services": told}
        if self._callers[0] > since:
            news["callers"] = self._callers[1]
        return news

    def _anything(self, news: Object) -> bool:
        return bool(news["services"]) or "callers" in news


def _wanted(said: Object, asked: Object) -> bool:
    names = {f"{said['host']}:{said['port']}", *said.get("addresses", ())}
    if said.get("portless") or said["port"] == 80:
        names.add(said["host"])
    return not names.isdisjoint(asked["services"])
