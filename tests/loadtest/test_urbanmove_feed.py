"""The GPS feed through the gateway."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import WSCloseCode, WSMsgType

from tests.support import urbanmove
from tests.support.urbanmove import Served


@pytest.fixture
async def city(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[dict[str, Served]]:
    async with urbanmove.city(monkeypatch) as found:
        yield found


@pytest.fixture
def gateway(city: dict[str, Served]) -> Served:
    return city["gateway"]


async def test_the_feed_passes_through_and_names_the_pod(city: dict[str, Served], gateway: Served) -> None:
    seen: list[str | None] = []

    async def ended(session: object, context: object, said: aiohttp.TraceRequestEndParams) -> None:
        seen.append(said.response.headers.get("X-Pod"))

    trace = aiohttp.TraceConfig()
    trace.on_request_end.append(ended)
    async with aiohttp.ClientSession(trace_configs=[trace]) as session:
        async with session.ws_connect(f"{gateway.url}/ws/gps-tracking") as feed:
            assert (await feed.receive_json())["type"] == "GPS_UPDATE"
        assert seen == ["bus"]
    while city["bus"].at.pod.sockets or gateway.at.pod.sockets:
        await asyncio.sleep(0.01)


async def test_a_refused_handshake_is_passed_on(city: dict[str, Served], gateway: Served) -> None:
    await city["bus"].fault(error_status=503)
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await gateway.session.ws_connect(f"{gateway.url}/ws/gps-tracking")
    assert refused.value.status == 503
    assert refused.value.headers is not None
    assert refused.value.headers["X-Pod"] == "bus"


@pytest.mark.parametrize("draining", ["bus", "gateway"])
async def test_a_draining_pod_says_goodbye_on_the_feed(
    city: dict[str, Served], gateway: Served, draining: str
) -> None:
    async with gateway.session.ws_connect(f"{gateway.url}/ws/gps-tracking") as feed:
        await feed.receive_json()
        await city[draining].at.drain()
        while (message := await feed.receive()).type is WSMsgType.TEXT:
            pass
        assert (message.type, message.data) == (WSMsgType.CLOSE, WSCloseCode.GOING_AWAY)


async def test_what_the_client_says_arrives_and_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real feed ignores its clients, so an echo stands in for it."""

    async def echo(request: aiohttp.web.Request) -> aiohttp.web.WebSocketResponse:
        socket = aiohttp.web.WebSocketResponse(protocols=("v2", "v1"))
        await socket.prepare(request)
        async for message in socket:
            assert message.type in {WSMsgType.TEXT, WSMsgType.BINARY}
            await (socket.send_str if message.type is WSMsgType.TEXT else socket.send_bytes)(message.data)
        return socket

    app = aiohttp.web.Application()
    app.add_routes([aiohttp.web.get("/ws/gps-tracking", echo)])
    runner = aiohttp.web.AppRunner(app)
    await runner.setup()
    await aiohttp.web.TCPSite(runner, "127.0.0.1", 0).start()
    monkeypatch.setenv("BUS_SERVICE_URL", "http://{}:{}".format(*runner.addresses[0]))
    async with (
        urbanmove.running("gateway") as gateway,
        gateway.session.ws_connect(f"{gateway.url}/ws/gps-tracking", protocols=("v1",)) as feed,
    ):
        assert feed.protocol == "v1"
        await feed.send_str("salut")
        assert await feed.receive_str() == "salut"
        await feed.send_bytes(b"\x00\xff")
        assert await feed.receive_bytes() == b"\x00\xff"
    await runner.cleanup()
