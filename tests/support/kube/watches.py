"""All watches of a server, and what a test can do to them."""

from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import web

from tests.support.kube.faults import Faults
from tests.support.kube.resources import Target
from tests.support.kube.store import Store
from tests.support.kube.watch import Watch


class Watches:
    """All watches of a server."""

    def __init__(self, store: Store, faults: Faults):
        self._store = store
        self._faults = faults
        self._open: set[Watch] = set()

    def __len__(self) -> int:
        return len(self._open)

    def bookmark(self) -> None:
        """Send a bookmark to every watch that asked for them."""
        for watch in self._open:
            watch.due_at = 0.0
        self.wake()

    def end(self, *, reset: bool = False) -> None:
        """End all of them: in good order, or by a reset in the middle of a line."""
        for watch in self._open:
            watch.ended = True
            if reset:
                watch.reset()
        self.wake()

    def wake(self) -> None:
        for watch in self._open:
            watch.woken.set()

    async def serve(self, request: web.Request, target: Target) -> web.StreamResponse:
        """One watch, to its end."""
        watch = Watch(self._store, self._faults, target, request)
        watch.begin(as_status=self._faults.gone_as_status)
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        response.enable_chunked_encoding()
        with self._counted(watch):  # before the client sees the answer: what it does then reaches this watch
            await response.prepare(request)
            await watch.run(response)
        return response

    @contextmanager
    def _counted(self, watch: Watch) -> Iterator[None]:
        self._open.add(watch)
        try:
            yield
        finally:
            self._open.discard(watch)
