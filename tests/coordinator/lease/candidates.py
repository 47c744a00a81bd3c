"""Real `Leader`s with real clients against the API double, their clocks ten times as fast as ours."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from coordinator.kube.lease import Leader
from sidecar import clock
from sidecar.kube.client import Access, Client
from tests.support.kube import ApiServer

NAMESPACE, NAME = "default", "equilibrium-coordinator"
SPEED = 10.0


def fast_now() -> float:
    return clock.boot_s() * SPEED


async def fast_sleep(seconds: float) -> None:
    await asyncio.sleep(seconds / SPEED)


def client(api: ApiServer, token: str | None = None, url: str | None = None) -> Client:
    return Client(Access(url or api.url, ca_file=str(api.ca_file), token=token or api.token))


@asynccontextmanager
async def candidate(
    api: ApiServer,
    identity: str,
    *,
    token: str | None = None,
    url: str | None = None,
    wall: Callable[[], float] = clock.wall_s,
    runs: bool = True,
    duration_s: float = 15.0,
) -> AsyncIterator[Leader]:
    """Running until the end of the block, then dead: it releases nothing."""
    speaks = client(api, token, url)
    times = {"duration_s": duration_s, "now": fast_now, "sleep": fast_sleep, "wall": wall}
    made = Leader(speaks, NAMESPACE, NAME, identity, **times)
    running = asyncio.get_running_loop().create_task(made.run()) if runs else None
    try:
        yield made
    finally:
        if running is not None:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running
        await speaks.close()


async def lease(api: ApiServer) -> dict:
    return await api.get("Lease", NAMESPACE, NAME)
