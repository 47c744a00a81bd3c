"""A webhook that answers what a test wants, over TLS, and remembers what it was asked."""

import base64
import json
import tempfile
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from aiohttp import web

from tests.support.kube.tls import Authority

Object = dict[str, Any]
Answer = Callable[[Object], Any]
"""The `request` of a review → the fields of the `response`; or a whole `web.Response`; or an awaitable of one."""

POD_RULE = {"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it came."""

    path: str
    headers: Mapping[str, str]
    body: Object


def allowed(patch: Iterable[Object] = (), *, warnings: Sequence[str] = ()) -> Object:
    """Response fields: yes, with these operations."""
    response: Object = {"allowed": True}
    operations = list(patch)
    if operations:
        text = base64.b64encode(json.dumps(operations).encode()).decode()
        response |= {"patchType": "JSONPatch", "patch": text}
    return response | ({"warnings": list(warnings)} if warnings else {})


def denied(message: str, code: int = 403) -> Object:
    """Response fields: no."""
    return {"allowed": False, "status": {"code": code, "message": message}}


class Hook:
    """`async with Hook(answer) as hook`; `hook.asked` is what came, `hook.configuration(…)` what to create."""

    def __init__(self, answer: Answer, *, names: Sequence[str] = ("127.0.0.1",), days: float = 1.0):
        self.answer = answer
        self.asked: list[Asked] = []
        self.port = 0
        self.authority = Authority("webhook-ca")
        self._names = names
        self._days = days

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=8 * 2**20)
        app.router.add_post("/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
        await self._runner.setup()
        with tempfile.TemporaryDirectory() as folder:
            context = self.authority.server(Path(folder), self._names, days=self._days)
        await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=context).start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def stop(self) -> None:
        """Nobody listens there any more."""
        await self._runner.cleanup()

    @property
    def requests(self) -> list[Object]:
        """The `request` of every review."""
        return [each.body["request"] for each in self.asked]

    @property
    def ca_bundle(self) -> str:
        return base64.b64encode(self.authority.pem).decode()

    def configuration(self, name: str = "eq", *rules: Object, **fields: Any) -> Object:
        """A MutatingWebhookConfiguration with one webhook that comes here."""
        webhook = {
            "name": "inject.equilibrium.io",
            "clientConfig": {"url": f"https://127.0.0.1:{self.port}/mutate", "caBundle": self.ca_bundle},
            "rules": list(rules or [POD_RULE]),
            "admissionReviewVersions": ["v1"],
            "sideEffects": "None",
            "timeoutSeconds": 5,
        }
        head = {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration"}
        return head | {"metadata": {"name": name}, "webhooks": [webhook | fields]}

    async def _handle(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.asked.append(Asked(request.path_qs, request.headers, body))
        said = self.answer(body["request"])
        if isinstance(said, Awaitable):
            said = await said
        if isinstance(said, web.Response):
            return said
        response = {"uid": body["request"]["uid"]} | said
        review = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}
        return web.json_response(review)
