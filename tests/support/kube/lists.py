"""LIST: selectors, versions, and pages that all show the cluster as of the first of them."""

import base64
import json
from collections.abc import Mapping
from typing import Any

from tests.support.kube import selectors
from tests.support.kube.resources import Target
from tests.support.kube.status import INCONSISTENT, Refusal, bad_request, expired, too_new
from tests.support.kube.store import Store

Object = dict[str, Any]
TOKEN = "meta.k8s.io/v1"


def page(store: Store, target: Target, query: Mapping[str, str]) -> Object:
    """The list object a query asks for."""
    version, start = _where(store, query)
    wanted = selected(target, query)
    limit = int(query.get("limit") or 0)
    current = version == store.version
    found = store.all(target.resource, target.namespace, at=None if current else version)
    chosen = [obj for obj in found if _place(obj) >= start and wanted(obj)]
    metadata: Object = {"resourceVersion": str(version)}
    if limit and len(chosen) > limit:
        metadata["continue"] = _token(version, _place(chosen[limit]))
        if not query.get("labelSelector") and not query.get("fieldSelector"):
            metadata["remainingItemCount"] = len(chosen) - limit
        chosen = chosen[:limit]
    items = [{key: obj[key] for key in obj if key not in ("kind", "apiVersion")} for obj in chosen]
    resource = target.resource
    head = {"kind": f"{resource.kind}List", "apiVersion": resource.api_version}
    return head | {"metadata": metadata, "items": items}


def selected(target: Target, query: Mapping[str, str]) -> selectors.Test:
    """Whether an object is among those the query selects."""
    labels = selectors.of_labels(query.get("labelSelector", ""))
    fields = selectors.of_fields(query.get("fieldSelector", ""), target.resource.kind)
    named = target.name
    return lambda obj: (
        (not named or obj["metadata"]["name"] == named) and labels(selectors.labels_of(obj)) and fields(obj)
    )


def version_of(query: Mapping[str, str]) -> int:
    """The resourceVersion asked for; 0 for none."""
    text = query.get("resourceVersion") or "0"
    if not text.isdigit():
        raise Refusal(
            400, "BadRequest", f'Invalid value: "{text}": resource version must be an unsigned integer'
        )
    return int(text)


def _where(store: Store, query: Mapping[str, str]) -> tuple[int, tuple[str, str]]:
    """(version to show, first place to show)."""
    if query.get("continue"):
        return _continued(store, query["continue"])
    asked = version_of(query)
    if asked > store.version:
        raise too_new(asked, store.version)
    if query.get("resourceVersionMatch") == "Exact":
        if asked < store.compacted:
            raise expired(f"The resourceVersion for the provided list is too old: {asked}")
        return asked, ("", "")
    return store.version, ("", "")


def _continued(store: Store, token: str) -> tuple[int, tuple[str, str]]:
    version, start = _read(token)
    if version < 0:  # whoever uses the token of a 410 takes the list as it is now
        return store.version, start
    if version < store.compacted:
        raise expired(INCONSISTENT, _token(-1, start))
    return version, start


def _token(version: int, start: tuple[str, str]) -> str:
    text = json.dumps({"v": TOKEN, "rv": version, "start": "/".join(start)})
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read(token: str) -> tuple[int, tuple[str, str]]:
    bad = "invalid continue token: continue key is not valid: "
    try:
        text = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode()
    except ValueError as error:
        raise bad_request(f"{bad}{error}") from None
    try:
        fields = json.loads(text)
        namespace, _, name = fields["start"].rpartition("/")
        return int(fields["rv"]), (namespace, name)
    except (ValueError, TypeError, KeyError):
        raise bad_request(bad + _complaint(text)) from None


def _complaint(text: str) -> str:
    """As Go's JSON reader complains of the first character that cannot be."""
    for literal in ("null", "true", "false"):
        for index, (wanted, got) in enumerate(zip(literal, text, strict=False)):
            if wanted != got and index > 0:
                return f"invalid character '{got}' in literal {literal} (expecting '{wanted}')"
            if wanted != got:
                break
    return f"invalid character '{text[:1]}' looking for beginning of value"


def _place(obj: Object) -> tuple[str, str]:
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]
