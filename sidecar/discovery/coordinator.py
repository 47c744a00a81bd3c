"""Endpoints and identities from a server that speaks the feed (docs/feed.md): long polls, on demand.

What was learnt last stays in force while the server is away: it is asked again within 3 s, for ever. A question that
was not asked before ends the poll under way, since HTTP/1 has no other way to add to it; questions about anything
that cannot be in the cluster are answered here.
"""

import asyncio
import ipaddress
import random
from collections.abc import Callable
from typing import Final

from sidecar import clock
from sidecar.discovery import feed
from sidecar.discovery.feed import Answer, Book, Question
from sidecar.discovery.source import OnError
from sidecar.errors import DiscoveryError
from sidecar.kube import names
from sidecar.kube.backoff import REFUSED_S, Backoff
from sidecar.kube.client import ApiError, Client, Object
from sidecar.policy.endpoints import Publish

WAIT_S: Final = 30
"""How long the server may hold a poll."""
PATIENCE_S: Final = 10.0
"""How much longer we wait for it."""
PAUSE_S: Final = 0.05
"""Between polls: questions that come together are asked together."""
IMPATIENT_S: Final = 1.0
"""The same when a server answers at once that nothing is new, as a plain file would."""
FORGET_S: Final = 600.0
"""A service nobody asked for this long is forgotten."""
MOST_SERVICES: Final = 1000


class CoordinatorSource:
    """Follows the services it is asked for, and who calls; closes `client` whenever it stops running."""

    on_demand = True
    by_address = True

    def __init__(
        self,
        client: Client,
        workload: str,
        zone: str,
        on_error: OnError,
        now: Callable[[], float] = clock.now,
    ) -> None:
        self._client = client
        self._workload = workload
        self._namespace = workload.partition("/")[0]
        self._zone = zone
        self._on_error = on_error
        self._now = now
        self._backoff = Backoff(random.Random())  # noqa: S311 (jitter)
        self._book = Book()
        self._wanted: dict[Question, float] = {}  # when it was asked for last
        self._open: set[Question] = set()  # of those, not yet answered
        self._covered: frozenset[Question] = frozenset()  # what the book's version is about
        self._grown = asyncio.Event()
        self._known: dict[Question, None] = {}  # can be answered without the server
        self._asked = asyncio.Event()
        self._told = ""

    def __repr__(self) -> str:
        return f"CoordinatorSource({len(self._wanted)} services, {self._book})"

    def seek(self, host: str, port: int | None) -> None:
        """As `Source.seek`; a cluster IP is answered as the service it belongs to."""
        question = self._question(host, port)
        if question in self._wanted or (may_be_ours(question[0], self._namespace) and self._room(question)):
            if question not in self._wanted:
                self._open.add(question)
                self._grown.set()
            self._wanted[question] = self._now()
        if question not in self._open and len(self._known) < MOST_SERVICES:
            self._known[question] = None
            self._asked.set()

    def _question(self, host: str, port: int | None) -> Question:
        key = names.service(host, self._namespace)
        if key is not None:
            return names.host(key, self._namespace), port
        return host.lower(), 80 if port is None else port

    def _room(self, question: Question) -> bool:
        if len(self._wanted) < MOST_SERVICES:
            return True
        self._report(f"{question[0]}: refused: {MOST_SERVICES} services are watched already")
        return False

    async def run(self, publish: Publish) -> None:
        """Until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._answer_known(publish))
                while True:
                    pause_s = await self._turn(publish)
                    await asyncio.sleep(pause_s)
        finally:
            await self._client.close()

    async def _answer_known(self, publish: Publish) -> None:
        """Beside the poll, which goes on."""
        while True:
            self._asked.clear()
            known, self._known = self._known, {}
            for question in known:
                publish(self._book.look_up(question))
            await self._asked.wait()

    async def _turn(self, publish: Publish) -> float:
        """One poll and what follows from it: seconds until the next."""
        self._forget(publish)
        self._grown.clear()
        asked = frozenset(self._wanted)
        since = self._book.version if asked <= self._covered else None
        started = self._now()
        try:
            answer = await self._poll(asked, since)
            if answer is None:
                return PAUSE_S
            self._take(answer, asked, publish)
        except ApiError as error:
            return self._failed(error)
        except DiscoveryError as error:
            self._report(f"{self._client}: {error}")
            return self._backoff.next_s()
        self._backoff.reset()
        self._told = ""
        idle = answer.version == since and self._now() - started < IMPATIENT_S
        return IMPATIENT_S if idle else PAUSE_S

    def _take(self, answer: Answer, asked: frozenset[Question], publish: Publish) -> None:
        for event in self._book.take(answer, asked):
            publish(event)
        self._covered = asked
        for question in self._open & asked:
            told = self._book.look_up(question)
            if told.endpoints is None:
                del self._wanted[question]  # nobody knows it: nothing to follow
            publish(told)
        self._open -= asked
        self._covered &= self._wanted.keys()  # what is followed no more is in no later answer either

    async def _poll(self, asked: frozenset[Question], since: str | None) -> Answer | None:
        """None: more is wanted, start over. Raises ApiError, DiscoveryError."""
        async with asyncio.TaskGroup() as group:
            asking = group.create_task(self._ask(asked, since))
            grown = group.create_task(self._grown.wait())
            await asyncio.wait({asking, grown}, return_when=asyncio.FIRST_COMPLETED)
            grown.cancel()
            if not asking.done():
                asking.cancel()
                return None
        answer = asking.result()
        if isinstance(answer, ApiError):
            raise answer
        return feed.read(answer, self._namespace)

    async def _ask(self, asked: frozenset[Question], since: str | None) -> Object | ApiError:
        body: Object = {
            "workload": self._workload,
            "namespace": self._namespace,
            "zone": self._zone,
            "services": sorted(feed.spell(question, self._namespace) for question in asked),
            "wait_s": WAIT_S,
        }
        if since is not None:
            body["since"] = since
        try:
            return await self._client.request("POST", feed.PATH, body=body, timeout_s=WAIT_S + PATIENCE_S)
        except ApiError as error:
            return error

    def _failed(self, error: ApiError) -> float:
        if error.gone:
            self._covered = frozenset()  # so the next poll asks for everything
        else:
            self._report(f"{error}; what is known stays in force", f"{error.status} {error.reason}")
        longest_s = REFUSED_S if error.status in (403, 404) else 3.0
        return self._backoff.next_s(longest_s=longest_s, least_s=min(error.retry_after_s or 0.0, 30.0))

    def _report(self, text: str, kind: str = "") -> None:
        """Once per mishap."""
        if self._told != (kind or text):
            self._told = kind or text
            self._on_error(DiscoveryError(text))

    def _forget(self, publish: Publish) -> None:
        before = self._now() - FORGET_S
        old = [question for question, asked_at in self._wanted.items() if asked_at < before]
        for question in old:
            del self._wanted[question]
            self._open.discard(question)
        if old:
            self._covered &= self._wanted.keys()
            for event in self._book.keep(self._wanted.keys()):
                publish(event)


def may_be_ours(host: str, namespace: str) -> bool:
    """Whether a host may be a service of the cluster: `s.ns` in any form, or an address that is not of the internet."""
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return names.service(host, namespace) is not None
