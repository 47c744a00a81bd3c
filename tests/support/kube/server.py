"""The API double: a server over TLS on 127.0.0.1 that speaks as the recorded one does.

    async with ApiServer() as api:
        await api.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}})
        subprocess.run(["kubectl", "--kubeconfig", api.kubeconfig, "get", "configmap", "x"])

What it does not do: server-side apply but of `pods/resize`, and protobuf (415 for both), managedFields but of resizes,
tables, subresources other than `status` and `pods/resize`, quotas and limit ranges but for resizes, TokenReviews of
other tokens than those of `tokens.issue`, and validation beyond the recorded OpenAPI documents, Pod Security and the
checks in `validation`. Of validating webhooks it knows nothing.
"""

import json
import random
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self

from aiohttp import web

from tests.support.kube.access import PUBLIC, Access, Grant, Rule, service_account
from tests.support.kube.cluster import Cluster
from tests.support.kube.documents import document
from tests.support.kube.faults import Faults
from tests.support.kube.handlers import Handlers
from tests.support.kube.matching import User
from tests.support.kube.resources import by_kind
from tests.support.kube.status import Refusal
from tests.support.kube.store import Store
from tests.support.kube.tls import Authority
from tests.support.kube.tokens import Tokens
from tests.support.kube.verbs import Verbs
from tests.support.kube.watches import Watches

NAMESPACES = ("default", "kube-system", "kube-public", "kube-node-lease")
HOST = "127.0.0.1"


class ApiServer(Cluster):
    """The double. `store` is what is in it, `faults` what goes wrong, `services` where webhooks are served:
    `api.services["equilibrium-system", "equilibrium-injector"] = ("127.0.0.1", port)`. `minor`: as which version 1.x it
    resizes pods: before 33 not at all, before 36 whatever the node's size, with 33 no memory limit down."""

    def __init__(self, *, seed: int = 0, minor: int = 36) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="kube-double-")
        super().__init__(Path(self._folder.name))
        self.minor = minor
        self.store = Store()
        self.faults = Faults()
        self.services: dict[tuple[str, str], tuple[str, int]] = {}
        self.access = Access(self.store)
        self.tokens = Tokens(self.store)
        self.watches = Watches(self.store, self.faults)
        self.verbs = Verbs(self.store, self.services, random.Random(seed), minor)
        self.requests: list[tuple[str, str, str]] = []
        self._authority = Authority()
        self._port = 0
        self._site: web.TCPSite | None = None
        self.renew_token()

    @property
    def url(self) -> str:  # type: ignore[override]
        return f"https://{HOST}:{self._port}"

    async def __aenter__(self) -> Self:
        self.ca_file.write_bytes(self._authority.pem)
        self._context = self._authority.server(self.directory, [HOST, "localhost", "kubernetes.default.svc"])
        app = web.Application(client_max_size=8 * 2**20)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._handlers = Handlers(self.store, self.verbs, self.watches, self.tokens, self.minor)
        # a watcher who goes away must not be waited for
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1, access_log=None)
        await self._runner.setup()
        await self._listen()
        for name in NAMESPACES:
            await self.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        self.requests.clear()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._disconnect()
        self._abort()
        await self._runner.cleanup()
        self._folder.cleanup()

    # what a test does to it

    def compact(self) -> None:
        """Forget the past: watches and lists from before get 410."""
        self.store.compact()

    def break_watches(self, *, reset: bool = False) -> None:
        """End all watches, in good order or by a reset in the middle of an event."""
        self.watches.end(reset=reset)

    def stall_watches(self, stalled: bool = True) -> None:
        """From now on watches stay open and say nothing; with False they catch up."""
        self.faults.stalled = stalled
        self.watches.wake()

    @asynccontextmanager
    async def gone(self) -> AsyncIterator[None]:
        """Connections are reset, new ones refused; afterwards it is back at the same address."""
        assert self._site is not None
        site, self._site = self._site, None
        await site.stop()
        self._abort()
        try:
            yield
        finally:
            await self._listen()

    def expire_token(self) -> None:
        """The token is worth nothing from now on: 401, until `renew_token`."""
        self.access.expire(self.token)

    def renew_token(self) -> str:
        """A new token for the administrator, also written to `token_file`."""
        self.token = self.access.issue(Grant(User(), master=True))
        self.token_file.write_text(self.token)
        return self.token

    def allow(
        self,
        rules: Sequence[Rule],
        *,
        user: str = "restricted",
        inside: Mapping[str, Sequence[Rule]] | None = None,
    ) -> str:
        """A token of a user who may only what the rules of ClusterRoles say, and in each namespace of `inside`
        what those of Roles say. 403 for all else."""
        return self.access.issue(Grant(User(user, ("system:authenticated",)), rules, inside or {}))

    def service_account(self, namespace: str, name: str) -> str:
        """A token of a service account, which may what the stored roles and bindings give it."""
        return self.access.issue(Grant(service_account(namespace, name), bound=True))

    # serving

    async def _listen(self) -> None:
        # not reuse_port: two servers at one address would share its connections
        site = web.TCPSite(self._runner, HOST, self._port, ssl_context=self._context)
        await site.start()
        self._site = site
        self._port = self._runner.addresses[0][1]

    def _abort(self) -> None:
        self.watches.end()
        for connection in list(self._runner.server.connections if self._runner.server else ()):
            if connection.transport is not None:
                connection.transport.abort()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        if self._site is None and request.transport is not None:  # connected while it went
            request.transport.abort()
        failing = self.faults.next()
        if failing is not None:
            status, headers, body = failing
            return _answer(status, body, headers)
        try:
            grant = self.access.authenticate(request.headers.get("Authorization", ""))
            self.requests.append((grant.user.name, request.method, request.path_qs))
            if request.path.startswith(PUBLIC) and (found := document(request.path, self.minor)) is not None:
                return _answer(200, found)
            return await self._handlers.serve(request, grant, self.access)
        except Refusal as refusal:
            return _answer(refusal.code, refusal.body if refusal.reason else refusal.message)


def _answer(status: int, body: Any, headers: Mapping[str, str] | None = None) -> web.Response:
    if isinstance(body, str):
        return web.Response(status=status, text=body, headers=headers)
    data = json.dumps(body).encode()
    return web.Response(status=status, body=data, headers=headers, content_type="application/json")


async def namespace(cluster: Cluster, name: str, **labels: str) -> None:
    """Make one."""
    metadata = {"name": name, "labels": labels}
    await cluster.create({"apiVersion": "v1", "kind": by_kind("Namespace").kind, "metadata": metadata})
