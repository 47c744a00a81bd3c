"""Asking, over sockets of our own: one message, one answer; a scrape; a poll with a promise."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from tests.proxy.pods import Answer, Pod, Script, read_answer

PATIENCE_S = 30.0
POLL_S = 0.01


async def until(
    condition: Callable[[], Any | Awaitable[Any]], promise: str, patience_s: float = PATIENCE_S
) -> None:
    """Poll until `condition` holds; the promise is what is broken if it never does."""
    try:
        async with asyncio.timeout(patience_s):
            while True:
                holds = condition()
                if await holds if inspect.isawaitable(holds) else holds:
                    return
                await asyncio.sleep(POLL_S)
    except TimeoutError:
        raise AssertionError(f"broken promise: {promise}") from None


def split(address: str) -> tuple[str, int]:
    """`ip:port`."""
    host, _, port = address.rpartition(":")
    return host, int(port)


@dataclass(frozen=True, slots=True)
class Client:
    """One connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def ask(self, raw: bytes) -> Answer:
        """One request, one answer; the connection stays."""
        self.writer.write(raw)
        return await read_answer(self.reader, raw.partition(b" ")[0])

    def abort(self) -> None:
        """Leave at once."""
        self.writer.transport.abort()


@asynccontextmanager
async def client(address: str) -> AsyncIterator[Client]:
    """A connection that is closed at the end."""
    made = Client(*await asyncio.open_connection(*split(address)))
    try:
        yield made
    finally:
        made.abort()


async def ask(address: str, raw: bytes) -> Answer:
    """One request on a connection of its own."""
    async with client(address) as made:
        return await made.ask(raw)


def request(target: str, method: str = "GET", body: bytes = b"", **fields: str) -> bytes:
    """`fields` in Python spelling: `x_gt_auth="…"`; Host defaults to the service every test has."""
    named = {"host": "bus-service", **fields}
    if body:
        named["content_length"] = str(len(body))
    lines = [f"{method} {target} HTTP/1.1", *(f"{k.replace('_', '-')}: {v}" for k, v in named.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body


async def accepts(address: str) -> bool:
    """Whether somebody listens there."""
    try:
        async with client(address):
            return True
    except ConnectionError:  # refused, or reset in the queue of a listener that is closing
        return False


@asynccontextmanager
async def pods(*scripts: Script) -> AsyncIterator[list[Pod]]:
    """Scripted upstreams in this process."""
    started = [await Pod(script).start() for script in scripts]
    try:
        yield started
    finally:
        for pod in started:
            await pod.stop()


class Scrape:
    """One answer of /metrics, as Prometheus' own parser reads it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.families: dict[tuple[str, str], Metric] = {}
        for family in text_string_to_metric_families(text):
            key = family.name, family.type
            assert key not in self.families, f"{family.name} is declared twice"
            self.families[key] = family
        self._samples = [sample for family in self.families.values() for sample in family.samples]

    @property
    def names(self) -> set[str]:
        """Of all samples, as a query would spell them."""
        return {sample.name for sample in self._samples}

    def rows(self, name: str, **labels: str) -> list[tuple[dict[str, str], float]]:
        """Labels and values of the samples called `name` that carry `labels`."""
        return [
            (dict(sample.labels), sample.value)
            for sample in self._samples
            if sample.name == name and labels.items() <= sample.labels.items()
        ]

    def total(self, name: str, **labels: str) -> float:
        """Their sum; 0 where there is none."""
        return sum(value for _, value in self.rows(name, **labels))

    def values(self, name: str, label: str, **labels: str) -> set[str]:
        """What values a label has."""
        return {row[label] for row, _ in self.rows(name, **labels)}

    def series(self) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
        """Everything, by name and labels."""
        return {(s.name, frozenset(s.labels.items())): s.value for s in self._samples}


async def scrape(admin: str) -> Scrape:
    """What Prometheus would get."""
    answer = await ask(admin, request("/metrics", host="prometheus"))
    assert answer.status == 200, "/metrics is open to all"
    return Scrape(answer.body.decode())
