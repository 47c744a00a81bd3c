"""One named object of the API server: read whenever it matters, and watched so as to know when that is.

The watch only rings; what follows is decided on a fresh read. A missed, doubled or late event can so cost time
(`look_s` at most), never a wrong decision.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final

from injector.certs.certificates import CertificateError
from sidecar.errors import EquilibriumError
from sidecar.kube.client import Client
from sidecar.kube.errors import ApiError
from sidecar.kube.watch import Reflector

NOT_FOUND: Final = 404
RETRY_S: Final = 2.0
"""After a failure: an API server that comes back is not missed for long, and one that says no is not pestered."""

Json = dict[str, Any]

log = logging.getLogger("equilibrium.injector")


class Follower:
    """`collection` is the path of its kind, as in `/api/v1/namespaces/NAMESPACE/secrets`."""

    def __init__(self, client: Client, collection: str, name: str) -> None:
        self._client = client
        self._collection = collection
        self.name = name
        self._rung = asyncio.Event()
        self.failure = ""
        """What the API server said last, when it was a no or nothing; empty when it went well."""

    def __repr__(self) -> str:
        return f"Follower({self.path})"

    @property
    def path(self) -> str:
        """Of the object itself."""
        return f"{self._collection}/{self.name}"

    @property
    def collection(self) -> str:
        """Where one is created."""
        return self._collection

    def ring(self) -> None:
        """Something happened that the object may have to follow."""
        self._rung.set()

    async def read(self) -> Json | None:
        """As it is now; None when there is none. Raises ApiError."""
        try:
            return await self._client.get(self.path)
        except ApiError as error:
            if error.status == NOT_FOUND:
                return None
            raise

    async def watch(self) -> None:
        """Ring at every change, until cancelled."""
        reflector = Reflector(
            self._client,
            self._collection,
            lambda objects: self.ring(),
            lambda kind, changed: self.ring(),
            failed=self._failed,
            query={"fieldSelector": f"metadata.name={self.name}"},
        )
        await reflector.run()

    async def settle(self, once: Callable[[], Awaitable[object]], look_s: float) -> None:
        """Await `once()` now, after every ring and at least every `look_s`, until cancelled.

        What the API server refuses, and what cannot be made, is logged once as long as it is the same, and tried again.
        """
        while True:
            self._rung.clear()
            wait_s = look_s
            try:
                await once()
                self.failure = ""
            except (ApiError, CertificateError) as error:
                wait_s = min(look_s, RETRY_S)
                self._failed(error)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._rung.wait()

    def _failed(self, error: EquilibriumError) -> None:
        if str(error) != self.failure:
            self.failure = str(error)
            log.warning("not settled", extra={"fields": {"object": self.path, "error": self.failure}})
