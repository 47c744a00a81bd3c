"""HTTP to verbs and back: which verb a request is, what its query says, how the answer looks."""

import json
import re
from dataclasses import replace
from typing import Any

import yaml
from aiohttp import web
from multidict import CIMultiDict

from tests.support.kube import lists, resizes
from tests.support.kube.access import Access, Grant
from tests.support.kube.ownership import manager
from tests.support.kube.patches import APPLY
from tests.support.kube.resources import Target, target
from tests.support.kube.status import Refusal, bad_request, invalid, method_not_allowed, no_such_resource
from tests.support.kube.store import Store
from tests.support.kube.tokens import Tokens
from tests.support.kube.verbs import Verbs
from tests.support.kube.watches import Watches

Object = dict[str, Any]

ON_COLLECTION = {"GET": "list", "POST": "create", "DELETE": "deletecollection"}
ON_OBJECT = {"GET": "get", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
SUBRESOURCES = ("status", "resize")
REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
READABLE = ("application/json",)  # not protobuf, which `kubectl create configmap` and the like send
UNREADABLE = "the body of the request was in an unknown format - accepted media types include:"


class Handlers:
    """One request after the other; refusals are raised, not answered."""

    def __init__(self, store: Store, verbs: Verbs, watches: Watches, tokens: Tokens, minor: int = 36):
        self._minor = minor
        self._tokens = tokens
        self._store = store
        self._verbs = verbs
        self._watches = watches

    async def serve(self, request: web.Request, grant: Grant, access: Access) -> web.StreamResponse:
        """The answer to a request about a resource."""
        if (request.method, request.path) == ("POST", REVIEWS):
            return _reply(201, access.reviewed(grant, await _body(request, "create")), [])
        wanted = target(request.path)
        verb = _verb(request, wanted)
        access.authorize(grant, verb, _asked_about(verb, wanted, request.query.get("fieldSelector", "")))
        if wanted.resource.kind == "TokenReview":  # asked, never kept
            if verb != "create":
                raise method_not_allowed()
            return _reply(201, self._tokens.reviewed(await _body(request, verb) or {}), [])
        if wanted.subresource and not self._has(wanted):
            raise no_such_resource()
        if verb == "watch":
            return await self._watches.serve(request, wanted)
        warnings: list[str] = []
        try:
            body = await self._do(verb, wanted, request, grant, warnings.append)
        except Refusal as refusal:
            # a refusal without a reason is a denial of a webhook, and has a body like any other
            return _reply(refusal.code, refusal.body, warnings)
        return _reply(201 if verb == "create" else 200, body, warnings)

    def _has(self, wanted: Target) -> bool:
        """Of the subresources, those understood here, and resize of pods only where the server is new enough."""
        if wanted.subresource == "resize":
            return wanted.resource.kind == "Pod" and self._minor >= resizes.FIRST
        return wanted.subresource in SUBRESOURCES

    async def _do(self, verb: str, wanted: Target, request: web.Request, grant: Grant, warn: Any) -> Object:
        if verb == "list":
            return lists.page(self._store, wanted, request.query)
        if verb == "get":
            return self._verbs.get(wanted)
        body = await _body(request, verb)
        dry_run = _dry_run(wanted, verb, request.query)
        fields = request.query.get("fieldValidation") or "Warn"
        who = _manager(request)
        if verb == "create":
            return await self._verbs.create(wanted, body, grant.user, warn, dry_run=dry_run, fields=fields)
        if verb == "update":
            return await self._verbs.update(
                wanted, body, grant.user, warn, dry_run=dry_run, fields=fields, manager=who
            )
        if verb == "patch":
            return await self._patch(wanted, request, body, grant, warn, dry_run=dry_run, fields=fields)
        if verb == "delete":
            return await self._verbs.delete(wanted, body or {}, grant.user, warn, dry_run=dry_run)
        return await self._delete_all(wanted, request, grant, warn, dry_run=dry_run)

    async def _patch(
        self, wanted: Target, request: web.Request, body: Any, grant: Grant, warn: Any, **how: Any
    ) -> Object:
        kind, who = request.content_type, _manager(request)
        if kind != APPLY:
            return await self._verbs.patch(wanted, kind, body, grant.user, warn, **how, manager=who)
        if not request.query.get("fieldManager"):
            why = "Required value: is required for apply patch"
            raise invalid(wanted.resource, wanted.name, [("FieldValueRequired", why, "fieldManager")])
        force = request.query.get("force") == "true"
        return await self._verbs.apply(wanted, body, grant.user, warn, **how, manager=who, force=force)

    async def _delete_all(
        self, wanted: Target, request: web.Request, grant: Grant, warn: Any, *, dry_run: bool
    ) -> Object:
        page = lists.page(self._store, wanted, request.query)
        for item in page["items"]:
            metadata = item["metadata"]
            one = Target(wanted.resource, metadata.get("namespace", ""), metadata["name"])
            await self._verbs.delete(one, {}, grant.user, warn, dry_run=dry_run)
        return page


def _manager(request: web.Request) -> str:
    return manager(request.query.get("fieldManager", ""), request.headers.get("User-Agent", ""))


def _asked_about(verb: str, wanted: Target, fields: str) -> Target:
    """A list or watch of one name is about that name: rules with resourceNames allow it."""
    exact = re.fullmatch(r"metadata\.name==?([^,=]+)", fields)
    if exact is None or verb not in ("list", "watch", "deletecollection"):
        return wanted
    return replace(wanted, name=exact[1])


def _verb(request: web.Request, wanted: Target) -> str:
    if request.method == "GET" and request.query.get("watch") in ("1", "true"):
        return "watch"
    verb = (ON_OBJECT if wanted.name else ON_COLLECTION).get(request.method)
    if verb is None or (verb == "create" and wanted.resource.namespaced and not wanted.namespace):
        raise method_not_allowed()
    return verb


async def _body(request: web.Request, verb: str) -> Any:
    data = await request.read()
    if verb in ("create", "update") and request.content_type not in READABLE:
        raise Refusal(415, "UnsupportedMediaType", f"{UNREADABLE} {', '.join(READABLE)}", {})
    if not data:
        return None
    try:
        return yaml.safe_load(data) if request.content_type == APPLY else json.loads(data)
    except (ValueError, yaml.YAMLError) as error:
        raise bad_request(f"couldn't get the body: {error}") from None


def _dry_run(wanted: Target, verb: str, query: Any) -> bool:
    asked = query.getall("dryRun", [])
    if asked not in ([], ["All"]):
        why = f'Unsupported value: "{asked[0]}": supported values: "All"'
        raise invalid(wanted.resource, wanted.name, [("FieldValueNotSupported", why, "dryRun")])
    return bool(asked)


def _reply(status: int, body: Object, warnings: list[str]) -> web.Response:
    headers: CIMultiDict[str] = CIMultiDict()
    for warning in dict.fromkeys(warnings):
        escaped = warning.replace("\\", "\\\\").replace('"', '\\"')
        headers.add("Warning", f'299 - "{escaped}"')
    data = json.dumps(body).encode()
    return web.Response(status=status, body=data, headers=headers, content_type="application/json")
