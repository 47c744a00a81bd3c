import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import pytest

from tests.support import urbanmove
from tests.support.urbanmove import RIDER, Served

USER = "1b671a64-40d5-491e-99b0-da01ff1f3341"
NOWHERE = "http://127.0.0.1:9"
PATIENCE_S = 60.0
Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
TRACED = (
    b"traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    b"tracestate: rojo=00f067aa0ba902b7,congo=t61rcWkgMzE",
    b"X-B3-TraceId: 80f198ee56343ba864fe8b2a57d3eff7",
    b"x-b3-spanid: e457b5a2e4d86bd1",
    b"b3: 80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-1",
    b"iDeMpOtEnCy-KeY: 7A1f-Zz",
    b"X-GT-Bid: 12",
    b"X-Twice: one",
    b"X-Twice: two",
    b"Cookie: a=b; c=d",
)


@pytest.fixture
async def city(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[dict[str, Served]]:
    async with urbanmove.city(monkeypatch) as found:
        yield found


@pytest.fixture
def gateway(city: dict[str, Served]) -> Served:
    return city["gateway"]


@pytest.mark.parametrize(
    ("path", "service", "status"),
    [
        ("/api/auth/login", "user", 405),
        ("/api/users/me", "user", 403),
        ("/api/buses", "bus", 200),
        ("/api/buses/status/ACTIVE", "bus", 200),
        ("/api/lines", "trajet", 200),
        ("/api/lines/32H/complete", "trajet", 200),
        ("/api/lines/none", "trajet", 404),
        ("/api/search?fromLat=34&fromLon=-6.85&toLat=34.02&toLon=-6.8", "trajet", 200),
        (f"/api/v1/tickets?userId={USER}", "ticket", 200),
        ("/api/v1/payments/webhook", "ticket", 405),
    ],
)
async def test_every_prefix_leads_to_its_service(
    gateway: Served, path: str, service: str, status: int
) -> None:
    reply = await gateway.get(path)
    assert (reply.pod, reply.status) == (service, status), f"{path} went astray"


@pytest.mark.parametrize(
    "path", ["/", "/api", "/api/bus/1", "/api/busesses", "/api/v2/tickets", "/actuator/info"]
)
async def test_nothing_else_is_served(gateway: Served, path: str) -> None:
    reply = await gateway.get(path)
    assert (reply.pod, reply.status) == ("gateway", 404)


async def test_health_is_the_gateways_own(gateway: Served) -> None:
    reply = await gateway.get("/actuator/health")
    assert (reply.pod, reply.json) == ("gateway", {"status": "UP"})


async def test_a_journey_through_the_gateway(gateway: Served) -> None:
    token = await gateway.login()
    assert (await gateway.ask("GET", "/api/users/me", token=token)).json["email"] == RIDER[0]
    order = {"userId": USER, "trajetId": 5, "quantity": 1}
    made = await gateway.ask("POST", "/api/v1/tickets", order, Idempotency_Key="j1")
    assert made.status == 201
    again = await gateway.ask("POST", "/api/v1/tickets", order, Idempotency_Key="j1")
    assert again.raw == made.raw, "the idempotency key did not reach the service"
    pay = f"/api/v1/tickets/{made.json['id']}/pay"
    assert (await gateway.ask("POST", pay, {"paymentMethod": "CASH"}, Idempotency_Key="j2")).status == 200


async def test_escaped_paths_are_not_rewritten(gateway: Served) -> None:
    reply = await gateway.get("/api/buses/number/a%2Fb%20c?x=%41")
    assert (reply.status, reply.json["message"]) == (400, "Bus not found: a/b c")


async def test_counts_are_by_row_of_the_table(gateway: Served) -> None:
    await gateway.get("/api/buses/status/ACTIVE")
    assert (await gateway.control("GET", "/stats")).json["by_route"] == {"GET /api/buses/{rest}": 1}


@contextlib.asynccontextmanager
async def _scripted(answer: Answer) -> AsyncIterator[str]:
    """The far side, as bytes; its base URL."""
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()[:2]
    try:
        yield f"http://{host}:{port}"
    finally:
        server.close()


async def _head(reader: asyncio.StreamReader) -> bytes:
    return await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE_S)


async def _raw(gateway: Served, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(*gateway.at.listen.split(":"))
    writer.write(request)
    reply = await asyncio.wait_for(reader.read(), PATIENCE_S)
    writer.close()
    await writer.wait_closed()
    return reply


async def test_end_to_end_headers_arrive_byte_identical_in_their_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await _head(reader))
        writer.write(
            b"HTTP/1.1 200 Fine\r\nContent-Length: 2\r\nconnection: x-hop\r\nX-Hop: 1\r\nX-Pod: far\r\n"
            b"sEt-CoOkIe: a=1\r\nSet-Cookie: b=2\r\nServer: Netty\r\nDate: Tue, 01 Jan 2030 00:00:00 GMT\r\n\r\nok"
        )
        writer.close()

    async with _scripted(answer) as url:
        monkeypatch.setenv("BUS_SERVICE_URL", url)
        async with urbanmove.running("gateway") as gateway:
            hop = (b"GET /api/buses HTTP/1.1", b"Host: city", b"Connection: close, X-Drop", b"X-Drop: 1")
            request = b"\r\n".join((*hop, *TRACED, b"", b""))
            reply = await _raw(gateway, request)
    received = seen[0].split(b"\r\n")
    assert tuple(line for line in received if line in TRACED) == TRACED, "names, values or order changed"
    assert received[1] == b"Host: " + url.removeprefix("http://").encode(), "the target has its own Host"
    unasked = [line for line in received[2:-2] if line not in TRACED]
    assert unasked == [], "the gateway adds nothing and passes no hop-by-hop header"
    head = reply.partition(b"\r\n\r\n")[0].split(b"\r\n")
    assert head[0] == b"HTTP/1.1 200 Fine"
    for line in (b"X-Pod: far", b"sEt-CoOkIe: a=1", b"Set-Cookie: b=2", b"Server: Netty",
                 b"Date: Tue, 01 Jan 2030 00:00:00 GMT"):  # fmt: skip
        assert head.count(line) == 1
    assert b"X-Hop: 1" not in head
    assert not any(line.lower().startswith(b"content-type") for line in head), (
        "nothing invented in the answer"
    )


async def test_bodies_stream_both_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    """The far side sees the first piece before the last is sent, and answers before it has all."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _head(reader)
        await reader.readuntil(b"first")
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nearly\r\n")
        await reader.readuntil(b"0\r\n\r\n")
        writer.write(b"4\r\nlate\r\n0\r\n\r\n")
        writer.close()

    early = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield b"first"
        await asyncio.wait_for(early.wait(), PATIENCE_S)
        yield b"last"

    async with _scripted(answer) as url:
        monkeypatch.setenv("BUS_SERVICE_URL", url)
        async with (
            urbanmove.running("gateway") as gateway,
            gateway.session.post(f"{gateway.url}/api/buses", data=body()) as reply,
        ):
            assert await reply.content.readexactly(5) == b"early"
            early.set()
            assert await reply.content.read() == b"late"


async def test_compressed_bodies_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bytes] = []
    packed = b"\x1f\x8bnot really gzip"

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _head(reader)
        seen.append(await reader.readexactly(len(packed)))
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed) + packed
        )
        writer.close()

    async with _scripted(answer) as url:
        monkeypatch.setenv("BUS_SERVICE_URL", url)
        async with urbanmove.running("gateway") as gateway:
            head = b"POST /api/buses HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Encoding: gzip\r\n"
            reply = await _raw(gateway, head + b"Content-Length: %d\r\n\r\n" % len(packed) + packed)
    assert seen == [packed]
    assert reply.endswith(b"\r\n\r\n" + packed)


async def test_head_has_the_length_and_no_body(gateway: Served) -> None:
    reply = await _raw(gateway, b"HEAD /api/buses HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    head, _, body = reply.partition(b"\r\n\r\n")
    assert b"HTTP/1.1 200" in head
    assert body == b""


async def test_no_connection_is_503(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUS_SERVICE_URL", NOWHERE)
    async with urbanmove.running("gateway") as gateway:
        reply = await gateway.get("/api/buses")
        assert (reply.status, reply.pod) == (503, "gateway")
        with pytest.raises(aiohttp.WSServerHandshakeError, match="503"):
            await gateway.session.ws_connect(f"{gateway.url}/ws/gps-tracking")


@pytest.mark.parametrize("said", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Le"])
async def test_a_broken_answer_is_502(monkeypatch: pytest.MonkeyPatch, said: bytes) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _head(reader)
        writer.write(said)
        writer.close()

    async with _scripted(answer) as url:
        monkeypatch.setenv("BUS_SERVICE_URL", url)
        async with urbanmove.running("gateway") as gateway:
            assert (await gateway.get("/api/buses")).status == 502


async def test_an_answer_that_stops_midway_is_not_passed_off_as_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n")
        writer.close()

    async with _scripted(answer) as url:
        monkeypatch.setenv("BUS_SERVICE_URL", url)
        async with urbanmove.running("gateway") as gateway:
            with pytest.raises(aiohttp.ClientError):
                await gateway.get("/api/buses")


async def test_a_service_that_hangs_is_waited_for(city: dict[str, Served], gateway: Served) -> None:
    await city["bus"].fault(hang=True)
    waiting = asyncio.get_running_loop().create_task(gateway.get("/api/buses"))
    while (await city["bus"].control("GET", "/faults")).json["hanging"] == 0:
        await asyncio.sleep(0.01)
    assert (await gateway.get("/api/lines")).status == 200, "one hung service must not stop the others"
    await city["bus"].heal()
    assert (await waiting).status == 200


async def test_a_caller_who_leaves_is_not_waited_for(city: dict[str, Served], gateway: Served) -> None:
    await city["bus"].fault(hang=True)
    _, writer = await asyncio.open_connection(*gateway.at.listen.split(":"))
    writer.write(b"GET /api/buses HTTP/1.1\r\nHost: x\r\n\r\n")
    while city["bus"].at.pod.faults.hanging == 0:
        await asyncio.sleep(0.01)
    writer.close()
    async with asyncio.timeout(PATIENCE_S):
        while city["bus"].connected:
            await asyncio.sleep(0.01)
    await city["bus"].heal()
