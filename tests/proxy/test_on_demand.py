"""Hosts a source must be asked about: requests wait for the answer, and for theirs only."""

import asyncio
from collections.abc import Callable

from sidecar import clock
from sidecar.policy.endpoints import Endpoint, EndpointsChanged
from sidecar.proxy.resolve import Resolver
from tests.proxy.pods import GET, Path, answer_ok, path

Asked = list[tuple[str, int | None]]


def on_demand(mesh: Path) -> tuple[Asked, Callable[[EndpointsChanged], None]]:
    """Make outbound ask; returns what was asked, and how the source answers."""
    asked: Asked = []
    resolver = Resolver(
        mesh.catalog,
        passthrough=False,
        seek=lambda host, port: asked.append((host, port)),
        own_ports=set,
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


async def test_a_request_waits_for_its_host_to_be_resolved() -> None:
    async with path(answer_ok) as mesh:
        asked, publish = on_demand(mesh)
        ask = asyncio.create_task(mesh.ask(GET.replace(b"bus-service", b"new:81")))  # noqa: TID251
        await until(lambda: asked == [("new", 81)])
        publish(EndpointsChanged("new", 81, (Endpoint(mesh.pods[0].address),)))
        assert (await ask).status == 200


async def test_an_answer_about_another_port_leaves_a_request_waiting() -> None:
    async with path(answer_ok) as mesh:
        asked, publish = on_demand(mesh)
        ask = asyncio.create_task(mesh.ask(GET.replace(b"bus-service", b"new:81")))  # noqa: TID251
        await until(lambda: bool(asked))
        publish(EndpointsChanged("new", 82, None))
        assert not ask.done()
        publish(EndpointsChanged("new", 81, (Endpoint(mesh.pods[0].address),)))
        assert (await ask).status == 200


async def test_a_host_the_source_does_not_know_is_refused() -> None:
    async with path(answer_ok) as mesh:
        asked, publish = on_demand(mesh)
        ask = asyncio.create_task(mesh.ask(GET.replace(b"bus-service", b"nobody")))  # noqa: TID251
        await until(lambda: asked == [("nobody", None)])
        publish(EndpointsChanged("nobody", 80, None))
        assert (await ask).status == 502


async def test_a_client_that_leaves_while_its_host_is_resolved_leaves_nothing_behind() -> None:
    async with path(answer_ok) as mesh:
        asked, publish = on_demand(mesh)
        _, writer = await mesh.connect()
        writer.write(GET.replace(b"bus-service", b"new"))
        await until(lambda: bool(asked))
        writer.transport.abort()
        await mesh.settled()
        publish(EndpointsChanged("new", 80, (Endpoint(mesh.pods[0].address),)))
        assert mesh.calls() == [0]


async def test_a_service_in_use_is_asked_for_now_and_then_so_that_it_stays_watched() -> None:
    async with path(answer_ok) as mesh:
        asked, _ = on_demand(mesh)
        for _ in range(5):
            assert (await mesh.ask(GET)).status == 200
        assert asked == [("bus-service", 8080)], "once, not once a request"
