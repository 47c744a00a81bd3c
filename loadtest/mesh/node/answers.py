"""What the back end says when it says no, in the real server's words (shared/kubernetes/transcripts)."""

from collections.abc import Sequence
from typing import Any

Object = dict[str, Any]
Cause = tuple[str, str, str]
"""Reason, field (empty: none), message."""

MODIFIED = "the object has been modified; please apply your changes to the latest version and try again"


class Refused(Exception):
    """An answer that is not 2xx: its status and its `Status` object."""

    def __init__(self, code: int, reason: str, message: str, details: Object | None = None) -> None:
        super().__init__(f"{code} {message}")
        self.code = code
        self.body: Object = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": message,
            "reason": reason,
            "details": details or {},
            "code": code,
        }


def details(name: str, resource: str, group: str = "") -> Object:
    """Which object it is about."""
    return {"name": name, **({"group": group} if group else {}), "kind": resource}


def qualified(resource: str, group: str) -> str:
    """`leases.coordination.k8s.io`, `pods`."""
    return f"{resource}.{group}" if group else resource


def not_found(name: str, resource: str, group: str = "") -> Refused:
    """No such object."""
    text = f'{qualified(resource, group)} "{name}" not found'
    return Refused(404, "NotFound", text, details(name, resource, group))


def no_such_resource() -> Refused:
    """No such collection or subresource: nobody is named."""
    return Refused(404, "NotFound", "the server could not find the requested resource")


def conflict(name: str, resource: str, group: str = "") -> Refused:
    """Somebody wrote in between."""
    what = qualified(resource, group)
    text = f'Operation cannot be fulfilled on {what} "{name}": {MODIFIED}'
    return Refused(409, "Conflict", text, details(name, resource, group))


def exists(name: str, resource: str, group: str = "") -> Refused:
    """It is there already."""
    text = f'{qualified(resource, group)} "{name}" already exists'
    return Refused(409, "AlreadyExists", text, details(name, resource, group))


def bad_request(message: str) -> Refused:
    """The body cannot be read."""
    return Refused(400, "BadRequest", message)


def unsupported_media_type() -> Refused:
    """No such patch type."""
    return Refused(415, "UnsupportedMediaType", "415: Unsupported Media Type")


def test_failed() -> Refused:
    """A JSON patch that does not apply: the server says no more than this."""
    return Refused(422, "Invalid", "the server rejected our request due to an error in our request")


def gone(version: int, oldest: int) -> Refused:
    """The history does not reach back so far."""
    return Refused(410, "Expired", f"too old resource version: {version} ({oldest})")


def invalid(name: str, causes: Sequence[Cause]) -> Refused:
    """A pod that validation refuses."""
    told = [f"{field}: {message}" for _, field, message in causes]
    text = told[0] if len(told) == 1 else f"[{', '.join(told)}]"
    listed = [{"reason": reason, "message": message, "field": field} for reason, field, message in causes]
    about = {"name": name, "kind": "Pod", "causes": listed}
    return Refused(422, "Invalid", f'Pod "{name}" is invalid: {text}', about)


def above_node(name: str, shortages: Sequence[str]) -> Refused:
    """Requests that the node could not hold if it were empty (1.36: `PodResizeValidator`)."""
    text = f"node didn't have enough allocatable resources: {'; '.join(shortages)}"
    about = {**details(name, "pods"), "causes": [{"reason": "NodeCapacity"}]}
    return Refused(403, "Forbidden", f'pods "{name}" is forbidden: {text}', about)
