"""The levers of a pod, on a port of their own: what is wrong with it, what it has served, and its end.

`PUT /faults` JSON, `DELETE /faults`, `GET /faults`, `GET /stats`, `POST /crash`.
"""

import os
from typing import Any, NoReturn

import orjson
from aiohttp import web

from loadtest.urbanmove import faults, replies
from loadtest.urbanmove.pod import Pod

CRASH_STATUS = 137


def application(pod: Pod) -> web.Application:
    """The control port's aiohttp application."""
    levers = Levers(pod)
    app = web.Application()
    app.add_routes(
        [
            web.get("/faults", levers.show),
            web.put("/faults", levers.replace),
            web.delete("/faults", levers.heal),
            web.get("/stats", levers.stats),
            web.post("/crash", crash),
        ]
    )
    return app


class Levers:
    """Handlers of the control port."""

    def __init__(self, pod: Pod) -> None:
        self._pod = pod

    async def show(self, request: web.Request) -> web.Response:
        """The active fault, or null."""
        return replies.json(self._state())

    async def replace(self, request: web.Request) -> web.Response:
        """Replace the active fault; 400 names the field that cannot be used."""
        try:
            fault = faults.parse(orjson.loads(await request.read()))
        except orjson.JSONDecodeError:
            return replies.json({"error": "the body must be a JSON object"}, 400)
        except faults.BadFault as error:
            return replies.json({"error": str(error)}, 400)
        self._pod.faults.replace(fault)
        return replies.json(self._state())

    async def heal(self, request: web.Request) -> web.Response:
        """No fault any more; requests that hang are answered."""
        self._pod.faults.replace(None)
        return replies.json(self._state())

    async def stats(self, request: web.Request) -> web.Response:
        """Requests since the start, health checks left out."""
        counts = self._pod.requests
        return replies.json({"requests": counts.total(), "by_route": dict(counts)})

    def _state(self) -> dict[str, Any]:
        held = self._pod.faults
        return {
            "pod": self._pod.name,
            "fault": faults.document(held.active) if held.active else None,
            "hanging": held.hanging,
        }


async def crash(request: web.Request) -> NoReturn:
    """End at once, as a SIGKILLed process does: nothing is answered, not even this."""
    os._exit(CRASH_STATUS)
