"""Create, update, patch and delete: each one write through defaults, admission, validation and into the store."""

import copy
import random
from dataclasses import replace
from typing import Any

from tests.support.kube import (
    capacity,
    defaults,
    deletion,
    ownership,
    patches,
    pod_security,
    resizes,
    strategies,
    validation,
)
from tests.support.kube.admission import Chain
from tests.support.kube.decoding import Warn, complaint_of, decoded, unreadable_patch
from tests.support.kube.matching import Attributes, User
from tests.support.kube.resources import Target, by_kind
from tests.support.kube.schema import place
from tests.support.kube.selectors import labels_of
from tests.support.kube.status import (
    already_exists,
    bad_request,
    conflict,
    forbidden,
    not_found,
    unsupported_media_type,
)
from tests.support.kube.store import Key, Store
from tests.support.kube.webhooks import Services

Object = dict[str, Any]

RESIZE = "resize"
RETURNED = ("Pod", "Service", "Namespace")
"""Kinds of which a DELETE answers with the object; of all others with a Status."""


class Verbs:
    """Writes to a store on behalf of a user. `warn` gets what the user is to be told."""

    def __init__(self, store: Store, services: Services, rng: random.Random, minor: int = 36):
        self._minor = minor
        self._store = store
        self._services = services
        self._rng = rng

    def get(self, target: Target) -> Object:
        return self._found(target)

    async def create(
        self,
        target: Target,
        obj: Object,
        user: User,
        warn: Warn,
        *,
        dry_run: bool = False,
        fields: str = "Warn",
    ) -> Object:
        """The object as it is now. A name made from generateName is made after admission, as the server does."""
        obj = decoded(target.resource, obj, warn, fields)
        target = replace(target, namespace=self._namespace(target, obj))
        defaults.fill(target.resource, obj)
        if "status" in obj or target.resource.kind in defaults.EMPTY_STATUS:
            defaults.empty_status(target.resource, obj)
        attributes = Attributes("CREATE", target, obj, None, user, dry_run)
        obj = await self._admitted(attributes, warn)
        validation.check(target.resource, obj)
        self._secure(target, obj)
        taken = [each["spec"].get("clusterIP", "") for each in self._store.all(by_kind("Service"))]
        strategies.prepare_create(target, obj, self._rng, taken)
        key = self._key(replace(target, name=obj["metadata"]["name"]))
        if self._store.get(key) is not None:
            raise already_exists(target.resource, key[2])
        return obj if dry_run else self._store.put(key, obj)

    async def update(
        self,
        target: Target,
        obj: Object,
        user: User,
        warn: Warn,
        *,
        dry_run: bool = False,
        fields: str = "Warn",
        manager: str = "",
    ) -> Object:
        """Replace it. `manager`: whose name stands in managedFields."""
        before = self._found(target)
        obj = decoded(target.resource, obj, warn, fields)
        strategies.require_version(target.resource, obj)
        return await self._replace(target, obj, before, user, warn, dry_run=dry_run, manager=manager)

    async def patch(
        self,
        target: Target,
        content_type: str,
        patch: Any,
        user: User,
        warn: Warn,
        *,
        dry_run: bool = False,
        fields: str = "Warn",
        manager: str = "",
    ) -> Object:
        """Change a part of it."""
        if content_type not in (patches.JSON, patches.MERGE, patches.STRATEGIC):
            raise unsupported_media_type()
        before = self._found(target)
        obj = patches.apply(content_type, copy.deepcopy(before), patch, place(target.resource))
        if complaint := complaint_of(target.resource, obj):
            raise unreadable_patch(patch, complaint)
        obj = decoded(target.resource, obj, warn, fields)
        return await self._replace(target, obj, before, user, warn, dry_run=dry_run, manager=manager)

    async def apply(
        self,
        target: Target,
        given: Object,
        user: User,
        warn: Warn,
        *,
        dry_run: bool = False,
        fields: str = "Warn",
        manager: str = "",
        force: bool = False,
    ) -> Object:
        """Server-side apply, of resources of containers only: 415 elsewhere."""
        if target.subresource != RESIZE:
            raise unsupported_media_type()
        before = self._found(target)
        given = decoded(target.resource, given, warn, fields)
        obj = ownership.applied(before, given, manager, force=force)
        owned = obj["metadata"]["managedFields"]
        return await self._replace(target, obj, before, user, warn, dry_run=dry_run, owned=owned)

    async def delete(
        self, target: Target, options: Object, user: User, warn: Warn, *, dry_run: bool
    ) -> Object:
        """A pod on a node, and what has finalizers, is only marked: somebody has to finish it."""
        before = self._found(target)
        deletion.check(target.resource, before, options.get("preconditions") or {})
        await self._admitted(Attributes("DELETE", target, None, before, user, dry_run), warn)
        before = self._found(target)  # it may have gone while the webhooks were asked
        gone = deletion.marked(target.resource, before, options)
        if not dry_run and gone is not None:
            gone = self._store.put(self._key(target), gone) if gone != before else before
        elif not dry_run:
            gone = self._remove(target)
        if target.resource.kind in RETURNED:
            return gone or before
        details = {"name": target.name, "group": target.resource.group, "kind": target.resource.plural}
        details["uid"] = before["metadata"]["uid"]
        body: Object = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}
        return body | {"details": {key: value for key, value in details.items() if value}}

    def _secure(self, target: Target, obj: Object) -> None:
        """Pod Security looks at what the webhooks made of a pod."""
        if target.resource.kind != "Pod":
            return
        namespace = self._store.get((by_kind("Namespace"), "", target.namespace))
        level = labels_of(namespace).get(pod_security.LABEL, "privileged")
        if found := pod_security.violations(obj["spec"], level):
            name = obj["metadata"].get("name", obj["metadata"].get("generateName", ""))
            raise forbidden(target.resource, name, pod_security.refusal(found, level))

    def _remove(self, target: Target) -> Object:
        if target.resource.kind == "Namespace":
            for key in self._store.keys_in(target.name):
                self._store.remove(key)
        return self._store.remove(self._key(target))

    async def _replace(
        self,
        target: Target,
        obj: Object,
        before: Object,
        user: User,
        warn: Warn,
        *,
        dry_run: bool,
        manager: str = "",
        owned: list[Object] | None = None,
    ) -> Object:
        strategies.prepare_update(target, obj, before)
        defaults.fill(target.resource, obj)
        obj = await self._admitted(Attributes("UPDATE", target, obj, before, user, dry_run), warn)
        if target.subresource == RESIZE:
            obj = resizes.merged(obj, before)
            resizes.check(target.resource, obj, before, self._minor)
            capacity.admit_resize(self._store, obj, before, self._minor)
            ownership.book(obj, before, manager, owned)
        else:
            validation.check(target.resource, obj)
            validation.check_update(target.resource, obj, before)
        strategies.settle_generation(target, obj, before)
        current = self._found(target)
        if current["metadata"]["resourceVersion"] != before["metadata"]["resourceVersion"]:
            raise conflict(target.resource, target.name)  # somebody wrote while the webhooks were asked
        if dry_run or obj == before:
            return obj
        metadata = obj["metadata"]
        if (
            "deletionTimestamp" in metadata
            and not metadata.get("finalizers")
            and "finalizers" in before["metadata"]
        ):
            return self._store.remove(self._key(target))
        return self._store.put(self._key(target), obj)

    async def _admitted(self, attributes: Attributes, warn: Warn) -> Object:
        chain = Chain(self._store, self._services, self._rng)
        try:
            await chain.admit(attributes)
        finally:
            for warning in chain.warnings:
                warn(warning)
        return attributes.object or {}

    def _namespace(self, target: Target, obj: Object) -> str:
        """Of the path, which the object has to agree with, and which has to be there."""
        if not target.resource.namespaced:
            return ""
        if obj["metadata"].setdefault("namespace", target.namespace) != target.namespace:
            raise bad_request(
                "the namespace of the provided object does not match the namespace sent on the request"
            )
        if self._store.get((by_kind("Namespace"), "", target.namespace)) is None:
            raise not_found(by_kind("Namespace"), target.namespace)
        return target.namespace

    def _found(self, target: Target) -> Object:
        found = self._store.get(self._key(target))
        if found is None:
            raise not_found(target.resource, target.name)
        return found

    def _key(self, target: Target) -> Key:
        return (target.resource, target.namespace, target.name)
