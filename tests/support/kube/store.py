"""The objects, and everything that ever happened to them: what etcd is to the real server.

One counter numbers every write of the whole cluster (`resourceVersion`). Changes are kept, so that a watch can
begin in the past and a list can go on as of the version it began at, until `compact` forgets them.
"""

import asyncio
import copy
from dataclasses import dataclass
from typing import Any

from tests.support.kube.resources import Resource

Object = dict[str, Any]
Key = tuple[Resource, str, str]
"""(resource, namespace, name)"""

FIRST_VERSION = 200  # as little as the real one does it begin at 1


@dataclass(frozen=True, slots=True)
class Change:
    """One write: ADDED, MODIFIED or DELETED, the object after it (a deleted one with the version of its
    deletion) and before it."""

    version: int
    type: str
    key: Key
    object: Object
    before: Object | None


class Store:
    """Objects by key; `changed` is set at every write and replaced, so that any number can wait for it."""

    def __init__(self) -> None:
        self.version = FIRST_VERSION
        self.compacted = 0
        self.history: list[Change] = []
        self.changed = asyncio.Event()
        self._objects: dict[Key, Object] = {}

    def __repr__(self) -> str:
        return f"Store({len(self._objects)} objects at {self.version}, forgotten up to {self.compacted})"

    def get(self, key: Key) -> Object | None:
        """A copy: what is stored changes only by `put` and `remove`."""
        return copy.deepcopy(self._objects.get(key))

    def put(self, key: Key, obj: Object) -> Object:
        """Write it under the next version, which it then carries."""
        before = self._objects.get(key)
        stamped = self._stamped(obj)
        self._objects[key] = stamped
        self._record("MODIFIED" if before else "ADDED", key, stamped, before)
        return copy.deepcopy(stamped)

    def keys_in(self, namespace: str) -> list[Key]:
        """Of everything inside a namespace."""
        return [key for key in self._objects if key[1] == namespace]

    def remove(self, key: Key) -> Object:
        """Take it out; returns its last state with the version of the removal."""
        before = self._objects.pop(key)
        stamped = self._stamped(before)
        self._record("DELETED", key, stamped, before)
        return copy.deepcopy(stamped)

    def all(self, resource: Resource, namespace: str = "", *, at: int | None = None) -> list[Object]:
        """The objects of a resource in name order, now or as of an earlier version."""
        objects = self._objects if at is None else self._at(at)
        found = [
            (key[1:], obj) for key, obj in objects.items() if key[0] == resource and namespace in ("", key[1])
        ]
        return [copy.deepcopy(obj) for _, obj in sorted(found, key=lambda pair: pair[0])]

    def compact(self) -> None:
        """Forget how it came to be as it is: watches and continued lists from before are too old now."""
        self.compacted = self.version
        self.history = []
        self.wake()

    def _at(self, version: int) -> dict[Key, Object]:
        """Undo what came later."""
        objects = dict(self._objects)
        for change in reversed(self.history):
            if change.version <= version:
                break
            if change.before is None:
                del objects[change.key]
            else:
                objects[change.key] = change.before
        return objects

    def _stamped(self, obj: Object) -> Object:
        self.version += 1
        stamped = copy.deepcopy(obj)
        stamped["metadata"]["resourceVersion"] = str(self.version)
        return stamped

    def _record(self, type_: str, key: Key, obj: Object, before: Object | None) -> None:
        self.history.append(Change(self.version, type_, key, obj, before))
        self.wake()

    def wake(self) -> None:
        """Whoever waits for a change looks again."""
        self.changed.set()
        self.changed = asyncio.Event()
