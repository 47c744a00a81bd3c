"""Our own certificates, kept in one Secret that all replicas share.

Whoever finds the Secret wanting writes; the resourceVersion lets one of several writers win, and the others read what
it wrote. Thus all serve what the Secret says, and nobody but the Secret need know how many they are.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final

from injector.certs import keyring, mint
from injector.certs.follower import Follower
from injector.certs.keyring import Keyring, Order, Terms
from sidecar import clock
from sidecar.kube.client import Client
from sidecar.kube.errors import ApiError

CONFLICT: Final = 409
ATTEMPTS: Final = 5

Json = dict[str, Any]

log = logging.getLogger("equilibrium.injector")


class Keeper:
    """Keeps the Secret right. `serve` gets what it holds, whenever that may be new."""

    def __init__(
        self,
        client: Client,
        follower: Follower,
        terms: Terms,
        *,
        serve: Callable[[Keyring], None],
        trusted: Callable[[bytes], bool],
        renewed: Callable[[], None],
    ) -> None:
        self._client = client
        self._follower = follower
        self._terms = terms
        self._serve = serve
        self._trusted = trusted
        self._renewed = renewed
        self._one_at_a_time = asyncio.Lock()

    async def held(self) -> Keyring:
        """What the Secret holds; its leaf is served where it can be. Raises ApiError."""
        async with self._one_at_a_time:
            return self._ring(await self._follower.read())

    async def settle(self) -> None:
        """Renew in the Secret what needs it, and serve the outcome. Raises ApiError, CertificateError."""
        async with self._one_at_a_time:
            for _ in range(ATTEMPTS):
                held = await self._follower.read()
                ring = self._ring(held)
                newest = ring.authorities[0] if ring.authorities else b""
                now_s = clock.wall_s()
                order = keyring.needed(ring, self._terms, now_s, trusted=self._trusted(newest))
                if order is None:
                    return
                made = await mint.make(order, ring, self._terms, now_s)
                await self._write(held, keyring.renewed(ring, made, now_s), order)
            raise ApiError(CONFLICT, "Conflict", f"{self._follower.path} changes faster than it can be read")

    def _ring(self, held: Json | None) -> Keyring:
        ring = keyring.from_secret((held or {}).get("data"))
        # Even one that is due, and cannot be renewed because the API server says no, is better than none.
        if not keyring.flaw(ring, self._terms.names, clock.wall_s()):
            self._serve(ring)
        return ring

    async def _write(self, held: Json | None, ring: Keyring, order: Order) -> None:
        """Write it unless somebody was faster, in which case theirs is read next."""
        try:
            if held is None:
                await self._client.request("POST", self._follower.collection, body=self._new(ring))
            else:
                changed = {**held, "data": {**(held.get("data") or {}), **keyring.to_secret(ring)}}
                await self._client.request("PUT", self._follower.path, body=changed)
        except ApiError as error:
            if error.status != CONFLICT:
                raise
            return
        self._renewed()
        fields = {"secret": self._follower.path, "created": held is None, "why": order.why}
        log.warning("certificates renewed", extra={"fields": fields})

    def _new(self, ring: Keyring) -> Json:
        return {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": self._follower.name,
                "labels": {"app.kubernetes.io/name": "equilibrium-injector"},
            },
            "type": "Opaque",
            "data": keyring.to_secret(ring),
        }
