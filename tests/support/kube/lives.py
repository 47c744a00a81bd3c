"""The lives of pods: bound to a node, started, running until somebody deletes them, terminating, gone."""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

from sidecar.supervise import Supervisor
from tests.support.kube.cluster import until
from tests.support.kube.hands import key_of
from tests.support.kube.kubelet import Kubelet, bind, run
from tests.support.kube.store import Key, Store

Object = dict[str, Any]


class Lives:
    """One task for each pod. `busy` are the uids of those that are being started or stopped; `seen` is the version
    up to which the controllers did everything there was to do."""

    def __init__(
        self,
        store: Store,
        kubelet: Kubelet,
        nodes: Sequence[str],
        supervisor: Supervisor,
        seen: Callable[[], int],
    ):
        self.busy: set[str] = set()
        self._store, self._kubelet, self._supervisor, self._seen = store, kubelet, supervisor, seen
        self._nodes = itertools.cycle(nodes)
        self._met: set[str] = set()

    def meet(self, pod: Object) -> None:
        """A new one begins to live; one that a test put on a node itself is the test's."""
        metadata = pod["metadata"]
        if metadata["uid"] in self._met or "deletionTimestamp" in metadata or "nodeName" in pod["spec"]:
            return
        self._met.add(metadata["uid"])
        self.busy.add(metadata["uid"])
        self._supervisor.once(self._live(metadata["uid"], key_of(pod)), f"pod {metadata['name']}")

    async def _live(self, uid: str, key: Key) -> None:
        """One pod from its node to its end."""
        pod = bind(self._store, key, next(self._nodes))
        if pod is not None:
            run(self._store, key, await self._kubelet.start(pod))
            self.busy.discard(uid)
            while (found := self._same(key, uid)) and "deletionTimestamp" not in found["metadata"]:
                await self._store.changed.wait()
            self.busy.add(uid)
            await self._told(self._store.version)
            await self._kubelet.stop(pod)
            if self._same(key, uid):
                self._store.remove(key)
        self.busy.discard(uid)

    async def _told(self, version: int) -> None:
        """Until what was written is in the slices: no pod ends before it was seen to be terminating."""
        await until(lambda: self._seen() >= version)

    def _same(self, key: Key, uid: str) -> Object | None:
        found = self._store.get(key)
        return found if found and found["metadata"]["uid"] == uid else None
