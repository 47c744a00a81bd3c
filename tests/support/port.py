"""A port of 127.0.0.1 that stays the same when it is closed and opened again, as a program's does that is restarted."""

import ssl
from collections.abc import Iterable
from dataclasses import dataclass

from aiohttp import web


@dataclass
class Port:
    """`url` is known once it was opened."""

    url: str = ""
    _number: int = 0
    _runner: web.AppRunner | None = None

    async def open(self, routes: Iterable[web.AbstractRouteDef], tls: ssl.SSLContext | None = None) -> None:
        app = web.Application()
        app.add_routes(routes)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.05, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._number, ssl_context=tls).start()
        self._number = self._runner.addresses[0][1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self._number}"

    async def close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
