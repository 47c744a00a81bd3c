"""Builds everything, owns every task, stops in order.

Start: certificates, then listeners, then the ready line. Stop (SIGTERM): say not ready, accept for a little longer
because Services notice late, finish the reviews under way, exit 0.
"""

import asyncio
import contextlib
import gc
import logging
import os
import signal
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from injector.certs.custody import Custody, Directory, Own
from injector.certs.tls import Identity
from injector.metrics import Metrics
from injector.server import Health, Listener, Reviews
from injector.settings import Address, Settings
from sidecar import clock, parsing
from sidecar.errors import EquilibriumError
from sidecar.kube.access import Access, in_cluster
from sidecar.kube.client import Client
from sidecar.kube.events import Recorder
from sidecar.supervise import Supervisor

FIRST_CERTIFICATE_S: Final = 2.0
"""How long start-up waits to be ready; an API server that is down must not hide the health port."""
LAST_WORDS_S: Final = 2.0
_CHECK_S: Final = 0.02

log = logging.getLogger("equilibrium.injector")


class ListenError(EquilibriumError):
    """A port is taken, or not ours to take."""


def access(settings: Settings, environ: Mapping[str, str]) -> Access | None:
    """How to reach the API server; None for none. Raises ConfigError when the cluster's files are missing."""
    if settings.api == "none":
        return None
    if settings.api == "in-cluster":
        return in_cluster(environ)
    return Access(url=settings.api, token_file=settings.api_token_file, ca_file=settings.api_ca_file)


class Injector:
    """One process: the webhook, a plain port, and the certificate in its keeping."""

    def __init__(self, settings: Settings, reach: Access | None) -> None:
        self._settings = settings
        self._stop = asyncio.Event()
        self._supervisor = Supervisor(self._task_failed)
        self._metrics = Metrics()
        self._identity = Identity(self._metrics)
        self._client = Client(reach) if reach is not None else None
        self._recorder = self._make_recorder()
        self._custody = self._make_custody()
        self._reviews = Reviews(settings.template, self._metrics, self._recorder, self._stop.is_set)
        self._webhook = Listener(self._reviews.routes())
        self._health = Listener(Health(self._metrics, self.not_ready).routes())

    def _make_recorder(self) -> Recorder | None:
        if self._client is None:
            return None
        return Recorder(self._client, "equilibrium-injector", socket.gethostname())

    def _make_custody(self) -> Custody:
        settings = self._settings
        if settings.certificates is not None:
            return Directory(Path(settings.certificates), settings, self._identity)
        if self._client is None:
            raise ValueError("our own certificate needs the API server")  # settings refuse it before
        return Own(self._client, settings, self._identity, self._metrics)

    async def run(self) -> None:
        """Serve until told to stop; then drain. Raises `ListenError` when a port is taken."""
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._stop.set)
        try:
            await self._start()
            await self._stop.wait()
            await asyncio.sleep(self._settings.linger_s)
            await self._webhook.drain(lambda: self._reviews.under_way > 0, self._settings.drain_s)
            await self._last_words()
        finally:
            await self._close()

    def not_ready(self) -> str:
        """Empty when reviews are answered and callers can tell that it is us, else the reason."""
        return "draining" if self._stop.is_set() else self._custody.problem()

    async def _start(self) -> None:
        self._custody.start(self._supervisor)
        if self._recorder is not None:
            self._metrics.watch_events(lambda: self._recorder.counts if self._recorder else {})
            self._supervisor.start("events", self._recorder.run)
        until_s = clock.now() + FIRST_CERTIFICATE_S
        while self.not_ready() and clock.now() < until_s and not self._stop.is_set():  # noqa: ASYNC110
            await asyncio.sleep(_CHECK_S)
        webhook = await _listening(self._webhook, self._settings.listen, self._identity)
        health = await _listening(self._health, self._settings.metrics, None)
        gc.collect()
        gc.freeze()  # what start-up built lives for good: keep it out of every later collection
        print(
            f"equilibrium-injector ready webhook={_shown(webhook)} metrics={_shown(health)}",
            file=sys.stderr,
            flush=True,
        )

    async def _last_words(self) -> None:
        """What owners were to be told within the last second."""
        if self._recorder is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LAST_WORDS_S):
                    await self._recorder.flush()

    async def _close(self) -> None:
        await self._supervisor.stop()
        await self._webhook.close()
        await self._health.close()
        if self._client is not None:
            await self._client.close()

    def _task_failed(self, name: str, error: BaseException) -> None:
        log.error("%s failed and is started again", name, exc_info=error)


async def _listening(listener: Listener, at: Address, identity: Identity | None) -> Address:
    try:
        return await listener.start(*at, identity.context if identity is not None else None)
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else str(error)
        raise ListenError(f"cannot listen on {_shown(at)}: {why}") from error


def _shown(address: Address) -> str:
    return parsing.format_host_port(*address)
