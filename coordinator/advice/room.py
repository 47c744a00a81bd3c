"""Advice, served: `POST /v1/advice` takes a report and answers with the sidecar's own column (docs/advice.md)."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, Protocol

from aiohttp import web
from prometheus_client.registry import Collector

from coordinator.advice import answer, question
from coordinator.advice.board import Board
from coordinator.advice.epochs import Epochs
from coordinator.advice.metrics import AdviceMetrics, Answers
from coordinator.advice.pace import PER_S, Pace
from coordinator.advice.reports import Reports
from coordinator.advice.shown import shown
from coordinator.callers.bodies import Bodies
from coordinator.callers.identify import Refused, Who, refusal
from coordinator.policy.advice import epoch as epochs
from coordinator.policy.advice.adviser import Adviser, Full
from coordinator.policy.advice.config import AdviceConfig
from coordinator.policy.advice.report import Report
from coordinator.room import Task
from coordinator.store.gossip import Gossip
from coordinator.store.interface import Store, Stored
from coordinator.store.sync import Sync
from sidecar import clock, parsing
from sidecar.parsing import ParseError

PATH: Final = "/v1/advice"
MOST_HELD: Final = 4096
AGAIN_S: Final = 1.0
STUCK_S: Final = 20.0
"""Who takes nothing of a stream for so long is hung up on."""
PING_S: Final = 15.0
"""A stream says something this often, so that either side notices when the other has gone."""


class Identity(Protocol):
    """A `coordinator.callers.identify.Identify`."""

    async def who(self, request: web.Request, body: bytes) -> Who:
        """Raise `Refused`."""
        ...


class Advice:
    """`leading()`: whether this process works epochs out. Without a shared store nobody else has any to serve."""

    def __init__(
        self, config: AdviceConfig, store: Store, identity: Identity, leading: Callable[[], bool]
    ) -> None:
        self.adviser = Adviser(config)
        self.gossip = Gossip()
        self.board = Board()
        self._store = store
        self._identity = identity
        self._leading = leading
        self._pace = Pace()
        self._bodies = Bodies("the report", question.LARGEST_BODY)
        self._streams = 0
        self._answers = Answers()
        self._sync = self._synchronised(config) if store.shared else None
        self.reports = Reports(self.adviser, self.gossip, self._sync)
        self.epochs = Epochs(self.adviser, self.board, self.reports, leading)

    def _synchronised(self, config: AdviceConfig) -> Sync:
        return Sync(
            self._store,
            self.gossip,
            leading=self._leading,
            current=self._current,
            version=lambda: self.board.version,
            take=lambda stored: self.board.publish(stored.version, epochs.of_plain(stored.body)),
            report_s=config.forget_epochs * config.epoch_s,
        )

    # -- as a room

    def routes(self) -> Sequence[web.AbstractRouteDef]:
        """One path."""
        # HEAD is not to be answered with a stream, which has no end
        return [web.post(PATH, self._asked), web.get(PATH, self._followed, allow_head=False)]

    def tasks(self) -> Mapping[str, Task]:
        """The epochs; with a shared store, keeping in step with it; forgetting."""
        found: dict[str, Task] = {"advice": self.epochs.run, "advice-memory": self._forget}
        return found | ({"store": self._sync.run} if self._sync is not None else {})

    def collectors(self) -> Iterable[Collector]:
        """Its metrics."""
        return [AdviceMetrics(self.adviser, self.board, self.epochs, self._answers, self.gossip, self._sync)]

    def state(self) -> dict[str, object]:
        """Under `advice`."""
        return shown(self.adviser, self.board, self.epochs, self.gossip, self._sync, self._hindrance())

    async def close(self) -> None:
        """The store's connections."""
        await self._store.close()

    # -- what is asked

    async def _asked(self, request: web.Request) -> web.StreamResponse:
        try:
            response = await self._answer(request)
        except Refused as refused:
            response = refusal(refused)
            if refused.status == 503:
                response.force_close()  # another connection may find another coordinator
        self._answers.counts[response.status] += 1
        return response

    async def _answer(self, request: web.Request) -> web.Response:
        report = await self._heard(request)  # its body is not to be kept while the answer waits
        if report.since and not self.board.knows(report.since):
            raise Refused(410, f"version {report.since!r} is not known here; ask without since")
        if report.since:
            await self.board.beyond(report.since, report.wait_s)
            self._serves()
        return web.Response(body=answer.told(self.board, report.sidecar), content_type="application/json")

    async def _heard(self, request: web.Request) -> Report:
        """Raise `Refused`. To read a report is dear: first come those reasons against it that need no reading."""
        body = await self._bodies.read(request)
        who = _somebody(await self._identity.who(request, body))
        self._serves()
        if who.pod:
            self._admit(f"{who.namespace}/{who.pod}")
        report = question.report(body)
        who.claims(namespace=report.namespace, workload=report.workload, pod=report.pod)
        if not who.pod:
            self._admit(report.sidecar)
        try:
            self.reports.heard(report, body)
        except Full as error:
            raise Refused(503, str(error), 10 * AGAIN_S) from None
        return report

    async def _followed(self, request: web.Request) -> web.StreamResponse:
        """A stream of answers, for those who report elsewhere or not at all."""
        try:
            sidecar = await self._follower(request)
        except Refused as refused:
            self._answers.counts[refused.status] += 1
            return refusal(refused)
        self._answers.counts[200] += 1
        stream = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        )
        self._streams += 1
        try:
            await stream.prepare(request)
            await self._tell(stream, sidecar)
        except TimeoutError:
            if request.transport is not None:
                request.transport.abort()  # a clean end would wait behind what it does not take
        finally:
            self._streams -= 1
        return stream

    async def _tell(self, stream: web.StreamResponse, sidecar: str) -> None:
        """As long as this coordinator has a word. Raises TimeoutError for who does not listen."""
        told = ""
        while not self._hindrance():
            news = b": still here\n\n"
            if self.board.version != told:
                told = self.board.version
                news = b"id: %b\ndata: %b\n\n" % (told.encode(), answer.told(self.board, sidecar))
            elif await self.board.beyond(told, PING_S):
                continue
            async with asyncio.timeout(STUCK_S):
                await stream.write(news)

    async def _follower(self, request: web.Request) -> str:
        """Whose column it is. Raises `Refused`."""
        who = _somebody(await self._identity.who(request, b""))
        try:
            workload = parsing.parse_workload(request.query.get("workload", ""))
            pod = parsing.parse_label(request.query.get("pod", ""))
        except ParseError as error:
            raise Refused(400, f"?workload=NAMESPACE/NAME&pod=POD: {error}") from None
        namespace = workload.partition("/")[0]
        who.claims(namespace=namespace, workload=workload, pod=pod)
        self._admit(f"{namespace}/{pod}")
        return f"{namespace}/{pod}"

    def _admit(self, sidecar: str) -> None:
        self._serves()
        if self.board.held >= MOST_HELD or self._streams >= MOST_HELD:
            raise Refused(503, f"{MOST_HELD} questions wait already", AGAIN_S)
        if not self._pace.allows(sidecar, clock.now()):
            raise Refused(429, f"more than {PER_S:g} question a second; ask with since and wait_s", AGAIN_S)

    def _serves(self) -> None:
        """Raise `Refused` where this coordinator has no word of its own and no other's."""
        if why := self._hindrance():
            raise Refused(503, why, AGAIN_S)

    def _hindrance(self) -> str:
        if self._leading() or self._store.shared:
            return ""
        return "another coordinator leads, and nothing is shared (EQUILIBRIUM_COORDINATOR_STORE)"

    def _current(self) -> tuple[Stored, float] | None:
        epoch = self.board.epoch
        if epoch is None:
            return None
        left_s = epoch.expires_at - clock.wall_s()
        return Stored(self.board.version, epochs.plain(epoch)), max(left_s, 1.0)

    async def _forget(self) -> None:
        """Where nobody works epochs out, silent sidecars are forgotten all the same."""
        while True:
            await asyncio.sleep(self.adviser.config.epoch_s)
            self.adviser.forget(clock.now())
            self.gossip.forget(clock.wall_s())


def _somebody(who: Who) -> Who:
    """Raise `Refused` (403) for a token of an account alone: all pods of its namespace would be its."""
    if who.proof == "token" and not who.pod:
        raise Refused(
            403, "its token is of no pod; allowed: a serviceAccountToken volume's, which names its pod"
        )
    return who
