import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from loadtest.urbanmove import faults, handling
from loadtest.urbanmove.faults import Fault
from loadtest.urbanmove.pod import Options, Pod
from tests.support import urbanmove
from tests.support.urbanmove import Served

PATIENCE_S = 60.0
Waits = list[float]


@pytest.fixture
async def trajet() -> AsyncIterator[Served]:
    async with urbanmove.running("trajet") as served:
        yield served


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> Waits:
    """How long handling was told to sleep: asked instead of measured, so that a busy machine does not matter."""
    told: Waits = []
    real = asyncio.sleep

    async def sleep(delay: float) -> None:
        told.append(delay)
        await real(0)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    return told


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.005)


def _draws(fault: Fault, n: int = 4000) -> list[faults.Effect]:
    pod = Pod.of(Options("bus"))
    pod.faults.replace(fault)
    return [pod.faults.draw("/api/buses") for _ in range(n)]


async def test_a_healthy_pod_has_no_fault(trajet: Served) -> None:
    assert (await trajet.control("GET", "/faults")).json == {"pod": "trajet", "fault": None, "hanging": 0}


async def test_the_levers_are_not_on_the_applications_port(trajet: Served) -> None:
    for method, path in (("PUT", "/faults"), ("GET", "/stats"), ("POST", "/crash"), ("DELETE", "/faults")):
        assert (await trajet.ask(method, path, {})).status == 404


async def test_a_fault_replaces_the_one_before_it_whole(trajet: Served) -> None:
    await trajet.fault(latency_ms=5, routes=["/api/search"])
    shown = await trajet.control("PUT", "/faults", {"random_ms": 7})
    assert shown.json["fault"] == {
        "latency_ms": 0.0, "random_ms": 7.0, "fraction": 1.0, "error_status": None, "error_rate": 1.0, "hang": False,
        "slow_body_ms": 0.0, "cpu_ms": 0.0, "routes": [],
    }  # fmt: skip
    assert (await trajet.control("DELETE", "/faults")).json["fault"] is None


@pytest.mark.parametrize(
    ("field", "value", "allowed"),
    [
        ("latency_ms", -1, "0 to 600000"),
        ("latency_ms", "5", "number"),
        ("random_ms", True, "number"),
        ("fraction", 1.01, "0 to 1"),
        ("error_status", 200, "400 to 599"),
        ("error_status", 503.0, "whole number"),
        ("error_rate", -0.1, "0 to 1"),
        ("hang", 1, "true or false"),
        ("slow_body_ms", None, "number"),
        ("cpu_ms", 1e9, "0 to 600000"),
        ("routes", "/api", "list"),
        ("routes", ["api"], "beginning with /"),
        ("latency", 5, "latency_ms"),
    ],
)
async def test_a_bad_field_is_named_with_what_is_allowed(
    trajet: Served, field: str, value: Any, allowed: str
) -> None:
    await trajet.fault(latency_ms=1)
    reply = await trajet.control("PUT", "/faults", {field: value})
    assert reply.status == 400
    assert reply.json["error"].startswith(f"{field}:")
    assert allowed in reply.json["error"]
    shown = (await trajet.control("GET", "/faults")).json["fault"]
    assert shown["latency_ms"] == 1, "a refused fault must leave the active one"


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"7"])
async def test_a_fault_that_is_no_object_is_400(trajet: Served, body: bytes) -> None:
    assert (await trajet.control("PUT", "/faults", body)).status == 400


async def test_latency_is_added_once_and_to_the_given_routes_only(trajet: Served, waits: Waits) -> None:
    await trajet.fault(latency_ms=50_000, routes=["/api/lines/", "/api/search"])
    assert (await trajet.get("/api/lines/32H")).status == 200
    assert waits.count(50.0) == 1
    assert (await trajet.get("/api/lines")).status == 200
    assert waits.count(50.0) == 1, "/api/lines is not below /api/lines/"


async def test_health_checks_never_suffer(trajet: Served) -> None:
    for fault in (
        {"hang": True},
        {"error_status": 503},
        {"latency_ms": 600_000},
        {"hang": True, "routes": ["/"]},
    ):
        await trajet.fault(**fault)
        assert (await trajet.get("/actuator/health")).status == 200


async def test_errors_come_at_once_from_the_pod_itself(trajet: Served, waits: Waits) -> None:
    await trajet.fault(error_status=503, latency_ms=600_000)
    reply = await trajet.get("/api/lines")
    assert (reply.status, reply.pod, waits) == (503, "trajet", [])
    await trajet.fault(error_status=599)
    assert (await trajet.get("/api/lines")).status == 599
    await trajet.heal()
    assert (await trajet.get("/api/lines")).status == 200


def test_random_latency_is_uniform_from_nothing_to_its_limit() -> None:
    drawn = sorted(effect.delay_s for effect in _draws(Fault(random_ms=500, latency_ms=100)))
    assert 0.1 <= drawn[0] < 0.11
    assert 0.59 < drawn[-1] <= 0.6
    assert drawn[len(drawn) // 2] == pytest.approx(0.35, abs=0.02)


@pytest.mark.parametrize(
    "kind", [{"latency_ms": 5.0}, {"hang": True}, {"error_status": 503}, {"cpu_ms": 5.0}]
)
def test_the_fraction_holds_for_every_kind(kind: dict[str, Any]) -> None:
    hit = sum(effect != faults.NOTHING for effect in _draws(Fault(fraction=0.1, **kind)))
    assert hit == pytest.approx(400, abs=80)
    assert all(effect == faults.NOTHING for effect in _draws(Fault(fraction=0.0, **kind)))


def test_what_is_not_an_error_suffers_the_rest() -> None:
    drawn = _draws(Fault(error_status=503, error_rate=0.25, latency_ms=10))
    assert sum(effect.error_status == 503 for effect in drawn) == pytest.approx(1000, abs=120)
    assert {effect.delay_s for effect in drawn if effect.error_status is None} == {0.01}


async def test_hung_requests_get_no_byte_until_healed_and_then_a_normal_answer(trajet: Served) -> None:
    await trajet.fault(hang=True)
    loop = asyncio.get_running_loop()
    waiting = [loop.create_task(trajet.get("/api/lines/32H")) for _ in range(5)]
    await _until(lambda: trajet.at.pod.faults.hanging == 5)
    assert not any(each.done() for each in waiting)
    await trajet.heal()
    assert [(await each).status for each in waiting] == [200] * 5


async def test_a_new_fault_releases_what_it_does_not_hang(trajet: Served) -> None:
    await trajet.fault(hang=True)
    waiting = asyncio.get_running_loop().create_task(trajet.get("/api/lines/32H"))
    await _until(lambda: trajet.at.pod.faults.hanging == 1)
    await trajet.fault(hang=True, latency_ms=1)
    await asyncio.sleep(0)
    assert trajet.at.pod.faults.hanging == 1
    await trajet.fault(hang=True, routes=["/api/search"])
    assert (await waiting).status == 200


async def test_a_hung_request_whose_caller_left_is_not_worked_on_later() -> None:
    async with urbanmove.running("bus") as bus:
        await bus.fault(hang=True)
        host, port = bus.at.listen.split(":")
        body = b'{"busNumber":"ghost","lineCode":"L","capacity":1}'
        with socket.create_connection((host, int(port))) as caller:
            caller.sendall(
                b"POST /api/buses HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body
            )
            await _until(lambda: bus.at.pod.faults.hanging == 1)
        await _until(lambda: not bus.connected)
        await bus.heal()
        await _until(lambda: bus.at.pod.faults.hanging == 0)
        assert (await bus.get("/api/buses/number/ghost")).status == 400


async def test_a_slow_body_sends_its_head_at_once_and_the_rest_in_ten_pieces(
    trajet: Served, waits: Waits
) -> None:
    whole = (await trajet.get("/api/lines")).raw
    waits.clear()
    await trajet.fault(slow_body_ms=20_000)
    async with trajet.session.get(f"{trajet.url}/api/lines") as reply:
        assert reply.status == 200
        assert reply.content_length == len(whole)
        assert await reply.read() == whole
    assert waits.count(2.0) == 10


async def test_a_slow_body_of_nothing_is_just_a_head(trajet: Served) -> None:
    await trajet.fault(slow_body_ms=20_000)
    assert (await trajet.get("/api/lines/none")).status == 404
    head = await trajet.ask("HEAD", "/api/lines")
    assert (head.status, head.raw) == (200, b"")
    assert int(head.headers["Content-Length"]) > 0


async def test_a_gateway_can_be_slow_too(
    trajet: Served, monkeypatch: pytest.MonkeyPatch, waits: Waits
) -> None:
    monkeypatch.setenv("TRAJET_SERVICE_URL", trajet.url)
    async with urbanmove.running("gateway") as gateway:
        whole = await gateway.get("/api/lines")
        await gateway.fault(slow_body_ms=20_000)
        slow = await gateway.get("/api/lines")
    assert (slow.raw, slow.pod) == (whole.raw, "trajet")
    assert waits.count(2.0) == 10


async def test_cpu_is_burnt_on_the_loop_for_each_request(
    trajet: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    burnt: list[float] = []
    monkeypatch.setattr(handling, "burn", burnt.append)
    await trajet.fault(cpu_ms=30)
    await trajet.get("/api/lines/32H")
    assert burnt == [0.03]


def test_burning_spends_cpu_time() -> None:
    spent = iter([0.0, 0.01, 0.02, 0.031])
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("time.thread_time", lambda: next(spent))
        handling.burn(0.03)
    assert next(spent, None) is None


async def test_stats_count_by_template_and_leave_health_out(trajet: Served) -> None:
    for path in ("/api/lines/32H", "/api/lines/2", "/none", "/actuator/health"):
        await trajet.get(path)
    assert (await trajet.control("GET", "/stats")).json == {
        "requests": 3,
        "by_route": {"GET /api/lines/{ref}": 2, "GET (no such path)": 1},
    }
