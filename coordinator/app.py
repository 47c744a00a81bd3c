"""Owns every task of a coordinator, starts and stops it in order.

Start: listener, ready line, watches and the Lease, then cycles. Stop (SIGTERM): begin no further patch, end the cycle,
give the Lease back, exit 0. A run of `--once` lists instead of watching.
"""

import asyncio
import contextlib
import gc
import logging
import os
import signal
import sys
from collections.abc import Coroutine
from typing import Final

from coordinator import rooms, state
from coordinator.kube.lease import Leader
from coordinator.loop.schedule import Schedule
from coordinator.parts import Parts, candidate
from coordinator.record import Cycle
from coordinator.room import Sheltered, told
from coordinator.server import Server
from coordinator.settings import Settings
from sidecar import clock, parsing
from sidecar.errors import EquilibriumError
from sidecar.kube.access import Access
from sidecar.kube.client import Client
from sidecar.kube.errors import ApiError
from sidecar.policy.auth import Verifier
from sidecar.supervise import Supervisor

LISTED_S: Final = 30.0
"""How long a start waits for the first lists before it begins cycles that can do nothing."""
LAST_WORDS_S: Final = 2.0
_CHECK_S: Final = 0.05

log = logging.getLogger("equilibrium.coordinator")


class StartError(EquilibriumError):
    """A port that is taken, an API server that does not answer, a Lease that another one holds."""


class Coordinator:
    """One process. `dry_run`: it never asks for the Lease, and so never writes."""

    def __init__(self, settings: Settings, reach: Access, *, dry_run: bool = False) -> None:
        self._settings = settings
        self._stop = asyncio.Event()
        self._supervisor = Supervisor(_task_failed)
        self._clients = Client(reach), Client(reach)
        self._leader = None if dry_run else self._candidate(self._clients[1])
        self.parts = Parts(settings, self._clients[0], self._leader, self._stop.is_set)
        self._schedule = Schedule(self.cycle, settings.cycle)
        verifier = Verifier(settings.key) if settings.key is not None else None
        self._rooms = rooms.build(settings, self.parts)
        routes = [route for room in self._rooms.values() for route in room.routes()]
        self._server = Server(self.parts.metrics.registry, self.state, self.not_ready, verifier, routes)
        for name, room in self._rooms.items():
            for collector in room.collectors():
                self.parts.metrics.registry.register(Sheltered(name, collector))
        self.last: Cycle | None = None
        prometheus = self.parts.prometheus
        self.parts.metrics.watch(
            lambda: self._leader is not None and self._leader.leading,
            lambda: self._schedule.skipped,
            lambda: prometheus.failures if prometheus is not None else {},
            lambda: self.parts.recorder.counts,
        )

    def _candidate(self, client: Client) -> Leader:
        return candidate(self._settings, client)

    async def run(self) -> None:
        """Cycle after cycle until told to stop. Raises `StartError` when the port is taken."""
        self._heed_signals()
        try:
            await self._listen()
            self.follow()
            await self._listed()
            if self._leader is not None:
                self._supervisor.start("elections", self._elections)
            over = asyncio.Event()
            self._supervisor.start("cycles", lambda: self._cycles(over))
            await self._stop.wait()
            self._schedule.stop()
            await _briefly(over.wait(), self._settings.drain_s)
        finally:
            await self.close()

    async def once(self) -> Cycle:
        """One cycle of what is listed. Raises `StartError`: nobody answers, or another one leads."""
        self._heed_signals()
        try:
            try:
                await self.parts.list_once()
            except ApiError as error:
                raise StartError(f"the API server: {error}") from None
            if self._leader is not None:
                await self._elected(self._leader)
            return await self.parts.turn.run()
        finally:
            await self.close()

    async def cycle(self) -> None:
        """One cycle, kept for `/state` and counted."""
        self.last = self.parts.last = await self.parts.turn.run()
        self.parts.metrics.cycle(self.last)

    def follow(self) -> None:
        """Begin to watch, and to stand for election."""
        self._supervisor.start("inventory", self.parts.inventory.run)
        self._supervisor.start("autoscalers", self.parts.autoscalers.run)
        self._supervisor.start("events", self.parts.recorder.run)
        if self._leader is not None:
            self._supervisor.start("lease", self._leader.run)
        for room in self._rooms.values():
            for name, task in room.tasks().items():
                self._supervisor.start(name, task)

    async def close(self) -> None:
        """End every task, give the Lease back, say what is left to be said, close every connection."""
        await self._supervisor.stop()
        if self._leader is not None:
            await _briefly(self._leader.release())
        await _briefly(self.parts.recorder.flush())
        await self._server.close()
        for name, room in self._rooms.items():
            try:
                await _briefly(room.close())
            except Exception:  # whoever is next has to be closed too
                log.exception("closing the room %s failed", name)
        await self.parts.close()
        for client in self._clients:
            await client.close()

    @property
    def stopping(self) -> bool:
        """Somebody asked it to."""
        return self._stop.is_set()

    def not_ready(self) -> str:
        """Empty when it observes (leading or not), else the reason."""
        return "draining" if self._stop.is_set() else self.parts.ignorance()

    def state(self) -> dict[str, object]:
        """Everything `/state` shows."""
        leader = self._leader
        return {
            "identity": leader.identity if leader is not None else "",
            "leading": leader is not None and leader.leading,
            "leader": leader.holder if leader is not None else "",
            "lease_left_s": leader.left_s() if leader is not None else 0.0,
            "lease_problem": leader.problem if leader is not None else "dry run",
            "allocator": self._settings.allocator,
            "cycle_s": self._settings.cycle,
            "cycles_skipped": self._schedule.skipped,
            "not_ready": self.not_ready(),
            "autoscalers_unreadable": self.parts.autoscalers.flawed(),
            "last": state.of(self.last) if self.last is not None else None,
            **{name: told(room) for name, room in self._rooms.items()},
        }

    # -- parts of it

    async def _listen(self) -> None:
        host, port = self._settings.listen
        try:
            at = await self._server.start(host, port)
        except OSError as error:
            why = os.strerror(error.errno) if error.errno else str(error)
            raise StartError(f"cannot listen on {parsing.format_host_port(host, port)}: {why}") from error
        line = f"equilibrium-coordinator ready at={parsing.format_host_port(*at)}"
        print(line, file=sys.stderr, flush=True)

    async def _listed(self) -> None:
        until_s = clock.now() + LISTED_S
        while self.not_ready() and clock.now() < until_s and not self._stop.is_set():  # noqa: ASYNC110
            await asyncio.sleep(_CHECK_S)
        gc.collect()
        gc.freeze()  # what start-up built lives for good: keep it out of every later collection

    async def _cycles(self, over: asyncio.Event) -> None:
        try:
            await self._schedule.run()
        finally:
            over.set()

    async def _elections(self) -> None:
        """Whoever is elected acts at once, and not at the next point of the grid."""
        leader = self._leader
        while leader is not None:
            await leader.elected()
            self._schedule.soon()
            while leader.leading:  # noqa: ASYNC110  a lease ends by the clock, which tells nobody
                await asyncio.sleep(_CHECK_S)

    async def _elected(self, leader: Leader) -> None:
        """Wait for the Lease, or for the word to stop."""
        self._supervisor.start("lease", leader.run)
        try:
            async with asyncio.timeout(2 * self._settings.lease_duration + 5.0):
                await _first(leader.elected(), self._stop.wait())
        except TimeoutError:
            why = leader.problem or f"{leader.holder or 'nobody'} holds it"
            name = f"{self._settings.namespace}/{self._settings.lease}"
            raise StartError(f"the Lease {name} is not ours: {why}; --dry-run needs none") from None

    def _heed_signals(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._stop.set)


def _task_failed(name: str, error: BaseException) -> None:
    log.error("%s failed and is started again", name, exc_info=error)


async def _briefly(last: Coroutine[object, object, object], within_s: float = LAST_WORDS_S) -> None:
    """What has to be done before the end, but not at any price."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(within_s):
            await last


async def _first(*waits: Coroutine[object, object, object]) -> None:
    """Until one of them is over; the others are given up."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(wait) for wait in waits]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
