"""The API over HTTP: what a coordinator, `equilibrium-resize` and `curl` ask of it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

import orjson
from aiohttp import web

from loadtest.mesh.node import answers, discovery, exposition, objects, paths, verbs
from loadtest.mesh.node.answers import Object, Refused
from loadtest.mesh.node.kubelet import Kubelet
from loadtest.mesh.node.paths import Named
from loadtest.mesh.node.store import Event, Store

BOOKMARK_S: Final = 5.0
"""The real one sends them about once a minute; people who play wait for nothing."""
LONGEST_S: Final = 300.0
REVIEWS: Final = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Server:
    """The handlers, over one store."""

    def __init__(self, store: Store, kubelet: Kubelet) -> None:
        self._store = store
        self._kubelet = kubelet

    def application(self) -> web.Application:
        """The aiohttp application."""
        app = web.Application(middlewares=[_refusals])
        for path in ("/readyz", "/livez", "/healthz"):
            app.router.add_get(path, _ok)
        app.router.add_get("/metrics/cadvisor", self._cadvisor)
        app.router.add_post(REVIEWS, _review)
        for path, document in discovery.documents().items():
            app.router.add_get(path, _document(document))
        app.router.add_route("*", "/{path:.*}", self._object)
        return app

    async def _cadvisor(self, request: web.Request) -> web.Response:
        return web.Response(text=exposition.text(self._store, self._kubelet.enclosures))

    async def _object(self, request: web.Request) -> web.StreamResponse:
        named = paths.parse(request.path)
        if request.method == "GET" and not named.name:
            if request.query.get("watch") in ("1", "true"):
                return await self._watch(request, named)
            return _json(self._list(request, named))
        return _json(await self._one(request, named), 201 if request.method == "POST" else 200)

    def _list(self, request: web.Request, named: Named) -> Object:
        what = named.collection
        found = self._store.all(what, named.namespace)
        items = [each for each in found if paths.selected(each, request.query)]
        meta = {"resourceVersion": str(self._store.version)}
        return {
            "kind": f"{what.kind}List",
            "apiVersion": what.api_version,
            "metadata": meta,
            "items": items,
        }

    async def _one(self, request: web.Request, named: Named) -> Object:
        if named.subresource and (named.collection, named.subresource) != (objects.PODS, "resize"):
            raise answers.no_such_resource()
        match request.method:
            case "GET":
                return self._store.get(named.collection, named.namespace, named.name)
            case "DELETE" if not named.subresource:
                return self._store.delete(named.collection, named.namespace, named.name)
            case "POST" if not named.name:
                return verbs.create(self._store, named, await _body(request))
            case "PUT" if not named.subresource:
                return verbs.update(self._store, named, await _body(request))
            case "PATCH" if named.subresource:
                return await self._resize(request, named)
            case "PATCH":
                body = await _body(request)
                return verbs.patch(self._store, named, request.headers.get("Content-Type", ""), body)
        raise Refused(
            405, "MethodNotAllowed", "the server does not allow this method on the requested resource"
        )

    async def _resize(self, request: web.Request, named: Named) -> Object:
        agent = request.headers.get("User-Agent", "unknown").partition("/")[0]
        return verbs.resize(
            self._store,
            named,
            request.headers.get("Content-Type", ""),
            await _body(request),
            self._kubelet.allocatable,
            request.query.get("fieldManager") or agent,
            dry_run=request.query.get("dryRun") == "All",
        )

    # -- watching

    async def _watch(self, request: web.Request, named: Named) -> web.StreamResponse:
        query = request.query
        heard: asyncio.Queue[Event] = asyncio.Queue()
        since = query.get("resourceVersion", "")
        if since not in ("", "0") and not since.isdigit():
            raise answers.bad_request(f"resourceVersion: Invalid value: {since!r}")
        for event in self._begin(named, since):
            heard.put_nowait(event)
        self._store.listeners.append(heard.put_nowait)
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        try:
            await response.prepare(request)
            longest_s = min(float(query.get("timeoutSeconds", LONGEST_S)), LONGEST_S)
            async with asyncio.timeout(longest_s):
                await self._pump(response, heard, named, query)
        except (TimeoutError, ConnectionError):
            pass  # its time is over, or the client has gone
        finally:
            self._store.listeners.remove(heard.put_nowait)
        return response

    def _begin(self, named: Named, since: str) -> list[Event]:
        """What a watch hears first."""
        if since in ("", "0"):
            found = self._store.all(named.collection, named.namespace)
            return [Event(self._store.version, "ADDED", named.collection, each) for each in found]
        return self._store.since(int(since))

    async def _pump(
        self, response: web.StreamResponse, heard: asyncio.Queue[Event], named: Named, query: Any
    ) -> None:
        bookmarks = query.get("allowWatchBookmarks") in ("1", "true")
        shown: set[str] = set()
        while True:
            try:
                async with asyncio.timeout(BOOKMARK_S):
                    event = await heard.get()
            except TimeoutError:
                if bookmarks:
                    await _write(response, "BOOKMARK", self._bookmark(named))
                continue
            if _concerns(event, named) and (kind := _kind(event, query, shown)):
                await _write(response, kind, event.found)

    def _bookmark(self, named: Named) -> Object:
        what = named.collection
        meta = {"resourceVersion": str(self._store.version)}
        return {"kind": what.kind, "apiVersion": what.api_version, "metadata": meta}


def _concerns(event: Event, named: Named) -> bool:
    meta = event.found["metadata"]
    return (
        event.collection == named.collection
        and named.namespace in ("", meta.get("namespace", ""))
        and named.name in ("", meta["name"])
    )


def _kind(event: Event, query: Any, shown: set[str]) -> str | None:
    """How this watch sees it: what no longer matches its selectors is deleted, what begins to is added."""
    uid = event.found["metadata"].get("uid", "")
    if not paths.selected(event.found, query):
        known = uid in shown
        shown.discard(uid)
        return "DELETED" if known else None
    shown.add(uid)
    return event.kind


async def _write(response: web.StreamResponse, kind: str, found: Object) -> None:
    await response.write(orjson.dumps({"type": kind, "object": found}) + b"\n")


async def _body(request: web.Request) -> Any:
    try:
        return orjson.loads(await request.read())
    except orjson.JSONDecodeError as error:
        raise answers.bad_request(f"the body is not JSON: {error}") from None


def _json(found: Object, status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(found), content_type="application/json", status=status)


async def _ok(request: web.Request) -> web.Response:
    return web.Response(text="ok")


async def _review(request: web.Request) -> web.Response:
    """Everybody may do everything: this is somebody's own machine, and the listener is on loopback."""
    asked = await _body(request)
    return _json({**asked, "status": {"allowed": True, "reason": "a local node allows everything"}}, 201)


def _document(document: Object) -> Handler:
    async def answer(request: web.Request) -> web.StreamResponse:
        return _json(document)

    return answer


@web.middleware
async def _refusals(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except Refused as refused:
        return _json(refused.body, refused.code)
