"""The only call between services: ticket-service asks trajet-service whether a route exists.

A fresh request: nothing of the incoming one is copied, so headers of the mesh or of tracing end here unless a
sidecar carries them over. No timeout, no retry. Any failure but a 404 means "assume it exists".
"""

import os

import aiohttp

from loadtest.urbanmove import upstreams
from loadtest.urbanmove.breaker import Breaker
from loadtest.urbanmove.pod import Pod
from sidecar import clock

_HEADERS = {"User-Agent": "ReactorNetty/1.2.11", "Accept": "*/*", "Accept-Encoding": "gzip"}


class Trajets:
    """trajet-service as ticket-service sees it."""

    def __init__(self, pod: Pod) -> None:
        self._pod = pod
        self._base = upstreams.base_url("trajet")
        self._enabled = os.environ.get("TRAJET_SERVICE_ENABLED", "true").lower() != "false"
        self._breaker = Breaker()
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Open the client."""
        self._session = upstreams.session(self._pod.options, self._pod.rng)

    async def stop(self) -> None:
        """Close it."""
        if self._session is not None:
            await self._session.close()

    async def exists(self, route: int) -> bool:
        """False only when trajet-service answered 404."""
        if not self._enabled or not self._breaker.allows(clock.now()):
            return True
        failed, status = True, 0
        try:
            status = await self._ask(route)
            failed = status != 404 and not 200 <= status < 300
        except (aiohttp.ClientError, OSError, TimeoutError):
            pass
        finally:
            self._breaker.ended(failed=failed, now_s=clock.now())
        return status != 404

    async def _ask(self, route: int) -> int:
        if self._session is None:
            raise OSError("not started")
        url = f"{self._base}/api/lines/routes/{route}"
        async with self._session.get(url, headers=_HEADERS) as response:
            await response.read()
            return response.status
