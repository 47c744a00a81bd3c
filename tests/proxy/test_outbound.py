"""Destinations, and what crosses the edge of the mesh on the way out."""

import asyncio

import pytest

from sidecar.policy.endpoints import Endpoint, EndpointsChanged
from sidecar.policy.router import Router
from tests.proxy.pods import GET, answer_ok, path, post, read_answer, status


@pytest.mark.parametrize(
    "raw",
    [
        b"GET http://bus-service:8080/x?q=1 HTTP/1.1\r\nHost: other\r\n\r\n",
        b"GET /x?q=1 HTTP/1.1\r\nHost: bus-service\r\n\r\n",
        b"GET /x?q=1 HTTP/1.1\r\nhost: BUS-SERVICE.default.svc.cluster.local:8080\r\n\r\n",
    ],
    ids=["absolute", "origin", "cluster-name"],
)
async def test_every_form_of_a_known_host_reaches_the_service_in_origin_form(raw: bytes) -> None:
    async with path(answer_ok) as mesh:
        assert (await mesh.ask(raw)).status == 200
        assert mesh.pods[0].calls[0].head.startswith(b"GET /x?q=1 HTTP/1.1\r\n")


async def test_an_absolute_form_replaces_host() -> None:
    async with path(answer_ok) as mesh:
        await mesh.ask(b"GET http://bus-service:8080/x HTTP/1.1\r\nHost: other\r\n\r\n")
        assert mesh.pods[0].calls[0].field(b"Host") == b"bus-service:8080"


async def test_tracing_and_idempotency_fields_arrive_byte_identical() -> None:
    fields = (
        b"traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n"
        b'X-B3-TraceId: 80f198ee56343ba864fe8b2a57d3eff7\r\nIDEMPOTENCY-key: "8e03978e"\r\n'
    )
    async with path(answer_ok) as mesh:
        await mesh.ask(post(b"x", fields))
        assert fields in mesh.pods[0].calls[0].head


async def test_of_the_applications_own_signals_only_the_bid_and_the_deadline_are_honoured() -> None:
    forged = b"X-GT-Bid: 2.5\r\nX-GT-Caller: kube-system/root\r\nX-GT-Attempt: 9\r\nX-GT-Regret: a=1\r\n"
    async with path(answer_ok) as mesh:
        await mesh.ask(GET[:-2] + forged + b"\r\n")
        (call,) = mesh.pods[0].calls
        assert call.field(b"X-GT-Bid") == b"2.5"
        assert call.field(b"X-GT-Caller") == b"default/me"
        assert call.field(b"X-GT-Attempt") is None
        assert call.field(b"X-GT-Regret") is None


@pytest.mark.parametrize("bid", [b"nan", b"-1", b"1e9", b"", b"1,2"])
async def test_a_malformed_bid_is_dropped_and_counted(bid: bytes) -> None:
    async with path(answer_ok) as mesh:
        await mesh.ask(GET[:-2] + b"X-GT-Bid: %b\r\n\r\n" % bid)
        assert mesh.pods[0].calls[0].field(b"X-GT-Bid") is None
        assert mesh.outbound.stats.ignored_signals["bid"] == 1


async def test_the_meshs_signals_do_not_reach_the_application() -> None:
    signals = b"X-GT-Congestion: 0.50\r\nX-GT-Reputation: 0.9\r\nX-Own: kept\r\n"
    async with path(status(b"200 OK", signals)) as mesh:
        answer = await mesh.ask(GET)
        assert b"x-gt-" not in answer.head.lower()
        assert answer.field(b"X-Own") == b"kept"


async def test_malformed_congestion_is_ignored_and_counted() -> None:
    async with path(status(b"200 OK", b"X-GT-Congestion: lots\r\n")) as mesh:
        assert (await mesh.ask(GET)).status == 200
        assert mesh.outbound.stats.ignored_signals["congestion"] == 1


async def test_a_host_nobody_knows_is_refused_with_advice() -> None:
    async with path(answer_ok) as mesh:
        answer = await mesh.ask(b"GET / HTTP/1.1\r\nHost: nobody:1\r\n\r\n")
        assert (answer.status, answer.field(b"X-GT-Reason")) == (502, b"unknown-service")
        assert b"EQUILIBRIUM_UNKNOWN" in answer.body
        assert b'"service":"nobody:1"' in answer.body


async def test_a_service_without_endpoints_answers_503() -> None:
    async with path(answer_ok) as mesh:
        mesh.catalog.apply(EndpointsChanged("bus-service", 8080, ()), 0.0)
        answer = await mesh.ask(GET)
        assert (answer.status, answer.field(b"X-GT-Reason")) == (503, b"no-endpoint")
        assert answer.field(b"Retry-After") == b"1"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "169.254.169.254", "0.0.0.0"])
async def test_passthrough_never_reaches_loopback_or_metadata(host: str) -> None:
    async with path(answer_ok, passthrough=True) as mesh:
        port = mesh.pods[0].address.rpartition(":")[2]
        answer = await mesh.ask(f"GET / HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
        assert (answer.status, answer.field(b"X-GT-Reason")) == (502, b"unknown-service")
        assert mesh.calls() == [0]


async def test_a_redirected_connection_goes_to_the_service_of_its_destination() -> None:
    async with path(answer_ok, answer_ok) as mesh:
        mesh.originals["*"] = mesh.pods[0].address
        answers = [await mesh.ask(GET.replace(b"bus-service", b"anything")) for _ in range(4)]
        assert {answer.status for answer in answers} == {200}
        assert mesh.calls() == [2, 2], "the destination names the service, the router the pod"


async def test_a_redirected_absolute_form_naming_another_host_is_refused() -> None:
    async with path(answer_ok) as mesh:
        mesh.originals["*"] = mesh.pods[0].address
        answer = await mesh.ask(b"GET http://elsewhere/x HTTP/1.1\r\nHost: elsewhere\r\n\r\n")
        assert answer.status == 400


async def test_an_endpoint_that_left_gets_no_new_request() -> None:
    async with path(answer_ok, answer_ok) as mesh:
        await mesh.ask(GET)
        await mesh.ask(GET)
        left = Endpoint(mesh.pods[1].address)
        mesh.catalog.apply(EndpointsChanged("bus-service", 8080, (left,)), 0.0)
        before = mesh.calls()
        for _ in range(4):
            assert (await mesh.ask(GET)).status == 200
        assert mesh.calls() == [before[0], before[1] + 4]


class Broken(Router):
    """Policy with a bug in it."""

    def pick(self, *args: object, **kwargs: object) -> None:  # type: ignore[override]
        raise ZeroDivisionError


async def test_an_exception_in_policy_costs_no_request() -> None:
    async with path(answer_ok, answer_ok) as mesh:
        service = mesh.catalog.find(b"bus-service")
        assert service is not None
        working, service.router = service.router, Broken()
        assert [(await mesh.ask(GET)).status for _ in range(4)] == [200] * 4
        assert mesh.calls() == [2, 2], "fail static is round robin"
        assert service.policy_failures == 4
        service.router, service.policy_failures = working, 0


async def test_pipelined_requests_are_answered_in_order() -> None:
    async with path(answer_ok, answer_ok) as mesh:
        reader, writer = await mesh.connect()
        writer.write(b"".join(GET.replace(b"/x", b"/%d" % i) for i in range(200)))
        for _ in range(200):
            assert (await read_answer(reader)).status == 200
        asked = [call.head.split(b" ")[1] for pod in mesh.pods for call in pod.calls]
        assert sorted(asked, key=lambda t: int(t[1:])) == [b"/%d" % i for i in range(200)]


async def test_a_client_that_half_closes_gets_its_answer() -> None:
    async with path(answer_ok) as mesh:
        reader, writer = await mesh.connect()
        writer.write(GET)
        writer.write_eof()
        assert (await read_answer(reader)).body == b"ok"
        assert await asyncio.wait_for(reader.read(), 10) == b""
