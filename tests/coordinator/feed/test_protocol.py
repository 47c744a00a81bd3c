"""The sidecar's own source against the real feed, which follows the API double: docs/feed.md from end to end."""

from collections.abc import AsyncIterator

import pytest

from sidecar.policy.endpoints import EndpointsChanged
from tests.coordinator.feed.house import House, bus, following, house, now_at, placed
from tests.coordinator.feed.objects import a_slice, endpoint, pod, service
from tests.support.kube import ApiServer, until

pytestmark = pytest.mark.kube


@pytest.fixture
async def served() -> AsyncIterator[House]:
    async with ApiServer() as api, house(api) as found:
        yield found


# -- services and endpoints


async def test_a_service_is_followed_once_it_is_asked_for(served: House) -> None:
    api = served.api
    await placed(api, pod("bus-0", "bus", budget="3"), "10.1.0.1")
    ip = await bus(api, "10.1.0.1")
    async with following(served.url) as (source, listener):
        await until(lambda: served.feed._people.at("10.1.0.1") is not None)
        source.seek("bus", 8080)
        await listener.serves("bus", 8080, "10.1.0.1:8080")
        event = listener.known["bus", 8080]
        assert (event.addresses, event.portless) == ((f"{ip}:8080",), True)
        [found] = event.endpoints or ()
        assert (found.name, found.workload, found.budget) == ("bus-0", "default/bus", 3)
        await now_at(api, "10.1.0.1", "10.1.0.2")
        await listener.serves("bus", 8080, "10.1.0.1:8080", "10.1.0.2:8080")
        await now_at(api)
        await listener.serves("bus", 8080)
        await api.delete("Service", "default", "bus")
        await listener.unknown("bus", 8080)


@pytest.mark.parametrize(
    ("host", "port"), [("bus", 8080), ("bus", None), ("BUS.default.svc.cluster.local.", 8080), ("", 8080)]
)
async def test_every_form_of_a_question_finds_it(served: House, host: str, port: int | None) -> None:
    ip = await bus(served.api, "10.1.0.1")
    async with following(served.url) as (source, listener):
        await until(lambda: len(served.feed._table) == 1)
        source.seek(host or ip, port)
        await listener.serves("bus", 8080, "10.1.0.1:8080")


@pytest.mark.parametrize(("host", "port"), [("bus", 81), ("tram", None), ("10.96.0.8", 8080)])
async def test_what_does_not_exist_is_unknown(served: House, host: str, port: int | None) -> None:
    await bus(served.api, "10.1.0.1")
    async with following(served.url) as (source, listener):
        source.seek(host, port)
        await listener.unknown(host, port or 80)


async def test_a_headless_service_has_endpoints_and_no_address(served: House) -> None:
    await bus(served.api, "10.1.0.1", "10.1.0.2", clusterIP="None")
    async with following(served.url) as (source, listener):
        await until(lambda: len(served.feed._table) == 1)
        source.seek("bus", 8080)
        await listener.serves("bus", 8080, "10.1.0.1:8080", "10.1.0.2:8080")
        assert listener.known["bus", 8080].addresses == ()


async def test_of_several_ports_a_host_without_one_means_80(served: House) -> None:
    ports = [{"name": "http", "port": 80, "targetPort": 8080}, {"name": "admin", "port": 9000}]
    await served.api.create(service(ports=ports))
    piece = a_slice(endpoint("10.1.0.1"))
    piece["ports"].append({"name": "admin", "port": 9000, "protocol": "TCP"})
    await served.api.create(piece)
    async with following(served.url) as (source, listener):
        await until(lambda: len(served.feed._table) == 2)
        source.seek("bus", None)
        source.seek("bus", 9000)
        await listener.serves("bus", 80, "10.1.0.1:8080")
        await listener.serves("bus", 9000, "10.1.0.1:9000")
        assert (listener.known["bus", 80].portless, listener.known["bus", 9000].portless) == (True, False)


async def test_a_port_that_is_added_takes_the_name_without_one(served: House) -> None:
    """Whoever asked for the host alone is told that the port it had is no longer meant, and which one is."""
    await bus(served.api, "10.1.0.1")
    async with following(served.url) as (source, listener):
        await until(lambda: len(served.feed._table) == 1)
        source.seek("bus", None)
        await listener.serves("bus", 8080, "10.1.0.1:8080")
        found = await served.api.get("Service", "default", "bus")
        found["spec"]["ports"] += [{"name": "plain", "port": 80, "targetPort": 80, "protocol": "TCP"}]
        await served.api.update(found)
        await listener.unknown("bus", 8080)
        await listener.serves("bus", 80)


async def test_terminating_pods_serve_while_there_is_no_other(served: House) -> None:
    await bus(served.api, "10.1.0.1")
    leaving = endpoint("10.1.0.1", ready=False, terminating=True)
    async with following(served.url) as (source, listener):
        await until(lambda: len(served.feed._table) == 1)
        source.seek("bus", 8080)
        await listener.serves("bus", 8080, "10.1.0.1:8080")
        await served.api.update(a_slice(leaving, endpoint("10.1.0.2", ready=False, serving=False)))
        await served.api.create(service("tram"))
        await served.api.create(a_slice(endpoint("10.1.0.9"), name="tram-1", of="tram"))
        source.seek("tram", 8080)
        await listener.serves("tram", 8080, "10.1.0.9:8080")  # so the slice that changed before it is known
        await listener.serves("bus", 8080, "10.1.0.1:8080")
        await served.api.update(a_slice(leaving, endpoint("10.1.0.2")))
        await listener.serves("bus", 8080, "10.1.0.2:8080")


async def test_a_rolling_update_is_followed_pod_by_pod(served: House) -> None:
    await bus(served.api, *(f"10.1.0.{n}" for n in range(1, 5)))
    async with following(served.url) as (source, listener):
        await until(lambda: len(served.feed._table) == 1)
        source.seek("bus", 8080)
        for first in range(1, 12):
            await now_at(served.api, *(f"10.1.0.{n}" for n in range(first, first + 4)))
        await listener.serves("bus", 8080, *(f"10.1.0.{n}:8080" for n in range(11, 15)))
        told = [each for each in listener.said if isinstance(each, EndpointsChanged)]
        assert all(each.endpoints for each in told), "never was nobody there"


async def test_the_next_service_joins_those_that_are_followed(served: House) -> None:
    await bus(served.api, "10.1.0.1")
    await served.api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "other"}})
    await served.api.create(service("tram", "other"))
    await served.api.create(a_slice(endpoint("10.1.0.9"), name="tram-1", of="tram", namespace="other"))
    async with following(served.url) as (source, listener):
        await until(lambda: len(served.feed._table) == 2)
        source.seek("bus", 8080)
        await listener.serves("bus", 8080, "10.1.0.1:8080")
        source.seek("tram.other", 8080)
        await listener.serves("tram.other", 8080, "10.1.0.9:8080")
        await now_at(served.api, "10.1.0.2")
        await listener.serves("bus", 8080, "10.1.0.2:8080")


async def test_a_service_that_comes_back_with_the_address_of_another_is_found_there(served: House) -> None:
    ip = await bus(served.api, "10.1.0.1")
    async with following(served.url) as (source, listener):
        await until(lambda: len(served.feed._table) == 1)
        source.seek(ip, 8080)
        await listener.serves("bus", 8080, "10.1.0.1:8080")
        await served.api.delete("Service", "default", "bus")
        await listener.unknown("bus", 8080)
        await served.api.create(service("tram", clusterIP=ip))
        await served.api.create(a_slice(endpoint("10.1.0.9"), name="tram-1", of="tram"))
        source.seek(ip, 8080)
        await listener.serves("tram", 8080, "10.1.0.9:8080")


# -- who calls


async def test_who_calls_is_known_without_asking_for_anything(served: House) -> None:
    await placed(served.api, pod("ticket-0", "ticket", budget="2"), "10.1.0.3")
    async with following(served.url, "default/bus") as (_, listener):
        await listener.until(lambda: listener.callers == {"10.1.0.3": "default/ticket"})
        await placed(served.api, pod("user-0", "user"), "10.1.0.4")
        await listener.until(
            lambda: listener.callers == {"10.1.0.3": "default/ticket", "10.1.0.4": "default/user"}
        )
        await served.api.delete("Pod", "default", "ticket-0", grace_s=0)
        await listener.until(lambda: listener.callers == {"10.1.0.4": "default/user"})


async def test_an_endpoint_gets_its_workload_when_its_pod_is_known(served: House) -> None:
    await bus(served.api, "10.1.0.1")
    async with following(served.url) as (source, listener):
        await until(lambda: len(served.feed._table) == 1)
        source.seek("bus", 8080)
        await listener.serves("bus", 8080, "10.1.0.1:8080")
        await placed(served.api, pod("bus-0", "bus"), "10.1.0.1")
        await listener.until(
            lambda: [each.workload for each in listener.known["bus", 8080].endpoints or ()] == ["default/bus"]
        )


async def test_a_zone_the_slice_does_not_say_is_its_nodes(served: House) -> None:
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1"}}
    node["metadata"]["labels"] = {"topology.kubernetes.io/zone": "eu-1b"}  # type: ignore[index]
    await placed(served.api, pod("bus-0", "bus"), "10.1.0.1")
    await bus(served.api, "10.1.0.1")
    async with following(served.url) as (source, listener):
        await until(lambda: len(served.feed._table) == 1)
        source.seek("bus", 8080)
        await listener.serves("bus", 8080, "10.1.0.1:8080")
        await served.api.create(node)
        await listener.until(lambda: (listener.known["bus", 8080].endpoints or ())[0].zone == "eu-1b")


# -- an API server that goes and comes


@pytest.mark.parametrize("how", ["ended", "reset", "compacted", "gone"])
async def test_the_feed_survives_what_api_servers_do(served: House, how: str) -> None:
    api = served.api
    await bus(api, "10.1.0.1")
    async with following(served.url) as (source, listener):
        await until(lambda: len(served.feed._table) == 1)
        source.seek("bus", 8080)
        await listener.serves("bus", 8080, "10.1.0.1:8080")
        if how == "gone":
            async with api.gone():
                assert (await served.ask("bus.default:8080"))["services"], "what is known is served"
        else:
            api.compact() if how == "compacted" else None
            api.break_watches(reset=how == "reset")
        await now_at(api, "10.1.0.2")
        await listener.serves("bus", 8080, "10.1.0.2:8080")
        assert listener.failed == [], "sidecars notice nothing of it"


async def test_a_new_list_that_says_the_same_is_no_news(served: House) -> None:
    await bus(served.api, "10.1.0.1")
    await until(lambda: served.feed._table.number == 2)
    lists = [url for _, _, url in served.api.requests if "endpointslices" in url and "watch" not in url]
    await served.api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "other"}})
    served.api.compact()  # what the watches have seen is too long ago now
    served.api.break_watches()

    def listed_again() -> bool:
        now = [url for _, _, url in served.api.requests if "endpointslices" in url and "watch" not in url]
        return len(now) > len(lists)

    await until(listed_again)
    await served.api.create(service("tram"))
    await until(lambda: len(served.feed._table) == 2)
    assert served.feed._table.number == 3, "only what is new was counted"


async def test_a_coordinator_that_is_started_again_is_in_sync_at_once() -> None:
    async with ApiServer() as api:
        await bus(api, "10.1.0.1")
        async with house(api) as first:
            port = int(first.url.rpartition(":")[2])
            async with following(first.url) as (source, listener):
                source.seek("bus", 8080)
                await listener.serves("bus", 8080, "10.1.0.1:8080")
                epoch = first.feed._desk.epoch
                await first.coordinator.close()
                await listener.until(lambda: listener.failed)
                assert listener.addresses("bus", 8080) == ["10.1.0.1:8080"]
                await now_at(api, "10.1.0.2")
                async with house(api, port) as second:
                    assert second.feed._desk.epoch != epoch
                    await listener.serves("bus", 8080, "10.1.0.2:8080")
                assert len(listener.failed) <= 2, "nobody there, then perhaps: nothing listed yet"


async def test_until_everything_was_listed_nothing_is_told() -> None:
    """Half of it would read as: all else does not exist."""
    async with ApiServer() as api:
        await bus(api, "10.1.0.1")
        async with house(api) as served:
            served.feed._watching._slices.synced = False
            status, answer = await served.asked({"services": ["bus.default:8080"]})
            assert (status, answer["error"]) == (503, "unavailable")
            assert "endpointslices" in answer["detail"]
