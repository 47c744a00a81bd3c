"""Where a pod's own calls go: through its sidecar, or to addresses as kube-proxy picks them."""

import asyncio
import contextlib
import random
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from loadtest import processes
from loadtest.urbanmove import upstreams
from loadtest.urbanmove.pod import Options
from tests.support import urbanmove


@contextlib.asynccontextmanager
async def _three_buses_and_a_gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Any]:
    net = processes.loopback_net()
    addresses = [f"{net}.{n}" for n in (11, 12, 13)]
    hosts = urbanmove.hosts_file(tmp_path, {"bus-service": addresses})
    monkeypatch.setenv("BUS_SERVICE_URL", "http://bus-service:8080")
    async with contextlib.AsyncExitStack() as stack:
        for ip in addresses:
            await stack.enter_async_context(urbanmove.running("bus", name=ip, listen=f"{ip}:8080"))
        yield addresses, await stack.enter_async_context(urbanmove.running("gateway", hosts=hosts))


async def test_without_a_sidecar_requests_stick_to_the_connection_they_share(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with _three_buses_and_a_gateway(tmp_path, monkeypatch) as (_, gateway):
        pods = {(await gateway.get("/api/buses")).pod for _ in range(30)}
    assert len(pods) == 1, "kube-proxy balances connections, not requests"


async def test_without_a_sidecar_new_connections_spread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with _three_buses_and_a_gateway(tmp_path, monkeypatch) as (addresses, gateway):
        replies = await asyncio.gather(*(gateway.get("/api/buses") for _ in range(60)))
    counts = Counter(reply.pod for reply in replies)
    assert set(counts) == set(addresses)
    assert min(counts.values()) >= 5, "each connection goes to a random pod"


async def test_changed_addresses_count_from_the_next_connection_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with _three_buses_and_a_gateway(tmp_path, monkeypatch) as (addresses, gateway):
        urbanmove.hosts_file(tmp_path, {"bus-service": addresses[:1]})
        replies = await asyncio.gather(*(gateway.get("/api/buses") for _ in range(20)))
        assert {reply.pod for reply in replies} == {addresses[0]}
        (tmp_path / "hosts.json").write_text("{")
        more = await asyncio.gather(*(gateway.get("/api/buses") for _ in range(40)))
        assert {reply.pod for reply in more} == {addresses[0]}, "half a file must not lose the addresses"


async def test_a_service_without_an_address_is_503(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUS_SERVICE_URL", "http://bus-service:8080")
    async with urbanmove.running(
        "gateway", hosts=urbanmove.hosts_file(tmp_path, {"bus-service": []})
    ) as gateway:
        assert (await gateway.get("/api/buses")).status == 503


async def test_with_a_sidecar_every_call_goes_there_under_the_services_own_name() -> None:
    heads: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Pod: far\r\n\r\n")
        writer.close()

    sidecar = await asyncio.start_server(answer, "127.0.0.1", 0)
    proxy = f"127.0.0.1:{sidecar.sockets[0].getsockname()[1]}"
    async with (
        urbanmove.running("gateway", proxy=proxy) as gateway,
        urbanmove.running("ticket", proxy=proxy) as ticket,
    ):
        for path in ("/api/buses", "/api/lines", "/api/auth/login", "/api/v1/tickets"):
            assert (await gateway.get(path)).pod == "far"
        order = {"userId": str(uuid.uuid4()), "trajetId": 3, "quantity": 1}
        traced = {"traceparent": "00-x-y-01", "X_GT_Bid": "1", "Idempotency_Key": "k"}
        assert (await ticket.ask("POST", "/api/v1/tickets", order, **traced)).status == 201
    sidecar.close()
    starts = [head.split(b"\r\n")[:2] for head in heads]
    assert starts == [
        [b"GET /api/buses HTTP/1.1", b"Host: bus-service:8080"],
        [b"GET /api/lines HTTP/1.1", b"Host: trajet-service:8081"],
        [b"GET /api/auth/login HTTP/1.1", b"Host: user-service:8081"],
        [b"GET /api/v1/tickets HTTP/1.1", b"Host: ticket-service:8080"],
        [b"GET /api/lines/routes/3 HTTP/1.1", b"Host: trajet-service:8081"],
    ]
    for header in (b"traceparent", b"x-gt-bid", b"idempotency-key"):
        assert header not in heads[-1].lower(), "ticket-service copies no headers"


async def test_the_gateway_has_no_limit_that_one_hung_pod_could_exhaust() -> None:
    session = upstreams.session(Options("gateway"), random.Random(1))
    assert session.connector is not None
    assert session.connector.limit == 0
    assert session.timeout.total is None
    await session.close()
