"""A real redis-server on loopback, which dies, hangs, fills up and returns when a test says so."""

import asyncio
import os
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import redis.asyncio

from tests.support import ports

PROGRAM = shutil.which("redis-server")
MISSING = "no redis-server here (Debian: apt-get install redis-server)"

if PROGRAM is None and os.environ.get("CI"):
    raise RuntimeError(MISSING)

needed = pytest.mark.skipif(PROGRAM is None, reason=MISSING)


class Server:
    """Always at the same port; what it held is gone when it returns."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._process: asyncio.subprocess.Process | None = None
        self.port = ports.free()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            str(PROGRAM),
            *("--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"),
            *("--dir", str(self._directory), "--maxmemory-policy", "noeviction"),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        async with asyncio.timeout(20.0):
            while not await self._answers():
                await asyncio.sleep(0.02)

    async def _answers(self) -> bool:
        try:
            async with self.client() as client:
                return bool(await client.ping())
        except redis.exceptions.ConnectionError:
            return False

    @asynccontextmanager
    async def client(self) -> AsyncIterator[redis.asyncio.Redis]:
        made = redis.asyncio.Redis(port=self.port)
        try:
            yield made
        finally:
            await made.aclose()

    def signal(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    async def kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()  # a stopped one too
            await self._process.wait()

    def hang(self) -> None:
        self.signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self.signal(signal.SIGCONT)

    async def fill(self) -> None:
        """From here on it takes no further byte."""
        async with self.client() as client:
            await client.config_set("maxmemory", "1")

    async def empty(self) -> None:
        async with self.client() as client:
            await client.config_set("maxmemory", "0")


@asynccontextmanager
async def running(directory: Path) -> AsyncIterator[Server]:
    server = Server(directory)
    await server.start()
    try:
        yield server
    finally:
        await server.kill()
