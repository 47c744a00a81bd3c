"""`GET /app-health/CONTAINER/WHICH` on the admin port: 200 when the pod's own probe would succeed, else 503 and why."""

import re
from typing import Final

from aiohttp.web_request import Request
from aiohttp.web_response import Response, StreamResponse

from sidecar.apphealth.prober import AppHealth

_KUBELET: Final = re.compile(r"kube-probe/[!-~]{1,64}")
_OUR_AGENT: Final = "kube-probe/equilibrium"


class Page:
    """An aiohttp handler; `match_info` has `container` and `which`."""

    def __init__(self, health: AppHealth) -> None:
        self._health = health

    async def answer(self, request: Request) -> StreamResponse:
        """404 where the pod has no such probe."""
        name = f"{request.match_info['container']}/{request.match_info['which']}"
        agent = request.headers.get("User-Agent", "")
        asks = agent if _KUBELET.fullmatch(agent) else _OUR_AGENT
        verdict = await self._health.ask(name, _local_ip(request), asks)
        if verdict is None:
            return Response(text=f"no such probe; there are: {self._health.names}\n", status=404)
        return Response(text=f"{verdict.said}\n", status=200 if verdict.ok else 503)


def _local_ip(request: Request) -> str:
    """The address the client connected to: of a pod's addresses the one the kubelet knows it by."""
    return str((request.get_extra_info("sockname") or ("127.0.0.1",))[0])
