"""Who looks after the certificate: we do (a Secret and the webhook's caBundle), or others (a directory).

Both show what they have through the same `Identity`, and both can say why the program is not ready.
"""

import asyncio
import logging
from pathlib import Path
from typing import Final, Protocol

from injector.certs import certificates
from injector.certs.bundle import Service
from injector.certs.certificates import CertificateError, Pair
from injector.certs.follower import Follower
from injector.certs.keyring import Keyring, Terms
from injector.certs.registration import Registration
from injector.certs.secret import Keeper
from injector.certs.tls import Identity
from injector.metrics import Metrics
from injector.settings import Settings
from sidecar import clock
from sidecar.kube.client import Client
from sidecar.supervise import Supervisor

LONGEST_LOOK_S: Final = 60.0
LONGEST_GRACE_S: Final = 60.0
POLL_S: Final = 1.0

log = logging.getLogger("equilibrium.injector")


class Custody(Protocol):
    """One way of looking after the certificate."""

    def start(self, supervisor: Supervisor) -> None:
        """From now on, until the supervisor stops."""

    def problem(self) -> str:
        """Why reviews cannot be answered; empty when they can."""


class Own:
    """Our own authority, shared through a Secret; the webhook's caBundle follows it."""

    def __init__(self, client: Client, settings: Settings, identity: Identity, metrics: Metrics) -> None:
        self._identity = identity
        self._metrics = metrics
        # Looking costs two reads; renewing late by a hundredth of a certificate's life costs nothing.
        self._look_s = min(LONGEST_LOOK_S, settings.leaf / 100)
        collection = f"/api/v1/namespaces/{settings.namespace}/secrets"
        self._secret = Follower(client, collection, settings.secret)
        collection = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
        self._webhook = Follower(client, collection, settings.webhook)
        self._keeper = Keeper(
            client,
            self._secret,
            Terms(settings.all_names, settings.leaf),
            serve=self._serve,
            trusted=self._trusts,
            renewed=metrics.renewals.inc,
        )
        self._registration = Registration(
            client,
            self._webhook,
            Service(settings.namespace, settings.service),
            held=self._keeper.held,
            healed=metrics.heals.inc,
            grace_s=min(LONGEST_GRACE_S, settings.leaf / 1000),
        )
        self._authorities: tuple[bytes, ...] = ()

    def start(self, supervisor: Supervisor) -> None:
        """Two watches, and what they bring about."""
        supervisor.start("secret-watch", self._secret.watch)
        supervisor.start("secret", lambda: self._secret.settle(self._keeper.settle, self._look_s))
        supervisor.start("webhook-watch", self._webhook.watch)
        supervisor.start("webhook", lambda: self._webhook.settle(self._registration.settle, self._look_s))

    def problem(self) -> str:
        """The certificate's, else the registration's, with what the API server said last."""
        if problem := self._identity.problem(clock.wall_s()):
            return _because(problem, self._secret.failure)
        problem = self._registration.problem
        return _because(problem, self._webhook.failure) if problem else ""

    def _trusts(self, newest: bytes) -> bool:
        return self._registration.trusts(newest)

    def _serve(self, ring: Keyring) -> None:
        if self._identity.take(ring.leaf, clock.wall_s()):
            log.info("certificate loaded")
        if ring.authorities != self._authorities:
            self._authorities = ring.authorities
            self._metrics.expires("authority", certificates.authority(ring.authorities[0]).ends_s)
            self._webhook.ring()


class Directory:
    """`tls.crt` and `tls.key`, written by somebody else; nothing is written by us, here or in the API server.

    Watched by looking: Kubernetes swaps a symlink two levels up, others rename. Between two writes the two files may
    not fit each other, which is reported once and looked at again.
    """

    def __init__(self, path: Path, settings: Settings, identity: Identity) -> None:
        self._path = path
        self._names = settings.all_names
        self._identity = identity
        self._flaw = ""

    def start(self, supervisor: Supervisor) -> None:
        """One task that looks."""
        supervisor.start("certificates", self._watch)

    def problem(self) -> str:
        """What is wrong with what is served, or why nothing is."""
        problem = self._identity.problem(clock.wall_s())
        return _because(problem, self._flaw) if problem else ""

    async def _watch(self) -> None:
        while True:
            self.look(await asyncio.to_thread(self._read))
            await asyncio.sleep(POLL_S)

    def _read(self) -> Pair | str:
        try:
            return Pair((self._path / "tls.crt").read_bytes(), (self._path / "tls.key").read_bytes())
        except OSError as error:
            return f"{error.filename}: {error.strerror}"

    def look(self, found: Pair | str) -> None:
        """Serve it if it can be; else say once why not, and go on with what there is."""
        flaw = found if isinstance(found, str) else self._taken(found)
        if flaw and flaw != self._flaw:
            log.warning(
                "certificate not loaded", extra={"fields": {"directory": str(self._path), "why": flaw}}
            )
        self._flaw = flaw

    def _taken(self, pair: Pair) -> str:
        try:
            if facts := self._identity.take(pair, clock.wall_s()):
                log.info("certificate loaded", extra={"fields": {"directory": str(self._path)}})
                certificates.check_names(facts, self._names[:1])
        except CertificateError as error:
            return str(error)
        return ""


def _because(problem: str, why: str) -> str:
    return f"{problem} ({why})" if why else problem
