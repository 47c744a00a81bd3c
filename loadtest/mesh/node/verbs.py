"""What can be done to objects: create, update, patch, resize, delete. Values in, values out; raises Refused."""

import random
import string
from typing import Any

from loadtest.mesh.node import answers, objects, patching, resizing
from loadtest.mesh.node.answers import Object
from loadtest.mesh.node.paths import Named
from loadtest.mesh.node.store import Store

_LETTERS = string.ascii_lowercase + string.digits


def create(store: Store, named: Named, body: Object) -> Object:
    """POST to a collection."""
    found = dict(body)
    given = dict(found.get("metadata") or {})
    name = given.get("name") or _generated(given.get("generateName", ""))
    if not name:
        raise answers.bad_request("metadata.name or generateName is required")
    what = named.collection
    if (what, named.namespace, name) in store.objects:
        raise answers.exists(name, what.resource, what.group)
    fresh = objects.new(what, name, named.namespace)
    found |= {"kind": what.kind, "apiVersion": what.api_version}
    found["metadata"] = {**given, **fresh["metadata"]}
    return store.put(what, found)


def _generated(prefix: str) -> str:
    return prefix and prefix + "".join(random.choices(_LETTERS, k=5))


def update(store: Store, named: Named, body: Object) -> Object:
    """PUT: a stale resourceVersion is a conflict."""
    before = store.get(named.collection, named.namespace, named.name)
    _same_version(named, before, body)
    return _replace(store, named, before, body)


def patch(store: Store, named: Named, content_type: str, body: Any) -> Object:
    """PATCH of the object itself; a pod's spec stays as it is."""
    before = store.get(named.collection, named.namespace, named.name)
    after = patching.apply(content_type, before, body)
    _same_version(named, before, after)
    if named.collection == objects.PODS and after.get("spec") != before["spec"]:
        text = "Forbidden: pod updates may not change fields other than `spec.containers[*].image`"
        raise answers.invalid(named.name, [("FieldValueForbidden", "spec", text)])
    return _replace(store, named, before, after)


def resize(
    store: Store,
    named: Named,
    content_type: str,
    body: Any,
    allocatable: dict[str, int],
    manager: str,
    *,
    dry_run: bool,
) -> Object:
    """PATCH of `pods/NAME/resize`."""
    before = store.get(objects.PODS, named.namespace, named.name)
    patched = patching.apply(content_type, before, body)
    _same_version(named, before, patched)
    if patched["metadata"].get("uid") != before["metadata"]["uid"]:
        raise answers.conflict(named.name, "pods")
    after = resizing.resized(before, patched, allocatable)
    fields = before["metadata"].get("managedFields") or []
    after["metadata"]["managedFields"] = resizing.owned(fields, before, after, manager, objects.stamp())
    if dry_run or after["spec"] == before["spec"]:
        return after
    return store.put(objects.PODS, after)


def _same_version(named: Named, before: Object, after: Object) -> None:
    asked = (after.get("metadata") or {}).get("resourceVersion")
    if asked and asked != before["metadata"]["resourceVersion"]:
        raise answers.conflict(named.name, named.collection.resource, named.collection.group)


def _replace(store: Store, named: Named, before: Object, after: Object) -> Object:
    kept = {name: before["metadata"][name] for name in ("uid", "creationTimestamp", "generation")}
    found = {**after, "kind": before["kind"], "apiVersion": before["apiVersion"]}
    found["metadata"] = {**(after.get("metadata") or {}), **kept, "name": named.name}
    if named.collection.namespaced:
        found["metadata"]["namespace"] = named.namespace
    if named.collection != objects.PODS and found.get("spec") != before.get("spec"):
        found["metadata"]["generation"] += 1
    return store.put(named.collection, found)
