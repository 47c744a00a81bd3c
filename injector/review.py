"""AdmissionReview v1: bytes from the API server into a `Request`, and the answer back into bytes.

What the server insists on (k8s.io/apiserver, webhook/request/admissionreview.go): the uid comes back unchanged, `patch`
and `patchType` come together or not at all, and a denial's code below 400 would be read as 400.
"""

import base64
from dataclasses import dataclass
from typing import Any, Final

import orjson

from sidecar.errors import EquilibriumError
from sidecar.kube.notes import shorten

API_VERSION: Final = "admission.k8s.io/v1"
LONGEST_WARNING: Final = 256
"""Beyond that the API server may cut a warning, or drop those after it."""

Json = dict[str, Any]


class Malformed(EquilibriumError):
    """Not an AdmissionReview v1 that could be answered."""


@dataclass(frozen=True, slots=True)
class Request:
    """What the server asks about."""

    uid: str
    group: str
    version: str
    kind: str
    subresource: str
    name: str
    """Empty while a name is still to be generated."""
    namespace: str
    operation: str
    dry_run: bool
    object: Json | None
    old: Json | None


def parse(body: bytes) -> Request:
    """Raise Malformed. The namespace is the request's: the object's own may be empty."""
    try:
        review = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Malformed(f"not JSON: {error}") from None
    if not isinstance(review, dict) or review.get("kind") != "AdmissionReview":
        raise Malformed("not an AdmissionReview")
    if review.get("apiVersion") != API_VERSION:
        raise Malformed(f"apiVersion {str(review.get('apiVersion'))[:80]!r}; allowed: {API_VERSION}")
    request = review.get("request")
    if not isinstance(request, dict) or not _text(request, "uid"):
        raise Malformed("no request with a uid")
    return _request(request)


def _request(request: Json) -> Request:
    kind = _mapping(request, "kind") or {}
    return Request(
        uid=_text(request, "uid"),
        group=_text(kind, "group"),
        version=_text(kind, "version"),
        kind=_text(kind, "kind"),
        subresource=_text(request, "subResource"),
        name=_text(request, "name"),
        namespace=_text(request, "namespace"),
        operation=_text(request, "operation"),
        dry_run=request.get("dryRun") is True,
        object=_mapping(request, "object"),
        old=_mapping(request, "oldObject"),
    )


def _text(holder: Json, key: str) -> str:
    value = holder.get(key)
    return value if isinstance(value, str) else ""


def _mapping(holder: Json, key: str) -> Json | None:
    value = holder.get(key)
    return value if isinstance(value, dict) else None


def allow(uid: str, patch: list[Json], warnings: tuple[str, ...] = ()) -> bytes:
    """With `patch` (RFC 6902) unless it is empty."""
    response: Json = {"uid": uid, "allowed": True}
    if patch:
        encoded = base64.b64encode(orjson.dumps(patch)).decode()
        response |= {"patchType": "JSONPatch", "patch": encoded}
    return _review(response, warnings)


def deny(uid: str, message: str, warnings: tuple[str, ...] = ()) -> bytes:
    """With a message that whoever made the request will read."""
    status = {"status": "Failure", "message": message, "reason": "BadRequest", "code": 400}
    return _review({"uid": uid, "allowed": False, "status": status}, warnings)


def _review(response: Json, warnings: tuple[str, ...]) -> bytes:
    if warnings:
        # one line each: they travel in HTTP headers
        lines = (" ".join(f"equilibrium: {text}".split()) for text in dict.fromkeys(warnings))
        response["warnings"] = [shorten(line, LONGEST_WARNING) for line in lines]
    return orjson.dumps({"apiVersion": API_VERSION, "kind": "AdmissionReview", "response": response})
