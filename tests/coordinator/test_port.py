"""The plain port and what it stands on: connections that say nothing, files for all who ask, counters from 0 on."""

import asyncio
import contextlib
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from prometheus_client.registry import CollectorRegistry

from coordinator import metrics, server
from tests.coordinator.loop.test_program import PATIENCE_S, READY, ROOT, environment
from tests.coordinator.loop.world import world

IDLE_S = 0.2


@contextlib.asynccontextmanager
async def port() -> AsyncIterator[tuple[str, int]]:
    """Served, with a path that takes its time."""

    async def slow(request: web.Request) -> web.Response:
        await asyncio.sleep(3 * IDLE_S)
        return web.Response(text="slow\n")

    made = server.Server(CollectorRegistry(), dict, str, None, [web.get("/slow", slow)])
    try:
        yield await made.start("127.0.0.1", 0)
    finally:
        await made.close()


@pytest.mark.parametrize("said", [b"", b"GET /livez HT", b"GET /livez HTTP/1.1\r\nHost: x\r\n"])
async def test_who_says_nothing_or_half_a_head_is_hung_up_on(
    said: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "IDLE_S", IDLE_S)
    async with port() as at, asyncio.timeout(PATIENCE_S):
        reader, writer = await asyncio.open_connection(*at)
        writer.write(said)
        assert await reader.read() == b""
        writer.close()


async def test_who_waits_for_an_answer_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "IDLE_S", IDLE_S)
    async with port() as at, asyncio.timeout(PATIENCE_S):
        reader, writer = await asyncio.open_connection(*at)
        writer.write(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await reader.readuntil(b"slow\n")).startswith(b"HTTP/1.1 200 ")
        writer.close()


async def test_it_takes_all_the_files_it_may_have() -> None:
    """A soft limit of 1,024 would be 500 sidecars: each keeps a connection for endpoints, and one for advice."""
    script = 'ulimit -Sn 256 && exec "$0" -m coordinator --dry-run'
    async with world() as w, asyncio.timeout(PATIENCE_S):
        process = await asyncio.create_subprocess_exec(
            "sh",
            "-c",
            script,
            sys.executable,
            env=environment(w),
            cwd=ROOT,
            stderr=asyncio.subprocess.PIPE,
        )
        assert process.stderr is not None
        try:
            while not READY.search((await process.stderr.readline()).decode()):
                assert not process.stderr.at_eof()
            limits = await asyncio.to_thread(Path(f"/proc/{process.pid}/limits").read_text)
        finally:
            process.kill()
            await process.communicate()
    soft, hard = re.findall(r"Max open files\s+(\d+)\s+(\d+)", limits)[0]
    assert soft == hard != "256"


def test_cycles_are_counted_from_the_start() -> None:
    """A series that began with its first failure would hide that failure from every rate()."""
    registry = metrics.Metrics().registry
    counted = {
        result: registry.get_sample_value("equilibrium_coordinator_cycles_total", {"result": result})
        for result in ("done", "idle", "failed")
    }
    assert counted == {"done": 0.0, "idle": 0.0, "failed": 0.0}
