"""Many requests, everything going wrong at random: nobody gets another's answer, and nothing is left behind.

SOAK_REQUESTS=200000 makes it long; SOAK_SEED draws other faults.
"""

import asyncio
import os
import random
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from sidecar import clock
from tests.program.process import Program, discovery, program
from tests.program.wire import Client, ask, request, scrape, split, until

REQUESTS = int(os.environ.get("SOAK_REQUESTS", "20000"))
SEED = int(os.environ.get("SOAK_SEED", "1"))
AT_ONCE = 50
PODS = 4
SLOW_S = 0.05
MOST_GROWTH_KB = 3 * 1024
PATIENCE_S = 60.0

FATES = {"well": 79, "slow": 4, "broken": 4, "busy": 2, "garbage": 3, "reset": 4, "cut": 4}
"""What happens to a request at a pod, with its weight."""
WHIMS = {"ask": 80, "upload": 10, "leave": 4, "leave in the head": 3, "leave in the answer": 3}
"""What a client does, with its weight."""
KNOWN = {200, 500, 502, 503, 504}
LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


def drawn(weights: dict[str, int], rng: random.Random) -> str:
    """One of them."""
    return rng.choices(list(weights), list(weights.values()))[0]


class FaultyPod(asyncio.Protocol):
    """One connection to a pod: answers with the target it was asked for, or has another fate."""

    def __init__(self, rng: random.Random, seen: Counter[str]) -> None:
        self._rng, self._seen = rng, seen
        self._received = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, rest = self._received.partition(b"\r\n\r\n")
        found = LENGTH.search(head)
        length = int(found[1]) if found else 0
        if not end or len(rest) < length:
            return
        self._received = b""
        target = head.split(b" ", 2)[1]
        fate = drawn(FATES, self._rng)
        self._seen[fate] += 1
        if fate == "slow":
            asyncio.get_running_loop().call_later(SLOW_S, self._answer, "well", target, rest)
        else:
            self._answer(fate, target, rest)

    def _answer(self, fate: str, target: bytes, sent: bytes) -> None:
        transport = self._transport
        assert transport is not None
        if transport.is_closing():
            return
        body = target * 20 + sent
        lines = {"broken": b"500 Oops", "busy": b"503 Busy\r\nRetry-After: 0"}
        head = b"HTTP/1.1 %b\r\nContent-Length: %d\r\n\r\n" % (lines.get(fate, b"200 OK"), len(body))
        if fate == "reset":
            transport.abort()
        elif fate == "garbage":
            transport.write(b"HTTP/banana 2oo\r\n\r\n")
        elif fate == "cut":
            transport.write(head + body[: len(body) // 2])
            transport.close()
        else:
            transport.write(head + body)


@asynccontextmanager
async def faulty(count: int, seen: Counter[str]) -> AsyncIterator[list[str]]:
    """Pods; their addresses."""
    rng = random.Random(SEED)
    loop = asyncio.get_running_loop()
    servers = [await loop.create_server(lambda: FaultyPod(rng, seen), "127.0.0.1", 0) for _ in range(count)]
    try:
        yield [f"127.0.0.1:{server.sockets[0].getsockname()[1]}" for server in servers]
    finally:
        for server in servers:
            server.close()


@dataclass
class Crowd:
    """Clients that take requests from one counter until there are none left."""

    address: str
    at_half: Callable[[], None]
    rng: random.Random = field(default_factory=lambda: random.Random(SEED + 1))
    begun: int = 0
    statuses: Counter[str] = field(default_factory=Counter)

    async def run(self) -> None:
        """All of them, `AT_ONCE` at a time."""
        async with asyncio.TaskGroup() as everybody:
            for _ in range(AT_ONCE):
                everybody.create_task(self._one())

    async def _one(self) -> None:
        made: Client | None = None
        while self.begun < REQUESTS:
            self.begun += 1
            if self.begun == REQUESTS // 2:
                self.at_half()
            if made is None:
                made = Client(*await asyncio.open_connection(*split(self.address)))
            if not await self._ask(made, self.begun, drawn(WHIMS, self.rng)):
                made.abort()
                made = None
        if made is not None:
            made.abort()

    async def _ask(self, made: Client, number: int, whim: str) -> bool:
        """Whether the connection can be used again."""
        target = f"/soak/{number}/"
        sent = self.rng.randbytes(self.rng.randrange(1, 3000)).hex().encode() if whim == "upload" else b""
        raw = request(target, "POST", sent) if sent else request(target)
        if whim.startswith("leave"):
            self.statuses[whim] += 1
            made.writer.write(raw[: len(raw) // 2] if whim == "leave in the head" else raw)
            if whim == "leave in the answer":
                async with asyncio.timeout(PATIENCE_S):
                    await made.reader.read(self.rng.randrange(1, 200))
            return False
        made.writer.write(raw)
        async with asyncio.timeout(PATIENCE_S):
            return await self._read(made.reader, target.encode() * 20 + sent)

    async def _read(self, reader: asyncio.StreamReader, expected: bytes) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")  # every request is answered, whatever became of its pod
        status, found = int(head.split(b" ", 2)[1]), LENGTH.search(head)
        assert status in KNOWN, head
        assert found is not None, head
        try:
            body = await reader.readexactly(int(found[1]))
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            part = error.partial if isinstance(error, asyncio.IncompleteReadError) else b""
            assert expected.startswith(part), "what was cut is the beginning of one's own answer"
            self.statuses["cut"] += 1
            return False
        ours = b"x-gt-reason" in head.lower()
        assert ours or body == expected, "nobody gets another's answer"
        self.statuses[f"{status} of our own" if ours else str(status)] += 1
        return b"connection: close" not in head.lower()


async def at_rest(sidecar: Program) -> None:
    """Wait until the gauges say that nothing goes on any more."""
    gauges = ("equilibrium_in_flight", "equilibrium_connections")

    async def none_left() -> bool:
        now = await scrape(sidecar.admin)
        busy = now.total("equilibrium_upstream_connections", state="busy")
        return not busy and not any(now.total(name) for name in gauges)

    await until(none_left, "in flight, connections and busy upstream connections return to 0", PATIENCE_S)


async def test_random_faults_leave_nothing_behind(tmp_path: Path) -> None:
    seen: Counter[str] = Counter()
    async with (
        faulty(PODS, seen) as addresses,
        program(tmp_path, discovery(*addresses)) as sidecar,
    ):
        half_kb: list[int] = []
        start_kb = sidecar.memory_kb()
        crowd = Crowd(sidecar.outbound, lambda: half_kb.append(sidecar.memory_kb()))
        began = clock.now()
        await crowd.run()
        took_s = clock.now() - began
        end_kb = sidecar.memory_kb()
        await at_rest(sidecar)
        print(f"{REQUESTS:,} requests, seed {SEED}: {REQUESTS / took_s:,.0f}/s")
        print(f"resident: {start_kb} KiB at first, {half_kb[0]} at half, {end_kb} at the end")
        print(f"pods: {dict(seen)}\nclients: {dict(crowd.statuses)}")
        assert set(seen) == set(FATES), "everything that can go wrong has"
        assert crowd.statuses["200"] > REQUESTS // 2, "most are served all the same"
        assert end_kb - half_kb[0] < MOST_GROWTH_KB, "memory does not grow with requests"
        metrics = await scrape(sidecar.admin)
        assert metrics.total("equilibrium_policy_failures_total") == 0
        answered = metrics.total("equilibrium_responses_total", listener="outbound")
        assert answered == metrics.total("equilibrium_requests_total", listener="outbound"), "each is counted"
        assert (await ask(sidecar.outbound, request("/after"))).status in KNOWN, "it still serves"
