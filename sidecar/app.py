"""Builds everything, owns every task, stops in order.

Start: discovery, then listeners, then the ready line. Stop (SIGTERM, `/quitquitquit`): stop accepting, finish what
runs within the drain time, exit 0.
"""

import asyncio
import contextlib
import gc
import logging
import random
import secrets
import signal
import sys
from collections import Counter
from functools import partial
from typing import Final

from sidecar import clock, parts
from sidecar.accesslog import FLUSH_S, AccessLog
from sidecar.admin import Admin, Controls
from sidecar.advice.reports import Reports
from sidecar.advice_metrics import AdviceMetrics
from sidecar.apphealth.metrics import AppHealthMetrics
from sidecar.apphealth.page import Page
from sidecar.apphealth.prober import AppHealth
from sidecar.consent import Consent
from sidecar.discovered import Discovered
from sidecar.errors import DiscoveryError
from sidecar.events import Bus
from sidecar.exposition import Registry
from sidecar.inbound_metrics import InboundMetrics
from sidecar.metrics import SidecarCollector
from sidecar.policy.auth import Verifier
from sidecar.policy.catalog import Catalog
from sidecar.proxy.inbound import Inbound
from sidecar.proxy.listener import Identity, ListenError, Surroundings
from sidecar.proxy.original_dst import join
from sidecar.proxy.outbound import Outbound
from sidecar.proxy.pools import SWEEP_S
from sidecar.proxy.resolve import EXTERNAL, Resolver
from sidecar.proxy.wheel import Wheel
from sidecar.settings import Settings
from sidecar.state import State
from sidecar.strain_metrics import StrainMetrics
from sidecar.supervise import Supervisor

FIRST_WORD_S: Final = 2.0
"""How long start-up waits for the source's first word; a source that is down must not keep a pod down."""

log = logging.getLogger("equilibrium")


class Sidecar:
    """One process: two listeners, an admin port, a source of endpoints."""

    def __init__(self, settings: Settings, loop: asyncio.AbstractEventLoop) -> None:
        self._settings = settings
        self._loop = loop
        self._stop = asyncio.Event()
        self._bus = Bus()
        self.events: Counter[str] = self._bus.counts
        self._supervisor = Supervisor(self._task_failed)
        self._access_log = self._open_access_log()
        self.catalog = Catalog(settings.workload.partition("/")[0], partial(parts.router, settings))
        self._wheel = Wheel(loop)
        clients = parts.Clients(settings)
        self._discovered = Discovered(self.catalog, self.events)
        self._source = parts.source(settings, clients, self._discovered.failed)
        self._resolver = Resolver(
            self.catalog,
            passthrough=settings.unknown == "passthrough",
            seek=self._source.seek if self._source.on_demand else None,
            own_ports=self._own_ports,
            by_address=self._source.by_address,
        )
        around = Surroundings(
            loop,
            self._wheel,
            self.catalog,
            Identity(settings.workload, secrets.token_hex(4), settings.mesh_key_bytes, settings.source),
            settings.timeouts,
            settings.limits,
            self._access_log.finished if self._access_log is not None else None,
            opaque_ports=settings.opaque_ports,
            own_ports=self._own_ports,
        )
        self.inbound = Inbound(around, join(*settings.app), settings.concurrency, parts.gate(settings))
        self.outbound = Outbound(around, self._resolver, self.inbound.congestion)
        gate = self.inbound.door.gate if self.inbound.door is not None else None
        self._advice = parts.advice(
            settings, clients, lambda: Reports(self.catalog, gate, self._bus), self._advice_failed
        )
        self._strain = parts.strain(settings, self.inbound, self._bus)
        self._consent = Consent(self._strain.sources.fresh, settings.memory_hook)
        self._health = AppHealth(settings.app_probes)
        self._state = State(
            settings,
            self.catalog,
            self._discovered,
            self.inbound,
            self.outbound,
            self._strain,
            self._advice,
            self.events,
        )
        self._admin = self._make_admin()

    # -- building

    def _open_access_log(self) -> AccessLog | None:
        path = self._settings.access_log
        if path is None:
            return None
        rng = random.Random()  # noqa: S311 (sampling)
        return AccessLog(path, self._settings.access_log_sample, rng, self.events)

    def _make_admin(self) -> Admin:
        registry = Registry()
        registry.register(
            SidecarCollector(
                self.catalog,
                self.outbound,
                self.inbound,
                self.events,
                per_endpoint=self._settings.metrics == "full",
            )
        )
        registry.register(AdviceMetrics(self.catalog))
        registry.register(StrainMetrics(self._strain, self._bus, self._settings))
        registry.register(AppHealthMetrics(self._health))
        if self.inbound.door is not None:
            registry.register(InboundMetrics(self.inbound.door.gate, self._settings.workload))
        key = self._settings.mesh_key_bytes
        controls = Controls(
            self._state.not_ready,
            self._state.snapshot,
            self._state.explain,
            self.drain,
            self.stop,
            self._state.demand,
            lambda: self._strain.recorder.render("asked"),
            self._consent.negotiate,
            Page(self._health).answer,
        )
        return Admin(controls, registry, Verifier(key) if key else None)

    # -- running

    async def run(self) -> None:
        """Serve until told to stop; then drain. Raises `ListenError` when a port is taken."""
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self.stop)
        try:
            await self._start()
            await self._stop.wait()
            await self._strain.crashed_or_stopped(None)
            await self._drained()
        except Exception as error:
            await self._strain.crashed_or_stopped(error)
            raise
        finally:
            await self._close()

    async def _start(self) -> None:
        settings = self._settings
        self._wheel.start()
        self._supervisor.start("discovery", self._discover)
        if not self._source.on_demand:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(
                    self._discovered.heard.wait(), FIRST_WORD_S
                )  # ready means: the first request can be routed
        self._supervisor.start("housekeeping", self._keep_house)
        if self._access_log is not None:
            self._supervisor.start("access-log", self._write_log)
        await self.outbound.start(*settings.outbound)
        await self.inbound.start(*settings.inbound)
        try:
            admin = await self._admin.start(*settings.admin)
        except OSError as error:
            raise ListenError(f"cannot listen on admin {join(*settings.admin)}: {error.strerror}") from error
        gc.collect()
        gc.freeze()  # what start-up built lives for good: keep it out of every later collection
        gc.set_threshold(10_000, 50, 100)  # requests leave few cycles: no need to look every 700 objects
        print(
            f"equilibrium-sidecar ready outbound={join(*self.outbound.address)} "
            f"inbound={join(*self.inbound.address)} admin={join(*admin)}",
            file=sys.stderr,
            flush=True,
        )
        self._supervisor.start("usage", self._strain.refresh)
        self._supervisor.start("strain", self._strain.run)
        if self._advice is not None:
            self._supervisor.start("advice", self._advice.run)

    async def _discover(self) -> None:
        await self._discovered.follow(self._source, self._resolver, self.outbound.stats)

    async def _keep_house(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_S)
            in_use = {a for service in self.catalog.services.values() for a in service.endpoints}
            external = self._resolver.addresses()
            self.outbound.pools.keep_only(in_use | external)
            self.outbound.stats.keep_only(EXTERNAL, external)
            self.inbound.keep_house()

    async def _write_log(self) -> None:
        while self._access_log is not None:
            await asyncio.sleep(FLUSH_S)
            self._access_log.scale = self._strain.publishing
            await asyncio.to_thread(self._access_log.flush)

    # -- stopping

    def stop(self) -> None:
        """Drain and exit, even in the middle of starting."""
        self._stop.set()
        self._discovered.heard.set()

    def drain(self) -> None:
        """Stop accepting; connections close as their requests end."""
        if not self.outbound.draining:
            self.events["drain"] += 1
            self.inbound.drain()
            self.outbound.drain()

    async def _drained(self) -> None:
        self.drain()
        deadline = clock.now() + self._settings.drain_s
        while clock.now() < deadline and not (self.inbound.quiet and self.outbound.quiet):  # noqa: ASYNC110
            await asyncio.sleep(0.02)

    async def _close(self) -> None:
        for listener in (self.inbound, self.outbound):
            listener.abort()
        self._resolver.close()
        self._wheel.stop()
        await self._supervisor.stop()
        await self._health.close()
        await self._admin.stop()
        if self._access_log is not None:
            self._access_log.close()

    def _own_ports(self) -> set[int]:
        return {self.outbound.address[1], self.inbound.address[1], self._settings.admin[1]}

    def _advice_failed(self, error: DiscoveryError) -> None:
        self.events["advice_error"] += 1
        log.warning("advice: %s", error)

    def _task_failed(self, name: str, error: BaseException) -> None:
        self.events["task_failed"] += 1
        log.error("%s failed and is started again", name, exc_info=error)
