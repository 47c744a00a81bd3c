"""The body of a write as an object of the resource it is for."""

import copy
from collections.abc import Callable
from typing import Any

from tests.support.kube.resources import Resource
from tests.support.kube.schema import place, unknown_fields, unreadable
from tests.support.kube.status import Refusal, bad_request

Object = dict[str, Any]
Warn = Callable[[str], None]


def decoded(resource: Resource, body: Any, warn: Warn, fields: str) -> Object:
    """A copy with kind, apiVersion and metadata.

    Fields the server does not know are dropped, and as `fields` (fieldValidation) says: refused with "Strict",
    warned of with "Warn", else not mentioned.
    """
    if not isinstance(body, dict) or not isinstance(body.get("metadata") or {}, dict):
        raise bad_request("the body is no object")
    obj: Object = copy.deepcopy(body)
    obj["metadata"] = obj.get("metadata") or {}
    given = (obj.setdefault("apiVersion", resource.api_version), obj.setdefault("kind", resource.kind))
    if given != (resource.api_version, resource.kind):
        wanted = f"{resource.api_version}, Kind={resource.kind}"
        raise bad_request(
            f"the object provided is unrecognized: {given[0]}, Kind={given[1]}, expected {wanted}"
        )
    if complaint := complaint_of(resource, obj):
        raise bad_request(f"{_handled(resource)}: {complaint}")
    unknown = [f'unknown field "{field}"' for field in unknown_fields(obj, place(resource))]
    if unknown and fields == "Strict":
        raise _strict(resource, unknown)
    for text in unknown if fields == "Warn" else ():
        warn(text)
    return obj


def complaint_of(resource: Resource, obj: Any) -> str:
    """What cannot be read of it, or nothing."""
    return next(unreadable(obj, place(resource), resource.kind), "")


def unreadable_patch(patch: Any, complaint: str) -> Refusal:
    """What a patch makes of an object cannot be read."""
    message = f'Invalid value: "{_go(patch)}": {complaint}'
    details = {"causes": [{"reason": "FieldValueInvalid", "message": message, "field": "patch"}]}
    return Refusal(422, "Invalid", f' "" is invalid: patch: {message}', details)


def _go(value: Any) -> str:
    """As Go prints it."""
    if isinstance(value, dict):
        return f"map[{' '.join(f'{key}:{_go(value[key])}' for key in sorted(value))}]"
    if isinstance(value, list):
        return f"[{' '.join(map(_go, value))}]"
    if isinstance(value, bool):
        return str(value).lower()
    return "<nil>" if value is None else str(value)


def _strict(resource: Resource, unknown: list[str]) -> Refusal:
    return bad_request(f"{_handled(resource)}: strict decoding error: {', '.join(unknown)}")


def _handled(resource: Resource) -> str:
    return f'{resource.kind} in version "{resource.version}" cannot be handled as a {resource.kind}'
