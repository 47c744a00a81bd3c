"""The Lease by which one of several coordinators writes (coordination.k8s.io/v1), as client-go writes it.

`Leader` does what `coordinator.policy.leadership` decides: one request at a time, each with a time limit, and nothing
that the API server says or does not say ends the loop or makes anybody believe that he leads.
"""

import asyncio
import logging
import random
import secrets
from collections.abc import Awaitable, Callable
from typing import Final

from coordinator.kube import leaseobject
from coordinator.policy.leadership import Elector, Terms
from coordinator.policy.steps import Read, Wait, Write
from sidecar import clock
from sidecar.kube.client import ApiError, Client, Object

RELEASE_TRIES: Final = 4
"""Somebody may write in between, and a renewal may be under way."""
SAME_EVERY_S: Final = 60.0
"""The same trouble is logged this often."""
_REFUSED: Final = 409
_MISSING: Final = 404

log = logging.getLogger("equilibrium.coordinator")


class Leader:
    """One candidate for the Lease `namespace/name`.

    `identity` says who it is, for people; what stands in the Lease has this life's own suffix, as client-go's has, so
    that a process never takes the record of its former life for its own. `renew_s`, `retry_s`: None for 1/6 and 1/10 of
    `duration_s`, which is in whole seconds (ValueError). `now` has to go on while the machine sleeps.
    """

    def __init__(
        self,
        client: Client,
        namespace: str,
        name: str,
        identity: str,
        *,
        duration_s: float = 15.0,
        renew_s: float | None = None,
        retry_s: float | None = None,
        now: Callable[[], float] = clock.boot_s,
        wall: Callable[[], float] = clock.wall_s,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        rng: random.Random | None = None,
    ) -> None:
        terms = Terms(
            duration_s=duration_s,
            renew_s=duration_s / 6 if renew_s is None else renew_s,
            retry_s=duration_s / 10 if retry_s is None else retry_s,
        )
        self.identity = f"{identity}_{secrets.token_hex(8)}"
        """What stands in the Lease while this process holds it."""
        self.problem = ""
        """Why the record cannot be read or written, in the server's words; empty while it can."""
        rng = rng or random.Random()  # noqa: S311 (jitter)
        self._elector = Elector(self.identity, terms, rng.uniform)
        self._client = client
        self._namespace = namespace
        self._name = name
        self._path = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"
        self._now = now
        self._wall = wall
        self._sleep = sleep
        self._one = asyncio.Lock()
        self._led = asyncio.Event()
        self._object: Object = {}
        self._believed = False
        self._logged = "", 0.0

    def __repr__(self) -> str:
        return f"Leader({self._namespace}/{self._name}, {self.identity}, left={self.left_s():.1f} s)"

    def left_s(self) -> float:
        """Seconds for which this process may still write; 0 or less: it does not lead.

        Ask right before sending, and bound what is sent by it.
        """
        return self._elector.left_s(self._now())

    @property
    def leading(self) -> bool:
        """It may write now."""
        return self.left_s() > 0

    @property
    def holder(self) -> str:
        """Who holds the Lease, as far as was seen; empty for nobody."""
        return self._elector.holder

    @property
    def transitions(self) -> int:
        """How often the Lease changed hands."""
        return self._elector.transitions

    async def elected(self) -> None:
        """Wait until this process leads."""
        while not self.leading:
            self._led.clear()
            await self._led.wait()

    async def run(self) -> None:
        """Until cancelled, or released."""
        while not self._elector.resigned:
            async with self._one:
                step = self._elector.step(self._now())
                if not isinstance(step, Wait):
                    await self._do(step)
            self._tell()
            if isinstance(step, Wait) and not self._elector.resigned:
                await self._sleep(step.seconds)

    async def release(self) -> None:
        """On a clean stop, when nothing of ours is under way any more: the next one need not wait."""
        self._elector.resign()
        self._tell()
        for _ in range(RELEASE_TRIES):
            async with self._one:  # a renewal may be under way
                step = self._elector.step(self._now())
                if isinstance(step, Wait):
                    return
                await self._do(step)

    # -- how

    async def _do(self, step: Read | Write) -> None:
        try:
            if isinstance(step, Read):
                await self._read()
            else:
                await self._write(step)
        except ApiError as error:
            self._failed(error)
            self._elector.lost(self._now(), error.retry_after_s or 0.0)
        else:
            self.problem = ""

    async def _read(self) -> None:
        found: Object | None
        try:
            found = await self._request("GET", f"{self._path}/{self._name}")
        except ApiError as error:
            if error.status != _MISSING:
                raise
            found = None
        record = leaseobject.record(found) if found is not None else None
        self._object = found or {}
        self._elector.read(record, self._now())

    async def _write(self, step: Write) -> None:
        new = step.version is None
        body = leaseobject.written(self._object, step, self._namespace, self._name, self._wall())
        try:
            found = await self._request(
                "POST" if new else "PUT", self._path if new else f"{self._path}/{self._name}", body
            )
        except ApiError as error:
            if error.status == _REFUSED or (error.status == _MISSING and not new):
                self._elector.refused(self._now())
                return
            raise
        record = leaseobject.record(found)
        self._object = found
        self._elector.written(record, self._now())

    async def _request(self, method: str, path: str, body: Object | None = None) -> Object:
        timeout_s = self._elector.terms.timeout_s
        return await self._client.request(method, path, body=body, timeout_s=timeout_s)

    def _failed(self, error: ApiError) -> None:
        self.problem = said = _advice(error, self._namespace)
        if said != self._logged[0] or self._now() - self._logged[1] >= SAME_EVERY_S:
            self._logged = said, self._now()
            log.warning(
                "lease", extra={"fields": {"lease": f"{self._namespace}/{self._name}", "error": said}}
            )

    def _tell(self) -> None:
        leading = self.leading
        if leading:
            self._led.set()
        if leading != self._believed:
            self._believed = leading
            fields = {"lease": f"{self._namespace}/{self._name}", "leading": leading}
            fields |= {"holder": self.holder, "transitions": self.transitions}
            log.info("leadership", extra={"fields": fields})


def _advice(error: ApiError, namespace: str) -> str:
    if error.status == _MISSING:
        return f"{error}; is there a namespace {namespace!r}?"
    if error.status in (401, 403):
        return f"{error}; needed: get, create, update on leases (coordination.k8s.io) in {namespace!r}"
    return str(error)
