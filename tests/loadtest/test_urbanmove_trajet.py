from collections.abc import AsyncIterator

import pytest

from loadtest.urbanmove import city, search
from tests.support import urbanmove
from tests.support.urbanmove import Served


@pytest.fixture
async def trajet() -> AsyncIterator[Served]:
    async with urbanmove.running("trajet") as served:
        yield served


async def test_there_are_62_lines_of_two_routes_with_ids_1_to_124(trajet: Served) -> None:
    lines = (await trajet.get("/api/lines")).json
    assert len(lines) == 62
    assert len({line["ref"] for line in lines}) == 62
    assert set(lines[0]) == {"id", "ref", "name", "osmRelationId", "metadata", "importedAt", "updatedAt"}
    assert [route.id for route in city.routes()] == list(range(1, 125))


async def test_line_32h_has_a_way_there_and_a_way_back(trajet: Served) -> None:
    line = (await trajet.get("/api/lines/32H")).json
    routes = (await trajet.get("/api/lines/32H/routes")).json
    assert [route["direction"] for route in routes] == ["GOING", "RETURN"]
    assert all(route["line"] == line and route["name"].startswith("L32H:") for route in routes)
    assert set(routes[0]) == {"id", "line", "name", "geometry", "direction"}


async def test_every_route_is_found_by_number(trajet: Served) -> None:
    for number in (1, 2, 63, 124):
        reply = await trajet.get(f"/api/lines/routes/{number}")
        assert (reply.status, reply.json["id"]) == (200, number)


async def test_stops_come_in_order_with_addresses(trajet: Served) -> None:
    stops = (await trajet.get("/api/lines/routes/7/stops")).json
    assert [stop["order"] for stop in stops] == list(range(city.STOPS))
    assert set(stops[0]) == {"id", "name", "latitude", "longitude", "address", "order"}


async def test_complete_is_large_and_has_stops_without_addresses(trajet: Served) -> None:
    reply = await trajet.get("/api/lines/32H/complete")
    assert len(reply.raw) > 8_000, "the large body is what makes this route different"
    assert set(reply.json) == {"line", "routes"}
    route = reply.json["routes"][0]
    assert set(route) == {"id", "name", "direction", "geometry", "stops"}
    assert "address" not in route["stops"][0]


@pytest.mark.parametrize(
    "path",
    [
        "/api/lines/none",
        "/api/lines/none/routes",
        "/api/lines/none/complete",
        "/api/lines/routes",
        "/api/lines/routes/0",
        "/api/lines/routes/125",
        "/api/lines/routes/125/stops",
    ],
)
async def test_what_is_not_there_is_404_with_an_empty_body(trajet: Served, path: str) -> None:
    reply = await trajet.get(path)
    assert (reply.status, reply.raw) == (404, b"")
    assert "Content-Type" not in reply.headers


async def test_a_ride_leads_from_one_stop_to_another_in_the_direction_of_travel(trajet: Served) -> None:
    route = city.routes()[10]
    start, end = route.stops[2], route.stops[9]
    query = f"fromLat={start.latitude}&fromLon={start.longitude}&toLat={end.latitude}&toLon={end.longitude}"
    found = (await trajet.get(f"/api/search?{query}&date=2025-12-01")).json
    ours = next(each for each in found if each["routeId"] == route.id)
    assert (ours["originStop"], ours["destinationStop"], ours["stops"]) == (start.name, end.name, 7)
    assert set(ours) == {
        "line", "lineRef", "lineName", "routeId", "direction", "duration", "estimatedDuration", "price", "fare",
        "stops", "originStop", "destinationStop", "nextDeparture",
    }  # fmt: skip
    assert [each["stops"] for each in found] == sorted(each["stops"] for each in found)


def test_no_ride_goes_backwards() -> None:
    route = city.routes()[0]
    start, end = route.stops[9], route.stops[2]
    rides = search.between((start.latitude, start.longitude), (end.latitude, end.longitude), [route])
    assert rides == []


@pytest.mark.parametrize("query", ["", "fromLat=1&fromLon=2&toLat=3", "fromLat=x&fromLon=2&toLat=3&toLon=4"])
async def test_a_search_without_both_ends_is_400(trajet: Served, query: str) -> None:
    assert (await trajet.get(f"/api/search?{query}")).status == 400


async def test_a_route_number_that_is_none_is_400(trajet: Served) -> None:
    assert (await trajet.get("/api/lines/routes/abc")).status == 400


async def test_nothing_can_be_written(trajet: Served) -> None:
    assert (await trajet.ask("POST", "/api/lines", {})).status == 405


async def test_health_is_the_only_management_page(trajet: Served) -> None:
    assert (await trajet.get("/actuator/health")).json == {"status": "UP"}
    assert (await trajet.get("/actuator/info")).status == 404
