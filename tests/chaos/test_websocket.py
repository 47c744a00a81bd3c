"""The GPS feed: one long connection through gateway and sidecars, whatever else happens to its pod."""

import asyncio
import json

import aiohttp
import pytest

from loadtest.mesh import Mesh

pytestmark = pytest.mark.slow
PATIENCE_S = 60.0


async def positions(feed: aiohttp.ClientWebSocketResponse, count: int) -> None:
    """So many buses' positions arrive."""
    async with asyncio.timeout(PATIENCE_S):
        for _ in range(count):
            message = await feed.receive()
            assert message.type is aiohttp.WSMsgType.TEXT, f"the feed goes on: {message}"
            assert json.loads(message.data)["type"] == "GPS_UPDATE"


async def test_the_gps_feed_survives_a_fault_and_its_healing(mesh: Mesh) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"http://{mesh.entry}/ws/gps-tracking") as feed,
    ):
        await positions(feed, 5)
        for fields in ({"latency_ms": 300}, {"error_status": 503, "error_rate": 1.0}, {"hang": True}):
            for pod in mesh.pods("bus-service"):
                mesh.fault(pod, **fields)
            await positions(feed, 5)
            for pod in mesh.pods("bus-service"):
                mesh.heal(pod)
            await positions(feed, 5)
