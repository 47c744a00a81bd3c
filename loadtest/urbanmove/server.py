"""A pod's life: listen on two ports, say so, serve until told to end, drain."""

import asyncio
import contextlib
import gc
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass

from aiohttp import WSCloseCode, web

from loadtest import processes
from loadtest.urbanmove import control, handling
from loadtest.urbanmove.pod import Pod
from loadtest.urbanmove.role import Role

BACKLOG = 1024
KEEP_ALIVE_S = 75.0
FINISH_S = 5.0
"""How long requests that run may take once the pod is told to end; `/pay` takes 2."""
POLL_S = 0.02


@dataclass(frozen=True, slots=True)
class Running:
    """A pod that serves."""

    pod: Pod
    listen: str
    """`ip:port` it really has, where 0 was asked for."""
    control: str
    _runner: web.AppRunner
    _site: web.TCPSite

    async def drain(self) -> None:
        """Accept nothing new; answer what comes on open connections and close them."""
        self.pod.draining = True
        await self._site.stop()
        sockets = tuple(self.pod.sockets)
        await asyncio.gather(*(each.close(code=WSCloseCode.GOING_AWAY) for each in sockets))
        server = self._runner.server
        for _ in range(int(self.pod.options.drain_s / POLL_S)):
            if server is None or not server.connections:
                return
            await asyncio.sleep(POLL_S)


async def serve(pod: Pod, role: Role, listen: str, control_at: str) -> None:
    """Serve until SIGTERM or SIGINT, then drain. OSError when an address cannot be had."""
    loop = asyncio.get_running_loop()
    told = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    async with running(pod, role, listen, control_at) as at:
        ready = f"urbanmove {pod.options.role} ready listen={at.listen} control={at.control}"
        gc.collect()
        gc.freeze()  # what is there by now stays; collecting it again only makes answers late
        print(ready, file=sys.stderr, flush=True)
        await told.wait()
        await at.drain()


@contextlib.asynccontextmanager
async def running(pod: Pod, role: Role, listen: str, control_at: str) -> AsyncIterator[Running]:
    """The pod, serving; leaving ends it: requests that run get five seconds. OSError as for `serve`."""
    levers = web.AppRunner(control.application(pod), access_log=None)
    runner = web.AppRunner(
        handling.application(pod, role),
        access_log=None,
        handler_cancellation=role.transparent,
        auto_decompress=not role.transparent,
        shutdown_timeout=FINISH_S,
        keepalive_timeout=KEEP_ALIVE_S,
    )
    await role.start()
    try:
        site = await _listen(runner, listen)
        await _listen(levers, control_at)
        yield Running(pod, _address(runner), _address(levers), runner, site)
    finally:
        await runner.cleanup()
        await levers.cleanup()
        await role.stop()


async def _listen(runner: web.AppRunner, address: str) -> web.TCPSite:
    host, port = processes.split(address)
    await runner.setup()
    site = web.TCPSite(runner, host, port, backlog=BACKLOG)
    await site.start()
    return site


def _address(runner: web.AppRunner) -> str:
    host, port = runner.addresses[0][:2]
    return f"{host}:{port}"
