"""The room of advice behind a real socket, with nobody else in the house."""

import asyncio
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from aiohttp import web

from coordinator.advice.room import PATH, Advice
from coordinator.callers.identify import Refused, Who
from coordinator.policy.advice.config import AdviceConfig
from coordinator.store.interface import Store
from coordinator.store.memory import Memory
from sidecar.supervise import Supervisor
from tests.coordinator.policy.reports import endpoint, question

Object = dict[str, Any]


class Doorman:
    """An `Identify` as a test wants it: `proof` is what everybody's credential proves."""

    def __init__(self) -> None:
        self.proof = Who("", "", "", "loopback")
        self.refused: Refused | None = None

    async def who(self, request: web.Request, body: bytes) -> Who:
        if self.refused is not None:
            raise self.refused
        return self.proof


class House:
    def __init__(self, room: Advice, doorman: Doorman, session: aiohttp.ClientSession, url: str) -> None:
        self.room, self.doorman, self.session, self.url = room, doorman, session, url
        self.leads = True
        self.failures: list[BaseException] = []

    async def ask(self, asked: Object | bytes) -> tuple[int, Object]:
        body = asked if isinstance(asked, bytes) else json.dumps(asked).encode()
        async with self.session.post(self.url, data=io.BytesIO(body)) as answer:
            text = await answer.text()
            return answer.status, json.loads(text)

    async def report(self, pod: str, since: str = "", wait_s: float = 0.0, **more: Any) -> tuple[int, Object]:
        """Of a service of three endpoints, of which the second is slow."""
        endpoints = [endpoint(k, 10.0, 0.01 if k != 1 else 0.03) for k in range(3)]
        since_too = {"since": since} if since else {}
        return await self.ask(question(pod, endpoints, wait_s=wait_s, **since_too, **more))


@asynccontextmanager
async def house(store: Store | None = None, *, running: bool = False, **config: Any) -> AsyncIterator[House]:
    """`running`: epochs are worked out by themselves, else when a test calls `room.epochs.once`."""
    doorman = Doorman()
    found: list[House] = []
    room = Advice(
        AdviceConfig(**{"least_samples": 1, **config}),
        store or Memory(),
        doorman,
        lambda: bool(found) and found[0].leads,
    )
    app = web.Application(client_max_size=64 * 1024)
    app.add_routes(room.routes())
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    supervisor = Supervisor(lambda _, error: found[0].failures.append(error))
    async with aiohttp.ClientSession() as session:
        made = House(room, doorman, session, f"http://127.0.0.1:{port}{PATH}")
        found.append(made)
        if running:
            for name, task in room.tasks().items():
                supervisor.start(name, task)
        try:
            yield made
        finally:
            await supervisor.stop()
            await runner.cleanup()
            await room.close()
    assert made.failures == []


async def waiting(made: House, count: int) -> None:
    """Until so many questions are held."""
    async with asyncio.timeout(10):
        while made.room.board.held != count:
            await asyncio.sleep(0.005)
