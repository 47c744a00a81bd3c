"""The live page over HTTP: the page at /live, its files and its events (SSE) below it.

Frames are made while somebody watches and not otherwise. The same routes serve the coordinator and the demo.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

import orjson
from aiohttp import web

from dashboards.live.assets import HEADERS, Asset, assets
from dashboards.live.frame import Frame, Plain, plain
from dashboards.live.watchers import Watcher, Watchers
from sidecar import clock

MOST_WATCHERS: Final = 16
HEARTBEAT_S: Final = 10.0
RETRY_MS: Final = 1000
STUCK_S: Final = 20.0
"""A watcher that takes nothing for so long is hung up on."""

Make = Callable[[], Awaitable[Frame]]
Refusal = Callable[[web.Request, bool], str]
"""(request, whether it is the page itself or a file of it) → why not; empty: it may."""

log = logging.getLogger("equilibrium.live")


class Stream:
    """Serves what `make` makes every `every_s` seconds. Run `run` as a task for as long as the routes are served."""

    def __init__(
        self,
        make: Make,
        refusal: Refusal,
        *,
        every_s: float,
        most: int = MOST_WATCHERS,
        heartbeat_s: float = HEARTBEAT_S,
        stuck_s: float = STUCK_S,
    ) -> None:
        self.watchers = Watchers(most)
        self.made = 0
        """Frames, so far."""
        self._make = make
        self._refusal = refusal
        self._every_s = every_s
        self._heartbeat_s = heartbeat_s
        self._stuck_s = stuck_s

    def routes(self) -> list[web.RouteDef]:
        """Below /live."""
        return [
            web.get("/live", self._page),
            web.get("/live/events", self._events),
            web.get("/live/frame", self._frame),
            web.get("/live/{name}", self._file),
        ]

    async def run(self) -> None:
        """Frame after frame while somebody watches; until cancelled."""
        while True:
            await self.watchers.any.wait()
            began = clock.now()
            self.watchers.publish(await self._made())
            await asyncio.sleep(max(0.0, began + self._every_s - clock.now()))

    async def _made(self) -> Plain:
        self.made += 1
        return plain(await self._make())

    # -- answers

    async def _page(self, request: web.Request) -> web.StreamResponse:
        return self._asset(request, "index.html")

    async def _file(self, request: web.Request) -> web.StreamResponse:
        return self._asset(request, request.match_info["name"])

    def _asset(self, request: web.Request, name: str) -> web.Response:
        if why := self._refusal(request, True):
            return refused(why)
        found = assets().get(name)
        if found is None:
            return web.Response(status=404, text=f"no such file; there are {', '.join(sorted(assets()))}\n")
        headers = {**HEADERS, "ETag": found.tag}
        if _has(request, found):
            return web.Response(status=304, headers=headers)
        return web.Response(body=found.body, content_type=found.media, charset="utf-8", headers=headers)

    async def _frame(self, request: web.Request) -> web.StreamResponse:
        if why := self._refusal(request, False):
            return refused(why)
        found = self.watchers.frame
        body = orjson.dumps(found if found is not None else await self._made())
        return web.Response(body=body, content_type="application/json", headers={"Cache-Control": "no-store"})

    async def _events(self, request: web.Request) -> web.StreamResponse:
        if request.method == "HEAD":  # aiohttp would send the stream all the same
            raise web.HTTPMethodNotAllowed(request.method, ["GET"])
        if why := self._refusal(request, False):
            return refused(why)
        if self.watchers.full:
            text = f"{len(self.watchers)} pages are watching already; close one\n"
            return web.Response(status=503, text=text, headers={"Retry-After": "5"})
        watcher = self.watchers.join(request.headers.get("Last-Event-ID", ""))
        try:
            return await self._told(request, watcher)
        finally:
            self.watchers.leave(watcher)

    async def _told(self, request: web.Request, watcher: Watcher) -> web.StreamResponse:
        headers = {
            "Content-Type": "text/event-stream",
            "Cache-Control": "no-store",
            "X-Accel-Buffering": "no",
        }
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        try:
            await response.write(b"retry: %d\n\n" % RETRY_MS)
            while True:
                news = await self._news(watcher)
                async with asyncio.timeout(self._stuck_s):
                    await response.write(news)
        except TimeoutError:
            if request.transport is not None:
                request.transport.abort()  # what it has not taken is in the way of nothing but a clean end
        except ConnectionResetError:
            pass
        return response

    async def _news(self, watcher: Watcher) -> bytes:
        try:
            async with asyncio.timeout(self._heartbeat_s):
                await watcher.ready.wait()
        except TimeoutError:
            return b": still here\n\n"
        return self.watchers.take(watcher)


def refused(why: str) -> web.Response:
    """The answer to somebody who may not."""
    return web.Response(status=403, text=f"{why} (docs/live.md)\n")


def _has(request: web.Request, asset: Asset) -> bool:
    return any(tag.value == asset.tag.strip('"') for tag in request.if_none_match or ())
