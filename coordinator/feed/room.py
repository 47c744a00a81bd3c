"""The feed as a room of the coordinator: `POST /v1/endpoints`, its watches, metrics and place in `/state`."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from aiohttp import web
from prometheus_client.registry import Collector

from coordinator.callers.bodies import Bodies
from coordinator.callers.identify import Identify, Refused, Who, refusal
from coordinator.feed import question
from coordinator.feed.answer import Answer, understood
from coordinator.feed.audience import Audience
from coordinator.feed.desk import Desk
from coordinator.feed.metrics import Figures, Metrics
from coordinator.feed.people import People
from coordinator.feed.question import Question
from coordinator.feed.table import Table
from coordinator.feed.watching import Watching
from coordinator.feed.world import World
from coordinator.kube.inventory import Inventory
from coordinator.room import Task
from sidecar import clock
from sidecar.kube.client import Client
from sidecar.kube.errors import ApiError

PATH: Final = "/v1/endpoints"
SWEEP_S: Final = 60.0


class Feed:
    """`inventory`: run by whoever owns it; `failed(collection, error)` is told once per kind of mishap."""

    def __init__(
        self,
        client: Client,
        inventory: Inventory,
        identify: Identify,
        failed: Callable[[str, ApiError], None],
        *,
        now: Callable[[], float] = clock.now,
    ) -> None:
        self._identify = identify
        self._bodies = Bodies("the question", question.LARGEST_BYTES)
        self._table = Table()
        self._people = People()
        world = World(self._table, self._people)
        self._audience = Audience(self._table, self._people, world.services)
        self._desk = Desk(self._table, self._audience, self.missing, now=now)
        self._watching = Watching(
            client, inventory, self._people, world, self._audience, self._desk.changed, failed
        )
        self._metrics = Metrics(self._figures)

    def __repr__(self) -> str:
        return f"Feed({self._desk}, {self._table}, {self._people})"

    def missing(self) -> str:
        """Why nothing can be told yet; empty when it can."""
        return self._watching.missing()

    def routes(self) -> Sequence[web.AbstractRouteDef]:
        """Of the plain port."""
        return [web.post(PATH, self._endpoints)]

    def tasks(self) -> Mapping[str, Task]:
        """The watches, and the one that tells."""
        return {"feed": self._desk.run, "feed-watches": self._watching.run, "feed-sweep": self._sweep}

    def collectors(self) -> Iterable[Collector]:
        """Of its metrics."""
        return (self._metrics,)

    def state(self) -> dict[str, object]:
        """In figures; who asks for what is nobody's business."""
        return {
            "version": self._desk.version,
            "not_ready": self._watching.missing(),
            "subscribers": self._desk.held,
            "services": len(self._table),
            "pods_with_sidecar": self._people.size,
            "changes": dict(self._desk.changes),
            "silent_s": {name: round(each, 1) for name, each in self._watching.silent_s().items()},
            "token_reviews": dict(self._identify.tokens.reviews),
            **self._metrics.totals,
        }

    async def close(self) -> None:
        """Questions that are held end with their connections."""

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_S)
            self._desk.forget()

    async def _endpoints(self, request: web.Request) -> web.StreamResponse:
        try:
            asked, who = await self._read(request)  # its body is not to be kept while the answer waits
            answer = await self._desk.answer(asked, _pod(who), self._metrics.tell.observe)
        except Refused as refused:
            self._metrics.refused(refused.status)
            return refusal(refused)
        return self._response(request, answer)

    async def _read(self, request: web.Request) -> tuple[Question, Who]:
        body = await self._bodies.read(request)
        who = await self._identify.who(request, body)
        asked = question.read(body)
        return asked, who.claims(namespace=asked.namespace, workload=asked.workload)

    def _response(self, request: web.Request, answer: Answer) -> web.Response:
        takes_gzip = understood(request.headers.get("Accept-Encoding", ""))
        packed = answer.packed() if takes_gzip else None
        body = packed or answer.body
        kind = "full" if answer.full else "nothing" if answer.empty else "changes"
        self._metrics.answered(kind, len(body))
        headers = {"Content-Type": "application/json"} | ({"Content-Encoding": "gzip"} if packed else {})
        return web.Response(body=body, headers=headers)

    def _figures(self) -> Figures:
        return Figures(
            self._desk.held,
            len(self._table),
            self._desk.changes,
            self._identify.tokens.reviews,
            self._watching.silent_s(),
        )


def _pod(who: Who) -> str:
    """Whose questions are counted together; only what is proven counts."""
    return f"{who.namespace}/{who.pod}" if who.proof == "token" and who.pod else ""
