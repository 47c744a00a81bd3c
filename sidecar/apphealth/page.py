"""`GET /app-health/CONTAINER/WHICH` on the admin port: 200 when the pod's own probe would succeed, else 503 and why."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from typing import Final

from aiohttp import web

from sidecar.apphealth.prober import AppHealth

_KUBELET: Final = re.compile(r"kube-probe/[!-~]{1,64}")
_OUR_AGENT: Final = "kube-probe/equilibrium"
_LOOK_S: Final = 0.1


class Page:
    """An aiohttp handler; `match_info` has `container` and `which`."""

    def __init__(self, health: AppHealth) -> None:
        self._health = health

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """404 where the pod has no such probe."""
        name = f"{request.match_info['container']}/{request.match_info['which']}"
        agent = request.headers.get("User-Agent", "")
        verdict = None
        async with _while_connected(request):
            verdict = await self._health.ask(
                name, _local_ip(request), agent if _KUBELET.fullmatch(agent) else _OUR_AGENT
            )
        if verdict is None:
            return web.Response(text=f"no such probe; there are: {self._health.names}\n", status=404)
        return web.Response(text=f"{verdict.said}\n", status=200 if verdict.ok else 503)


@contextlib.asynccontextmanager
async def _while_connected(request: web.Request) -> AsyncIterator[None]:
    """Cancels what runs inside once the client has hung up, of which aiohttp tells a handler nothing.

    Not aiohttp's `handler_cancellation`: it is for a whole server, and would lose the POST of a client that does not
    wait for its answer.
    """
    loop, bound = asyncio.get_running_loop(), asyncio.timeout(None)
    timer: asyncio.TimerHandle | None = None

    def look() -> None:
        nonlocal timer
        if request.transport is None or request.transport.is_closing():
            bound.reschedule(loop.time())
        else:
            timer = loop.call_later(_LOOK_S, look)

    try:
        async with bound:
            look()
            yield
    except TimeoutError:
        pass  # nobody reads what is answered now
    finally:
        if timer is not None:
            timer.cancel()


def _local_ip(request: web.Request) -> str:
    """The address the client connected to: of a pod's addresses the one the kubelet knows it by."""
    return str((request.get_extra_info("sockname") or ("127.0.0.1",))[0])
