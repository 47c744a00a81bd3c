"""A server of the live page alone, for whoever has no port of his own: the demo, a mesh on a laptop."""

from typing import Final

from aiohttp import web

from dashboards.live import access
from dashboards.live.stream import Make, Stream
from sidecar.supervise import Report, Supervisor

CLOSE_S: Final = 0.1
_FORWARDED: Final = ("Forwarded", "X-Forwarded-For", "Via")


class Server:
    """Loopback only. `failed` is told when a frame could not be made; it is tried again."""

    def __init__(self, make: Make, failed: Report, *, every_s: float) -> None:
        self.stream = Stream(make, local, every_s=every_s)
        self._supervisor = Supervisor(failed)
        app = web.Application()
        app.add_routes([web.get("/", _to_the_page), *self.stream.routes()])
        self._runner = web.AppRunner(
            app, access_log=None, handle_signals=False, handler_cancellation=True, shutdown_timeout=CLOSE_S
        )

    async def start(self, port: int = 0) -> str:
        """Listen on 127.0.0.1 (port 0: a free one); the page's URL. Raises OSError."""
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", port).start()
        self._supervisor.start("frames", self.stream.run)
        host, at = self._runner.addresses[0][:2]
        return f"http://{host}:{at}/live"

    async def close(self) -> None:
        """Stop listening. Safe to repeat."""
        await self._supervisor.stop()
        await self._runner.cleanup()


def local(request: web.Request, opened: bool) -> str:
    """Why a request may not be answered here."""
    if not access.is_loopback(request.remote):
        return "call from loopback"
    if any(name in request.headers for name in _FORWARDED):
        return "call through no proxy: whom it speaks for is not known"
    return access.refusal(request.headers, opened=opened)


async def _to_the_page(request: web.Request) -> web.StreamResponse:
    raise web.HTTPFound("/live")
