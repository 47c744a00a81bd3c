"""Our entries in the API server: the MutatingWebhookConfiguration of our name, whose caBundle is put right.

`kubectl apply` of the manifest wipes the bundle, and until it is back every opted-in pod is refused; so it is put
back at once. Never in a fight: the Secret is read again before each write, so that replicas agree on what is right,
and somebody who keeps writing otherwise (cert-manager's cainjector) meets one patch a minute, and a log line.
"""

import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final

from injector.certs import bundle
from injector.certs.bundle import Service
from injector.certs.follower import Follower
from injector.certs.keyring import Keyring
from sidecar import clock
from sidecar.kube.client import Client
from sidecar.kube.errors import ApiError
from sidecar.policy.buckets import Bucket

HEALS_PER_S: Final = 1 / 60
BURST_S: Final = 300.0
"""Five at once: a person applies a manifest a few times in a row."""
TEST_FAILED: Final = 422
UNSEEN: Final = "has not been seen yet"
_JSON_PATCH: Final = "application/json-patch+json"

Json = dict[str, Any]

log = logging.getLogger("equilibrium.injector")


class Registration:
    """Follows the configuration and heals it. `held` reads what the Secret holds."""

    def __init__(
        self,
        client: Client,
        follower: Follower,
        service: Service,
        *,
        held: Callable[[], Awaitable[Keyring]],
        healed: Callable[[], None],
        grace_s: float,
        now: Callable[[], float] = clock.now,
    ) -> None:
        self._client = client
        self._follower = follower
        self._service = service
        self._held = held
        self._healed = healed
        self._grace_s = grace_s
        self._now = now
        self._bucket = Bucket(HEALS_PER_S, now(), BURST_S)
        self._trusted: bytes | None = None
        self._since = 0.0
        self._problem = UNSEEN

    @property
    def problem(self) -> str:
        """Why callers would not trust us, as far as is known; empty when they would."""
        return f"webhook configuration {self._follower.name} {self._problem}" if self._problem else ""

    def trusts(self, authority: bytes) -> bool:
        """Whether callers have trusted this authority for so long that all API servers must have heard of it."""
        return authority == self._trusted and self._now() - self._since >= self._grace_s

    async def settle(self) -> None:
        """Look at the configuration and put it right. Raises ApiError."""
        ring = await self._held()  # the Secret is the truth: read it before judging by it
        found = await self._follower.read()
        self._saw(found, ring)
        operations = bundle.patch(found or {}, ring.authorities, self._service)
        if not operations:
            return
        if self._bucket.take(HEALS_PER_S, self._now()):
            await self._heal(operations, ring)
        else:
            log.warning(
                "somebody else keeps writing the caBundle; if that is on purpose, set "
                "EQUILIBRIUM_INJECTOR_CERTIFICATES to a directory",
                extra={"fields": {"webhook": self._follower.name}},
            )

    async def _heal(self, operations: list[Json], ring: Keyring) -> None:
        why = self._problem
        try:
            patched = await self._client.request(
                "PATCH", self._follower.path, body=operations, content_type=_JSON_PATCH
            )
        except ApiError as error:
            if error.status != TEST_FAILED:
                raise
            self._follower.ring()  # somebody wrote in between: look again
            return
        self._healed()
        self._saw(patched, ring)
        log.warning("caBundle put right", extra={"fields": {"webhook": self._follower.name, "why": why}})

    def _saw(self, configuration: Json | None, ring: Keyring) -> None:
        self._problem = bundle.problem(configuration, ring.authorities, self._service)
        trusted = ring.authorities[0] if ring.authorities and not self._problem else None
        if trusted != self._trusted:
            self._trusted, self._since = trusted, self._now()
