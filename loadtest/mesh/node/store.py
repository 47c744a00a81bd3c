"""Objects by collection, their versions, and what happened to them lately, for whoever watches. Of one thread."""

import copy
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from loadtest.mesh.node import answers
from loadtest.mesh.node.answers import Object

KEPT: Final = 2000
"""Events remembered; a watch from before them is told 410."""


@dataclass(frozen=True, slots=True)
class Collection:
    """`group` is empty for the core group."""

    group: str
    version: str
    resource: str
    kind: str
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        """`v1`, `apps/v1`."""
        return f"{self.group}/{self.version}" if self.group else self.version


@dataclass(frozen=True, slots=True)
class Event:
    """What happened; `version` is the store's after it."""

    version: int
    kind: str
    collection: Collection
    found: Object


@dataclass(slots=True)
class Store:
    """Everything there is."""

    objects: dict[tuple[Collection, str, str], Object] = field(default_factory=dict)
    version: int = 1
    oldest: int = 1
    events: deque[Event] = field(default_factory=deque)
    listeners: list[Callable[[Event], None]] = field(default_factory=list)

    def get(self, collection: Collection, namespace: str, name: str) -> Object:
        """A copy. Raises Refused (404)."""
        found = self.objects.get((collection, namespace, name))
        if found is None:
            raise answers.not_found(name, collection.resource, collection.group)
        return copy.deepcopy(found)

    def all(self, collection: Collection, namespace: str = "") -> list[Object]:
        """Copies, by name; of one namespace or of all."""
        found = [
            (key, each)
            for key, each in self.objects.items()
            if key[0] == collection and namespace in ("", key[1])
        ]
        return [copy.deepcopy(each) for _, each in sorted(found, key=lambda pair: pair[0][1:])]

    def put(self, collection: Collection, found: Object) -> Object:
        """Store it under its name; the stored copy, with its new version."""
        meta = found["metadata"]
        key = (collection, meta.get("namespace", ""), meta["name"])
        kind = "MODIFIED" if key in self.objects else "ADDED"
        self.version += 1
        meta["resourceVersion"] = str(self.version)
        self.objects[key] = copy.deepcopy(found)
        self._tell(Event(self.version, kind, collection, copy.deepcopy(found)))
        return found

    def delete(self, collection: Collection, namespace: str, name: str) -> Object:
        """The last of it. Raises Refused (404)."""
        found = self.get(collection, namespace, name)
        del self.objects[collection, namespace, name]
        self.version += 1
        found["metadata"]["resourceVersion"] = str(self.version)
        self._tell(Event(self.version, "DELETED", collection, copy.deepcopy(found)))
        return found

    def since(self, version: int) -> list[Event]:
        """What happened after that version. Raises Refused (410) when nobody knows any more."""
        if version < self.oldest - 1:
            raise answers.gone(version, self.oldest)
        return [event for event in self.events if event.version > version]

    def _tell(self, event: Event) -> None:
        self.events.append(event)
        if len(self.events) > KEPT:
            self.oldest = self.events.popleft().version + 1
        for listener in self.listeners:
            listener(event)
