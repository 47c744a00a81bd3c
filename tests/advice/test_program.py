"""`equilibrium-sidecar` with a coordinator that advises it: what its users see, and what becomes of requests."""

import json
from pathlib import Path
from typing import Any

from aiohttp import web

from sidecar import clock
from sidecar.policy.auth import Verifier
from tests.program.process import Program, discovery, program, run
from tests.program.wire import ask, client, pods, request, until
from tests.proxy.pods import Pod, answer_ok
from tests.support.advice import AdviceServer
from tests.support.feed import Feed

BUS = "bus-service.default:8080"


async def _asked(sidecar: Program, count: int) -> None:
    async with client(sidecar.outbound) as made:
        for _ in range(count):
            assert (await made.ask(request("/"))).status == 200


async def _state(sidecar: Program) -> dict[str, Any]:
    return json.loads((await ask(sidecar.admin, request("/state"))).body)


async def _advice(sidecar: Program) -> dict[str, Any]:
    services = (await _state(sidecar))["services"]
    return (services.get("bus-service") or {}).get("advice") or {}


async def _followed(sidecar: Program) -> bool:
    await _asked(sidecar, 40)
    return (await _advice(sidecar)).get("followed", 0) > 20


def _reported(server: AdviceServer) -> list[dict[str, Any]]:
    return [told for asked in server.asked for told in asked.body["services"] if told["rate_per_s"] > 0]


async def _told_of_requests(sidecar: Program, server: AdviceServer) -> bool:
    """Requests go on meanwhile: a report tells the rate of the five seconds before it, and questions are as rare."""
    await _asked(sidecar, 5)
    return bool(_reported(server))


def _recommended(pod: Pod) -> list[bytes]:
    return [value for call in pod.calls if (value := call.field(b"X-GT-Recommendation")) is not None]


async def test_advice_is_followed_and_shown_everywhere(tmp_path: Path) -> None:
    async with AdviceServer() as server, pods(answer_ok, answer_ok) as (one, two):
        server.advise(BUS, {one.address: 0.5, two.address: 0.5})
        variables = {"WORKLOAD": "default/gateway", "POD": "gateway-0", "ADVICE": server.url}
        async with program(tmp_path, discovery(one.address, two.address), **variables) as sidecar:
            await until(lambda: _followed(sidecar), "requests go as advised", 20)
            state = await _state(sidecar)
            assert state["advice"]["version"] == server.version
            assert state["advice"]["coordinator"] == f"Client({server.url})"
            assert {*_recommended(one), *_recommended(two)} == {b"bus-0", b"bus-1"}
            words = (await ask(sidecar.admin, request("/explain?service=bus-service"))).body.decode()
            assert "Advice: epoch 1" in words
            page = (await ask(sidecar.admin, request("/metrics"))).body.decode()
            assert 'equilibrium_advice_followed_total{service="bus-service"}' in page
            assert 'equilibrium_advice_ignored_total{reason="regret",service="bus-service"} 0.0' in page
            server.advise(BUS, {one.address: 0.5, two.address: 0.5})
            await until(
                lambda: _told_of_requests(sidecar, server), "the next question tells what was asked of whom"
            )
        report = server.asked[-1].body
        assert (report["workload"], report["pod"]) == ("default/gateway", "gateway-0")
        told = _reported(server)[-1]
        assert told["service"] == BUS
        assert {each["address"] for each in told["endpoints"]} == {one.address, two.address}


async def test_without_the_coordinator_no_request_is_lost_and_advice_ends_with_its_time(
    tmp_path: Path,
) -> None:
    async with AdviceServer() as server, pods(answer_ok, answer_ok) as (one, two):
        server.advise(BUS, {one.address: 0.5, two.address: 0.5}, expires_in_s=1.0)
        async with program(tmp_path, discovery(one.address, two.address), ADVICE=server.url) as sidecar:

            async def obeys(wanted: bool) -> bool:
                await _asked(sidecar, 5)
                return (await _advice(sidecar)).get("obeys") is wanted

            await until(lambda: obeys(True), "it is advised")
            await server.stop()
            await until(lambda: obeys(False), "our own mix decides after one expiry")
            assert (await _advice(sidecar))["why"] == "expired"
            await until(lambda: "stays in force until it expires" in sidecar.stderr, "it says what is wrong")
            assert (await _state(sidecar))["events"]["advice_error"] >= 1


async def test_feed_and_advice_come_from_one_coordinator_and_are_signed(tmp_path: Path) -> None:
    feed = Feed()
    seen: list[tuple[str, bytes, dict[str, str]]] = []

    async def endpoints(asked: web.Request) -> web.StreamResponse:
        seen.append((asked.raw_path, await asked.read(), dict(asked.headers)))
        return await feed._answer(asked)

    server = AdviceServer(beside=[web.post("/v1/endpoints", endpoints)])
    async with server, pods(answer_ok) as (one,):
        feed.publish("bus-service.default", 8080, [{"address": one.address, "name": "bus-0"}], portless=True)
        server.advise(BUS, {one.address: 1.0})
        variables = {
            "DISCOVERY": f"coordinator:{server.url}",
            "MESH_KEY": "k3y",
            "WORKLOAD": "default/gateway",
        }
        async with program(tmp_path, None, **variables) as sidecar:

            async def advised() -> bool:
                await _asked(sidecar, 1)
                return (await _advice(sidecar)).get("epoch") == 1

            await until(advised, "auto asks whom discovery asks")
        questions = [*seen, *(("/v1/advice", asked.raw, asked.headers) for asked in server.asked)]
        verifier = Verifier(b"k3y")
        for path, body, headers in questions:
            assert verifier.verify(
                headers["X-GT-Auth"].encode(),
                method=b"POST",
                path=path.encode(),
                body=body,
                workload="default/gateway",
                now_unix_s=clock.wall_s(),
            )


def test_who_is_to_be_asked_is_a_url() -> None:
    ended = run(DISCOVERY="dns", ADVICE="ftp://coordinator")
    assert ended.returncode == 2
    assert "EQUILIBRIUM_ADVICE" in ended.stderr
