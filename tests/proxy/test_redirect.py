"""Where redirected requests go: what the application connected to, and what Host has to do with it."""

import asyncio
from collections.abc import Callable

import pytest

from sidecar import clock
from sidecar.policy.endpoints import Endpoint, EndpointsChanged
from sidecar.proxy import waiting
from sidecar.proxy.resolve import Resolver
from tests.proxy.pods import GET, Path, answer_ok, path

Asked = list[tuple[str, int | None]]
CLUSTER = "10.96.0.7:8080"


def asking(mesh: Path, *, by_address: bool) -> tuple[Asked, Callable[[EndpointsChanged], None]]:
    """Make outbound ask; returns what was asked, and how the source answers."""
    asked: Asked = []
    resolver = Resolver(
        mesh.catalog,
        passthrough=False,
        seek=lambda host, port: asked.append((host, port)),
        own_ports=set,
        by_address=by_address,
    )
    mesh.outbound._resolver = resolver

    def publish(event: EndpointsChanged) -> None:
        mesh.catalog.apply(event, clock.now())
        resolver.published(event)

    return asked, publish


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.002)


def to(host: str) -> bytes:
    return GET.replace(b"bus-service", host.encode())


def event(
    mesh: Path, *pods: int, host: str = "new", port: int = 8080, **more: tuple[str, ...]
) -> EndpointsChanged:
    return EndpointsChanged(host, port, tuple(Endpoint(mesh.pods[n].address) for n in pods), **more)


# -- what is known


@pytest.mark.parametrize("host", ["new", "new:8080", "10.96.0.7:8080", "whatever.example.com"])
async def test_a_cluster_address_means_any_pod_of_its_service(host: str) -> None:
    async with path(answer_ok, answer_ok) as mesh:
        mesh.catalog.apply(event(mesh, 0, 1, addresses=(CLUSTER,)), clock.now())
        mesh.originals["*"] = CLUSTER
        assert [(await mesh.ask(to(host))).status for _ in range(4)] == [200] * 4
        assert mesh.calls() == [2, 2]


async def test_a_pod_that_is_meant_by_its_own_address_is_the_one_that_is_asked() -> None:
    async with path(answer_ok, answer_ok) as mesh:
        mesh.originals["*"] = mesh.pods[1].address
        ip = mesh.pods[1].address.partition(":")[0]
        for host in (mesh.pods[1].address, ip):
            assert [(await mesh.ask(to(host))).status for _ in range(2)] == [200] * 2
        assert mesh.calls() == [0, 4]


@pytest.mark.parametrize(
    "host",
    ["db-1.bus-service", "db-1.bus-service.default.svc:8080", "DB-1.bus-service.default.svc.cluster.local."],
)
async def test_a_pod_that_is_meant_by_its_own_name_is_the_one_that_is_asked(host: str) -> None:
    async with path(answer_ok, answer_ok) as mesh:
        mesh.originals["*"] = mesh.pods[1].address
        assert [(await mesh.ask(to(host))).status for _ in range(4)] == [200] * 4
        assert mesh.calls() == [0, 4], "the members of a StatefulSet are not each other"


async def test_one_pod_is_still_of_the_mesh() -> None:
    async with path(answer_ok) as mesh:
        mesh.originals["*"] = mesh.pods[0].address
        await mesh.ask(to("db-0.bus-service"))
        assert mesh.pods[0].calls[0].field(b"X-GT-Caller") == b"default/me"


async def test_of_two_services_with_the_same_pod_host_chooses() -> None:
    async with path(answer_ok, answer_ok) as mesh:
        mesh.catalog.apply(event(mesh, 0, host="only-first"), clock.now())
        mesh.originals["*"] = mesh.pods[0].address
        for _ in range(4):
            await mesh.ask(GET)
        assert mesh.calls() == [2, 2], "bus-service has both"
        for _ in range(4):
            await mesh.ask(to("only-first"))
        assert mesh.calls() == [6, 2]


async def test_a_service_whose_cluster_addresses_are_known_is_not_found_at_another() -> None:
    async with path(answer_ok) as mesh:
        mesh.catalog.apply(event(mesh, 0, addresses=(CLUSTER,)), clock.now())
        mesh.originals["*"] = "127.0.0.9:8080"
        answer = await mesh.ask(to("new:8080"))
        assert answer.status == 502, "Host may say what it likes; this is somebody else's address"


async def test_an_absolute_form_that_names_another_host_is_refused() -> None:
    async with path(answer_ok) as mesh:
        mesh.catalog.apply(event(mesh, 0, addresses=(CLUSTER,)), clock.now())
        mesh.originals["*"] = CLUSTER
        assert (await mesh.ask(b"GET http://elsewhere/x HTTP/1.1\r\nHost: elsewhere\r\n\r\n")).status == 400
        assert (await mesh.ask(b"GET http://new:8080/x HTTP/1.1\r\nHost: new\r\n\r\n")).status == 200


# -- what has to be asked for


async def test_an_unknown_destination_is_asked_for_by_address_and_by_name() -> None:
    async with path(answer_ok) as mesh:
        asked, publish = asking(mesh, by_address=True)
        mesh.originals["*"] = CLUSTER
        answer = asyncio.create_task(mesh.ask(to("new")))  # noqa: TID251
        await until(lambda: len(asked) == 2)
        assert asked == [("10.96.0.7", 8080), ("new.default", 8080)], "Host has no port, the connection had"
        publish(event(mesh, 0, addresses=(CLUSTER,)))
        assert (await answer).status == 200
        assert not len(mesh.outbound._resolver._waiting)


async def test_one_no_is_not_the_last_word() -> None:
    async with path(answer_ok) as mesh:
        asked, publish = asking(mesh, by_address=True)
        mesh.originals["*"] = CLUSTER
        answer = asyncio.create_task(mesh.ask(to("new.other")))  # noqa: TID251
        await until(lambda: len(asked) == 2)
        publish(EndpointsChanged("10.96.0.7", 8080, None))
        assert not answer.done()
        publish(event(mesh, 0, host="new.other", addresses=(CLUSTER,)))
        assert (await answer).status == 200


async def test_a_destination_nobody_knows_is_gone_to() -> None:
    async with path(answer_ok) as mesh:
        asked, publish = asking(mesh, by_address=True)
        mesh.outbound._resolver._own_ports = set
        mesh.originals["*"] = mesh.pods[0].address
        mesh.catalog.apply(EndpointsChanged("bus-service", 8080, None), clock.now())
        answer = asyncio.create_task(mesh.ask(to("api.example.com")))  # noqa: TID251
        await until(lambda: len(asked) == 2)
        for host, port in asked:
            publish(EndpointsChanged(host, port or 80, None))
        assert b"is loopback" in (await answer).body, "here it is loopback, which is never followed"


async def test_a_source_that_says_nothing_does_not_hold_up_what_has_somewhere_to_go(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(waiting, "REDIRECTED_S", 0.05)
    async with path(answer_ok) as mesh:
        asking(mesh, by_address=True)
        mesh.originals["*"] = "127.0.0.9:9"
        assert b"is loopback" in (await mesh.ask(to("new"))).body
        assert not len(mesh.outbound._resolver._waiting)


@pytest.mark.parametrize(
    ("host", "asked_for"),
    [
        ("new", [("new.default", 9)]),
        ("new:8080", [("new.default", 8080)]),
        ("new.other.svc", [("new.other", 9)]),
        ("example.com", []),
        ("10.1.2.3", []),
    ],
)
async def test_a_source_that_knows_names_only_is_asked_for_those_of_the_cluster(
    host: str, asked_for: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "REDIRECTED_S", 0.05)
    async with path(answer_ok) as mesh:
        asked, _ = asking(mesh, by_address=False)
        mesh.originals["*"] = "127.0.0.9:9"
        await mesh.ask(to(host))
        assert asked == asked_for


async def test_what_dns_says_of_a_headless_service_is_used() -> None:
    async with path(answer_ok, answer_ok) as mesh:
        asked, publish = asking(mesh, by_address=False)
        mesh.catalog.apply(EndpointsChanged("bus-service", 8080, None), clock.now())
        mesh.originals["*"] = mesh.pods[0].address
        answer = asyncio.create_task(mesh.ask(to("new:8080")))  # noqa: TID251
        await until(lambda: len(asked) == 1)
        publish(event(mesh, 0, 1))
        assert (await answer).status == 200
        for _ in range(3):
            assert (await mesh.ask(to("new:8080"))).status == 200
        assert mesh.calls() == [2, 2]


async def test_a_redirected_service_in_use_is_asked_for_now_and_then_so_that_it_stays_watched() -> None:
    async with path(answer_ok) as mesh:
        asked, publish = asking(mesh, by_address=True)
        publish(event(mesh, 0, addresses=(CLUSTER,)))
        mesh.originals["*"] = CLUSTER
        for _ in range(5):
            assert (await mesh.ask(to("new"))).status == 200
        assert asked == [("new", 8080)], "once, not once a request"


async def test_a_client_that_leaves_while_its_destination_is_asked_for_leaves_nothing_behind() -> None:
    async with path(answer_ok) as mesh:
        asked, publish = asking(mesh, by_address=True)
        mesh.originals["*"] = CLUSTER
        _, writer = await mesh.connect()
        writer.write(to("new"))
        await until(lambda: bool(asked))
        writer.transport.abort()
        await mesh.settled()
        publish(event(mesh, 0, addresses=(CLUSTER,)))
        assert mesh.calls() == [0]
        assert not len(mesh.outbound._resolver._waiting)


# -- by Host alone


async def test_a_cluster_ip_as_host_is_asked_for_and_found() -> None:
    async with path(answer_ok) as mesh:
        asked, publish = asking(mesh, by_address=True)
        answer = asyncio.create_task(mesh.ask(to(CLUSTER)))  # noqa: TID251
        await until(lambda: asked == [("10.96.0.7", 8080)])
        publish(event(mesh, 0, addresses=(CLUSTER,)))
        assert (await answer).status == 200


async def test_a_host_without_a_port_waits_for_the_port_that_is_meant() -> None:
    async with path(answer_ok) as mesh:
        asked, publish = asking(mesh, by_address=True)
        answer = asyncio.create_task(mesh.ask(to("new")))  # noqa: TID251
        await until(lambda: asked == [("new", None)])
        publish(event(mesh, 0, port=9090))
        assert not answer.done()
        publish(EndpointsChanged("new", 8080, (Endpoint(mesh.pods[0].address),), (), True))
        assert (await answer).status == 200
