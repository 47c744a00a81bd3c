"""One WATCH: changes as lines of JSON, from a version on, for as long as somebody listens.

The selectors apply to every change: what begins to be selected is ADDED, what stops is DELETED, in its last
selected state. What was forgotten by `compact` is answered with 410: as an event of the stream, which is how the
server answers from its cache, or as the status of the response, which is how it answers from etcd.
"""

import asyncio
import copy
import json
from collections.abc import Iterator, Mapping
from typing import Any

from aiohttp import web

from sidecar import clock
from tests.support.kube import lists
from tests.support.kube.faults import Faults
from tests.support.kube.resources import Target
from tests.support.kube.status import Refusal, too_old
from tests.support.kube.store import Change, Store

Object = dict[str, Any]

BOOKMARK_S = 60.0
EMPTY: dict[str, Object] = {
    "EndpointSlice": {"addressType": "", "endpoints": None, "ports": None},
    "Pod": {"spec": {"containers": None}, "status": {}},
    "Service": {"spec": {}, "status": {"loadBalancer": {}}},
    "Deployment": {
        "spec": {
            "selector": None,
            "template": {"metadata": {}, "spec": {"containers": None}},
            "strategy": {},
        },
        "status": {},
    },
}
"""What a bookmark carries beside its version: the zero value of the kind."""


class Watch:
    """One watch. `version` is the last it has told."""

    def __init__(self, store: Store, faults: Faults, target: Target, request: web.Request):
        query = request.query
        self.ended = False
        self.woken = asyncio.Event()
        self.due_at = clock.now() + BOOKMARK_S
        self._store, self._faults, self._target, self._request = store, faults, target, request
        self._selected = lists.selected(target, query)
        self._bookmarks = _truth(query, "allowWatchBookmarks")
        self._initial = _truth(query, "sendInitialEvents")
        asked = lists.version_of(query)
        self._from_now = asked == 0 or self._initial
        self.version = store.version if self._from_now else asked
        seconds = query.get("timeoutSeconds")
        self._until = clock.now() + float(seconds) if seconds else None
        self._first: list[Object] = []

    def begin(self, *, as_status: bool) -> None:
        """What is told before anything happens; a 410 as a status has to be raised before the response began."""
        if self._too_old():
            if as_status:
                raise too_old(self.version, self._store.compacted)
        elif self._from_now:
            found = self._store.all(self._target.resource, self._target.namespace)
            self._first = [_event("ADDED", obj) for obj in found if self._selected(obj)]
            if self._initial and self._bookmarks:
                self._first.append(self._bookmark({"k8s.io/initial-events-end": "true"}))

    def reset(self) -> None:
        """The connection breaks, in the middle of an event."""
        transport = self._request.transport
        if transport is not None:
            transport.write(b'20\r\n{"type":"MODIFIED","obj')
            transport.abort()

    async def run(self, response: web.StreamResponse) -> None:
        """Tell the changes until the time is up or somebody ends it."""
        for event in self._first:
            await _send(response, event)
        while not self.ended and not self._over():
            self.woken.clear()
            changed = self._store.changed
            try:
                for event in [] if self._faults.stalled else self._news():
                    await _send(response, event)
            except Refusal as gone:
                await _send(response, _event("ERROR", gone.body))
                return
            await self._wait(changed)

    def _news(self) -> Iterator[Object]:
        if self._too_old():
            raise too_old(self.version, self._store.compacted)
        for change in self._store.history[self._position() :]:
            self.version = max(self.version, change.version)
            yield from self._told(change)
        if self._bookmarks and clock.now() >= self.due_at:
            self.due_at = clock.now() + BOOKMARK_S
            self.version = max(self.version, self._store.version)
            yield self._bookmark()

    def _position(self) -> int:
        """Of the first change that was not told; versions in the history have no gaps."""
        history = self._store.history
        return max(0, self.version + 1 - history[0].version) if history else 0

    def _too_old(self) -> bool:
        return self.version < self._store.compacted

    def _told(self, change: Change) -> Iterator[Object]:
        resource, namespace, _ = change.key
        if resource != self._target.resource or self._target.namespace not in ("", namespace):
            return
        was = change.before is not None and self._selected(change.before)
        is_ = change.type != "DELETED" and self._selected(change.object)
        if is_:
            yield _event("MODIFIED" if was else "ADDED", change.object)
        elif was and change.before is not None:
            gone = copy.deepcopy(change.before)
            gone["metadata"]["resourceVersion"] = str(change.version)
            yield _event("DELETED", gone)

    def _bookmark(self, annotations: Mapping[str, str] | None = None) -> Object:
        resource = self._target.resource
        metadata: Object = {"resourceVersion": str(self.version)}
        if annotations:
            metadata["annotations"] = dict(annotations)
        head = {"kind": resource.kind, "apiVersion": resource.api_version, "metadata": metadata}
        return _event("BOOKMARK", head | EMPTY.get(resource.kind, {}))

    def _over(self) -> bool:
        return self._until is not None and clock.now() >= self._until

    async def _wait(self, changed: asyncio.Event) -> None:
        """For a write, a word from the test, a bookmark that is due, or the end."""
        moments = [self._until, self.due_at if self._bookmarks else None]
        ends = [moment - clock.now() for moment in moments if moment is not None]
        waiting = [asyncio.ensure_future(event.wait()) for event in (changed, self.woken)]  # noqa: TID251
        try:
            seconds = max(0.0, min(ends)) if ends else None
            await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waiting:
                each.cancel()


def _truth(query: Mapping[str, str], name: str) -> bool:
    return query.get(name, "") in ("1", "true", "True")


def _event(type_: str, obj: Object) -> Object:
    return {"type": type_, "object": obj}


async def _send(response: web.StreamResponse, event: Object) -> None:
    await response.write(json.dumps(event, separators=(",", ":")).encode() + b"\n")
