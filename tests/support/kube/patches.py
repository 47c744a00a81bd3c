"""The patch types of the server: JSON patch, merge patch, and strategic merge patch by the recorded schema."""

import copy
from collections.abc import Callable
from typing import Any

import jsonpatch
import jsonpointer

from tests.support.kube.schema import Place
from tests.support.kube.status import bad_request, unprocessable, unsupported_media_type

Object = dict[str, Any]

JSON = "application/json-patch+json"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"


class PatchError(Exception):
    """A JSON patch does not apply; the message is worded as the server's library words it."""


def apply(content_type: str, current: Object, patch: Any, root: Place) -> Object:
    """The object after the patch. 415 for another type, 422 for a JSON patch that does not apply."""
    if content_type == JSON:
        try:
            return json_patch(current, patch)
        except PatchError:
            raise unprocessable() from None
    if content_type not in (MERGE, STRATEGIC):
        raise unsupported_media_type()
    if not isinstance(patch, dict):
        raise bad_request("json: cannot unmarshal the patch into Go value of type map[string]interface {}")
    return merge_patch(current, patch) if content_type == MERGE else strategic(current, patch, root)


def json_patch(current: Object, operations: Any) -> Object:
    """RFC 6902, one operation after the other, so that the error can name the one that failed."""
    if not isinstance(operations, list):
        raise bad_request(
            "json: cannot unmarshal object into Go value of type jsonpatch.Patch: a list is expected"
        )
    result = copy.deepcopy(current)
    for operation in operations:
        try:
            result = jsonpatch.JsonPatch([operation]).apply(result)
        except (jsonpatch.JsonPatchException, jsonpointer.JsonPointerException) as error:
            raise PatchError(_worded(operation, result)) from error
    return result


def _worded(operation: Any, doc: Object) -> str:
    op, path = operation.get("op", ""), operation.get("path", "")
    parent, _, key = path.rpartition("/")
    if not _exists(doc, parent):
        quoted = path if op == "replace" else f'"{path}"'
        return f"{op} operation does not apply: doc is missing path: {quoted}: missing value"
    match op:
        case "replace":
            return f"replace operation does not apply: doc is missing key: {path}: missing value"
        case "remove":
            return (
                f"error in remove for path: '{path}': unable to remove nonexistent key: {key}: missing value"
            )
        case "test":
            return f"testing value {path} failed: test failed"
    return f"error in {op} for path: '{path}'"


def _exists(doc: Object, path: str) -> bool:
    try:
        jsonpointer.resolve_pointer(doc, path)
    except jsonpointer.JsonPointerException:
        return False
    return True


def merge_patch(current: Any, patch: Any) -> Any:
    """RFC 7386: null deletes, objects merge, all else (lists too) replaces."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    result = dict(current) if isinstance(current, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merge_patch(result.get(name), value)
    return result


def strategic(current: Object, patch: Object, where: Place) -> Object:
    """As a merge patch, but lists with a merge key merge item by item; `$patch`, `$retainKeys` and
    `$setElementOrder/…` direct it (`k8s.io/apimachinery/pkg/util/strategicpatch`)."""
    directive = patch.get("$patch", "merge")
    fields = {name: value for name, value in patch.items() if not name.startswith("$")}
    if directive == "replace":
        return copy.deepcopy(fields)
    if directive == "delete":
        return {}
    if directive != "merge":
        raise bad_request(f"unknown patch type: {directive}")
    result = dict(current)
    for name, value in fields.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, dict):
            result[name] = strategic(_object(result.get(name)), value, where.field(name))
        elif isinstance(value, list) and where.merges(name)[0]:
            order = patch.get(f"$setElementOrder/{name}")
            result[name] = _merged(result.get(name) or [], value, where, name, order)
        else:
            result[name] = copy.deepcopy(value)
    for directed in patch:  # an order or a deletion may come without items
        _direct(directed, patch, result, where)
    return result


def _direct(directed: str, patch: Object, result: Object, where: Place) -> None:
    kind, _, name = directed.partition("/")
    if kind == "$setElementOrder" and name not in patch and name in result:
        result[name] = _merged(result[name], [], where, name, patch[directed])
    elif kind == "$deleteFromPrimitiveList":
        result[name] = [item for item in result.get(name, []) if item not in patch[directed]]
    elif kind == "$retainKeys":
        for gone in result.keys() - set(patch[directed]):
            del result[gone]


def _merged(
    current: list[Any], patch: list[Any], where: Place, name: str, order: list[Any] | None
) -> list[Any]:
    """The list after the patch, in the server's order: what was patched, in the patch's order, among what was
    not, each kind in its own order."""
    key = where.merges(name)[1]
    identity = _identity(key)
    if any(isinstance(item, dict) and item.get("$patch") == "replace" for item in patch):
        return [item for item in copy.deepcopy(patch) if item.get("$patch") != "replace"]
    gone = [identity(item) for item in patch if isinstance(item, dict) and item.get("$patch") == "delete"]
    before = [item for item in current if identity(item) not in gone]
    known = {identity(item): item for item in before}
    touched: dict[Any, Any] = {}
    for item in patch:
        if identity(item) not in gone:
            old = _object(known.get(identity(item)))
            touched[identity(item)] = strategic(old, item, where.field(name).items) if key else item
    wanted = [identity(item) for item in order] if order is not None else list(touched)
    listed = [touched.get(each, known.get(each)) for each in wanted if each in touched or each in known]
    rest = [item for item in before if identity(item) not in wanted]
    return _interleaved(rest, listed, [identity(item) for item in current], identity)


def _identity(key: str) -> Callable[[Any], Any]:
    return lambda item: item.get(key) if key and isinstance(item, dict) else item


def _interleaved(
    rest: list[Any], listed: list[Any], live: list[Any], identity: Callable[[Any], Any]
) -> list[Any]:
    """`mergeSortedSlice`: both orders kept; one of `rest` goes before the first that came after it live."""
    result, rest, listed = [], list(rest), list(listed)
    while rest and listed:
        left, right = identity(rest[0]), identity(listed[0])
        first = left in live and right in live and live.index(left) < live.index(right)
        result.append(rest.pop(0) if first else listed.pop(0))
    return result + rest + listed


def _object(value: Any) -> Object:
    return value if isinstance(value, dict) else {}
