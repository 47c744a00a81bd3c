"""The port others reach our application through: signals read, written and stripped at the edge; peers and proof."""

import re

import pytest

from sidecar import clock
from sidecar.policy import auth
from sidecar.policy.endpoints import Caller
from sidecar.proxy.http1.server import ServerConnection
from sidecar.proxy.limits import Timeouts
from tests.proxy.pods import GET, Call, Path, answer_ok, hang, path, read_answer, reset, status

KEY = b"a mesh key"
LOCAL = (Caller("127.0.0.1", "default/ticket", 2.0),)
SIGNALS = b"X-GT-Caller: default/ticket\r\nx-gt-bid: 1.5\r\nX-GT-Attempt: 2\r\n"


def asking(fields: bytes) -> bytes:
    return GET[:-2] + fields + b"\r\n"


def peers(mesh: Path) -> list[tuple[str, str]]:
    return [
        (connection.peer.workload, connection.peer.proof)
        for connection in mesh.inbound.connections
        if isinstance(connection, ServerConnection)
    ]


async def test_the_application_gets_the_request_without_the_meshs_signals() -> None:
    async with path(answer_ok, callers=LOCAL) as mesh:
        assert (await mesh.ask(asking(SIGNALS), mesh.inbound)).status == 200
        (call,) = mesh.pods[0].calls
        assert b"x-gt-" not in call.head.lower()
        assert re.search(rb"\r\nVia: 1\.1 eq-cafe\r\n", call.head)


async def test_every_response_tells_how_busy_we_are() -> None:
    async with path(answer_ok, concurrency=10) as mesh:
        assert (await mesh.ask(GET, mesh.inbound)).field(b"X-GT-Congestion") == b"0.10"


async def test_congestion_counts_what_is_in_flight() -> None:
    async def slow(call: Call) -> None:
        if call.head.startswith(b"GET /slow"):
            await hang(call)
        await call.answer()

    async with path(slow, concurrency=4) as mesh:
        for _ in range(3):
            _, writer = await mesh.connect(mesh.inbound)
            writer.write(GET.replace(b"/x", b"/slow"))
        while len(mesh.pods[0].calls) < 3:
            await mesh.pods[0].asked.wait()
            mesh.pods[0].asked.clear()
        assert (await mesh.ask(GET, mesh.inbound)).field(b"X-GT-Congestion") == b"1.00"


async def test_what_the_application_claims_in_signals_does_not_leave_the_pod() -> None:
    forging = status(b"200 OK", b"X-GT-Reputation: 1.00\r\nX-GT-Congestion: 0.00\r\nX-Own: kept\r\n")
    async with path(forging, concurrency=10) as mesh:
        answer = await mesh.ask(GET, mesh.inbound)
        assert answer.field(b"X-GT-Reputation") is None
        assert answer.field(b"X-GT-Congestion") == b"0.10"
        assert answer.field(b"X-Own") == b"kept"


async def test_an_application_that_is_down_is_told_apart_from_one_that_failed() -> None:
    async with path(None) as mesh:
        answer = await mesh.ask(GET, mesh.inbound)
        assert (answer.status, answer.field(b"X-GT-Reason")) == (502, b"app-unreachable")


async def test_inbound_does_not_repeat_a_request() -> None:
    async with path(reset) as mesh:
        assert (await mesh.ask(GET, mesh.inbound)).status == 502
        assert mesh.calls() == [1]


async def test_a_503_of_the_application_is_passed_on() -> None:
    async with path(status(b"503 Service Unavailable")) as mesh:
        assert (await mesh.ask(GET, mesh.inbound)).status == 503
        assert mesh.calls() == [1]


async def test_a_dead_pooled_connection_to_the_application_is_not_an_error() -> None:
    async def once(call: Call) -> None:
        if call.number == 1:
            await call.answer()
        else:
            call.writer.transport.abort()

    async with path(once) as mesh:
        assert [(await mesh.ask(GET, mesh.inbound)).status for _ in range(4)] == [200] * 4


async def test_any_host_reaches_our_application() -> None:
    async with path(answer_ok) as mesh:
        assert (await mesh.ask(GET.replace(b"bus-service", b"whatever.example"), mesh.inbound)).status == 200


async def test_a_redirected_connection_goes_to_its_original_pod_address() -> None:
    async with path(answer_ok, answer_ok) as mesh:
        mesh.originals["*"] = mesh.pods[1].address
        await mesh.ask(GET, mesh.inbound)
        assert mesh.calls() == [0, 1]


async def test_a_known_address_is_a_proven_peer_and_its_deadline_counts() -> None:
    async with path(hang, callers=LOCAL) as mesh:
        answer = await mesh.ask(asking(b"X-GT-Deadline-Ms: 80\r\n"), mesh.inbound)
        assert (answer.status, answer.field(b"X-GT-Reason")) == (504, b"deadline")


@pytest.mark.parametrize(
    ("value", "ignored"), [(b"bus-1", 0), (b"[fd00::7]:80", 0), (b"bus 1", 1), (b"a,b", 1)]
)
async def test_a_recommendation_is_for_people_and_ends_here(value: bytes, ignored: int) -> None:
    async with path(answer_ok, callers=LOCAL) as mesh:
        assert (await mesh.ask(asking(b"X-GT-Recommendation: %b\r\n" % value), mesh.inbound)).status == 200
        assert mesh.pods[0].calls[0].field(b"X-GT-Recommendation") is None
        assert mesh.inbound.stats.ignored_signals["recommendation"] == ignored


async def test_an_unknown_peer_has_its_signals_dropped_and_counted() -> None:
    async with path(hang, timeouts=Timeouts(first_byte_s=0.2)) as mesh:
        answer = await mesh.ask(asking(b"X-GT-Deadline-Ms: 10\r\n"), mesh.inbound)
        assert answer.field(b"X-GT-Reason") == b"timeout", "a stranger's deadline is not believed"
        assert mesh.inbound.stats.ignored_signals["unproven"] == 1


def _signed(workload: str = "default/ticket", key: bytes = KEY, path_: bytes = b"/x") -> bytes:
    value = auth.sign(
        key, method=b"GET", path=path_, body=b"", workload=workload, now_unix_s=clock.wall_s(), nonce="n" * 16
    )
    return b"X-GT-Auth: %b\r\nX-GT-Caller: default/ticket\r\n" % value


async def test_the_mesh_key_proves_a_connection_once() -> None:
    async with path(answer_ok, mesh_key=KEY) as mesh:
        reader, writer = await mesh.connect(mesh.inbound)
        writer.write(asking(_signed()))
        await read_answer(reader)
        assert peers(mesh) == [("default/ticket", "token")]
        writer.write(asking(b"X-GT-Bid: 1\r\n"))
        await read_answer(reader)
        assert mesh.inbound.stats.ignored_signals == {}, "later requests need no proof of their own"


@pytest.mark.parametrize(
    "forged",
    [
        _signed(key=b"another"),
        _signed(workload="default/admin"),
        _signed(path_=b"/y"),
        b"X-GT-Auth: v1 x\r\n",
    ],
    ids=["key", "workload", "path", "garbage"],
)
async def test_a_forged_proof_makes_a_stranger(forged: bytes) -> None:
    async with path(answer_ok, mesh_key=KEY, callers=LOCAL) as mesh:
        reader, writer = await mesh.connect(mesh.inbound)
        writer.write(asking(forged))
        assert (await read_answer(reader)).status == 200, "served, but as nobody"
        assert peers(mesh) == [("unknown", "none")]
        assert mesh.inbound.stats.ignored_signals["auth"] == 1


async def test_outbound_proves_itself_on_the_first_request_of_each_connection() -> None:
    async with path(answer_ok, mesh_key=KEY) as mesh:
        reader, writer = await mesh.connect()
        for _ in range(2):
            writer.write(GET)
            await read_answer(reader)
        first, second = mesh.pods[0].calls
        assert first.field(b"X-GT-Auth") is not None
        assert second.field(b"X-GT-Auth") is None
        assert first.field(b"X-GT-Caller") == second.field(b"X-GT-Caller") == b"default/me"


async def test_a_request_that_comes_back_to_its_own_sidecar_is_a_loop() -> None:
    async with path(answer_ok) as mesh:
        for listener in (mesh.inbound, mesh.outbound):
            answer = await mesh.ask(asking(b"Via: 1.1 other, 1.1 eq-cafe\r\n"), listener)
            assert (answer.status, answer.field(b"X-GT-Reason")) == (508, b"loop")
        assert (await mesh.ask(asking(b"Via: 1.1 eq-other\r\n"))).status == 200
