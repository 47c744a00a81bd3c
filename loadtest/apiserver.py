"""As much of an API server as an injector under load needs: a Secret, a webhook configuration, Events taken.

Plain HTTP on loopback, and quick, since what is measured is the injector. Whether an injector gets on with a real
API server is a question for the tests, which have a far better double.
"""

import asyncio
import base64
from typing import Any, Final

import orjson
from aiohttp import web

Json = dict[str, Any]

SERVICE: Final = ("equilibrium-system", "equilibrium-injector")
_SECRETS: Final = "/api/v1/namespaces/{namespace}/secrets"
_WEBHOOKS: Final = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"


class ApiServer:
    """Start it in the event loop that will also send the load."""

    def __init__(self) -> None:
        namespace, name = SERVICE
        self.events = 0
        self._secret: Json | None = None
        self._configuration: Json = {
            "metadata": {"name": name, "resourceVersion": "1"},
            "webhooks": [
                {"name": "pods", "clientConfig": {"service": {"namespace": namespace, "name": name}}}
            ],
        }
        app = web.Application()
        app.add_routes(
            [
                web.get(_SECRETS, self._list_secrets),
                web.post(_SECRETS, self._put_secret),
                web.get(f"{_SECRETS}/{{name}}", self._get_secret),
                web.put(f"{_SECRETS}/{{name}}", self._put_secret),
                web.get(_WEBHOOKS, self._list_webhooks),
                web.get(f"{_WEBHOOKS}/{{name}}", self._get_webhook),
                web.patch(f"{_WEBHOOKS}/{{name}}", self._patch_webhook),
                web.post("/api/v1/namespaces/{namespace}/events", self._take_event),
                web.patch("/api/v1/namespaces/{namespace}/events/{name}", self._take_event),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)

    async def start(self) -> str:
        """Its URL."""
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0][:2]
        return f"http://{host}:{port}"

    async def stop(self) -> None:
        """Close everything."""
        await self._runner.cleanup()

    @property
    def authority(self) -> bytes:
        """What it was told to trust, PEM; empty before."""
        config = self._configuration["webhooks"][0]["clientConfig"]
        return base64.b64decode(config.get("caBundle", ""))

    async def _list_secrets(self, request: web.Request) -> web.StreamResponse:
        return await self._listed(request, [self._secret] if self._secret else [])

    async def _list_webhooks(self, request: web.Request) -> web.StreamResponse:
        return await self._listed(request, [self._configuration])

    async def _listed(self, request: web.Request, items: list[Json]) -> web.StreamResponse:
        if "watch" not in request.query:
            return _json({"items": items, "metadata": {"resourceVersion": "1"}})
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        await asyncio.Event().wait()  # nothing ever happens here; ends when the watcher goes
        return response

    async def _get_secret(self, request: web.Request) -> web.StreamResponse:
        if self._secret is None:
            return _json({"kind": "Status", "code": 404, "reason": "NotFound"}, 404)
        return _json(self._secret)

    async def _put_secret(self, request: web.Request) -> web.StreamResponse:
        self._secret = orjson.loads(await request.read())
        return _json(self._secret or {}, 201)

    async def _get_webhook(self, request: web.Request) -> web.StreamResponse:
        return _json(self._configuration)

    async def _patch_webhook(self, request: web.Request) -> web.StreamResponse:
        for operation in orjson.loads(await request.read()):
            if operation["op"] == "add":
                self._configuration["webhooks"][0]["clientConfig"]["caBundle"] = operation["value"]
        return _json(self._configuration)

    async def _take_event(self, request: web.Request) -> web.StreamResponse:
        self.events += 1
        return _json(orjson.loads(await request.read()), 201)


def _json(value: Json, status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(value), status=status, content_type="application/json")
