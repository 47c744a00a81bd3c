"""What the server says when it refuses: Status objects, word for word as the recorded server writes them.

A `Refusal` carries the HTTP status and the body; the functions below make the ones the server knows, named
after the constructors of `k8s.io/apimachinery/pkg/api/errors`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

Cause = tuple[str, str, str]
"""(reason, message, field) of one mistake: ("FieldValueRequired", "Required value", "spec.x")."""

MODIFIED = "the object has been modified; please apply your changes to the latest version and try again"
INCONSISTENT = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new list "
    "without the continue parameter, or use the continue token in this response to retrieve the remainder of "
    "the results. Continuing with the provided token results in an inconsistent list - objects that were "
    "created, modified, or deleted between the time the first chunk was returned and now may show up in the "
    "list."
)


class Refusal(Exception):
    """An answer that is no object: HTTP status, and the Status body in `body`."""

    def __init__(
        self,
        code: int,
        reason: str,
        message: str,
        details: Mapping[str, Any] | None = None,
        *,
        metadata: Mapping[str, Any] | None = None,
    ):
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.body: dict[str, Any] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": dict(metadata or {}),
            "status": "Failure",
            "message": message,
        }
        if reason:
            self.body["reason"] = reason
        if details is not None:
            self.body["details"] = dict(details)
        self.body["code"] = code


def named(resource: Any, name: str = "") -> dict[str, Any]:
    """The details of a refusal about one object of a resource."""
    details = {"name": name, "group": resource.group, "kind": resource.plural}
    return {key: value for key, value in details.items() if value}


def not_found(resource: Any, name: str) -> Refusal:
    return Refusal(404, "NotFound", f'{resource.qualified} "{name}" not found', named(resource, name))


def already_exists(resource: Any, name: str) -> Refusal:
    message = f'{resource.qualified} "{name}" already exists'
    return Refusal(409, "AlreadyExists", message, named(resource, name))


def conflict(resource: Any, name: str, why: str = MODIFIED) -> Refusal:
    message = f'Operation cannot be fulfilled on {resource.qualified} "{name}": {why}'
    return Refusal(409, "Conflict", message, named(resource, name))


def forbidden(resource: Any, name: str, why: str) -> Refusal:
    subject = f'{resource.qualified} "{name}"' if name else resource.qualified
    return Refusal(403, "Forbidden", f"{subject} is forbidden: {why}", named(resource, name))


def invalid(resource: Any, name: str, causes: Sequence[Cause]) -> Refusal:
    """422 with every mistake; several are listed in brackets, as `field.ErrorList` prints them."""
    texts = [f"{field}: {message}" for _, message, field in causes]
    listed = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    kind = f"{resource.kind}.{resource.group}" if resource.group else resource.kind
    details: dict[str, Any] = {"name": name, "group": resource.group, "kind": resource.kind}
    details = {key: value for key, value in details.items() if value}
    details["causes"] = [
        {"reason": reason, "message": message, "field": field} for reason, message, field in causes
    ]
    return Refusal(422, "Invalid", f'{kind} "{name}" is invalid: {listed}', details)


def bad_request(message: str) -> Refusal:
    return Refusal(400, "BadRequest", message)


def unauthorized() -> Refusal:
    return Refusal(401, "Unauthorized", "Unauthorized")


def internal(message: str) -> Refusal:
    text = f"Internal error occurred: {message}"
    return Refusal(500, "InternalError", text, {"causes": [{"message": message}]})


def unprocessable() -> Refusal:
    """A JSON patch that does not apply, its `test` included: nothing says which."""
    text = "the server rejected our request due to an error in our request"
    return Refusal(422, "Invalid", text, {})


def unsupported_media_type() -> Refusal:
    return Refusal(415, "UnsupportedMediaType", "415: Unsupported Media Type", {})


def no_such_resource() -> Refusal:
    return Refusal(404, "NotFound", "the server could not find the requested resource", {})


def method_not_allowed() -> Refusal:
    text = "the server does not allow this method on the requested resource"
    return Refusal(405, "MethodNotAllowed", text, {})


def expired(message: str, continue_token: str = "") -> Refusal:
    metadata = {"continue": continue_token} if continue_token else {}
    return Refusal(410, "Expired", message, metadata=metadata)


def too_old(asked: int, oldest: int) -> Refusal:
    """A watch from before what the server remembers."""
    return expired(f"too old resource version: {asked} ({oldest})")


def too_new(asked: int, current: int) -> Refusal:
    """A list at a version that is still to come."""
    cause = {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
    message = f"Timeout: Too large resource version: {asked}, current: {current}"
    return Refusal(504, "Timeout", message, {"causes": [cause], "retryAfterSeconds": 1})
