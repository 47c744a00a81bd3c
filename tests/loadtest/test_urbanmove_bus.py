import uuid
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from tests.support import urbanmove
from tests.support.urbanmove import Served

NOBODY = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
async def bus() -> AsyncIterator[Served]:
    async with urbanmove.running("bus") as served:
        yield served


def _request(number: str = "9X-BUS-1", **changed: Any) -> dict[str, Any]:
    return {"busNumber": number, "lineCode": "L9X", "capacity": 40, "status": "ACTIVE", **changed}


async def _new(bus: Served, **changed: Any) -> dict[str, Any]:
    reply = await bus.ask("POST", "/api/buses", _request(**changed))
    assert reply.status == 201, "a valid bus was refused"
    made: dict[str, Any] = reply.json
    return made


async def test_twenty_buses_of_line_32h_are_there_from_the_start(bus: Served) -> None:
    reply = await bus.get("/api/buses")
    assert (reply.status, len(reply.json)) == (200, 20)
    assert {(each["lineCode"], each["capacity"], each["status"]) for each in reply.json} == {
        ("L32H", 50, "ACTIVE")
    }
    assert set(reply.json[0]) == {
        "id", "busNumber", "lineCode", "capacity", "status", "latitude", "longitude", "speed", "heading",
        "lastLocationUpdate", "createdAt", "updatedAt",
    }  # fmt: skip


async def test_seeds_are_the_same_at_every_replica(bus: Served) -> None:
    async with urbanmove.running("bus", name="bus-2") as other:
        assert (await other.get("/api/buses")).raw == (await bus.get("/api/buses")).raw


async def test_a_bus_is_found_by_id_number_status_and_line(bus: Served) -> None:
    first = (await bus.get("/api/buses")).json[0]
    assert (await bus.get(f"/api/buses/{first['id']}")).json == first
    assert (await bus.get(f"/api/buses/number/{first['busNumber']}")).json == first
    assert len((await bus.get("/api/buses/status/ACTIVE")).json) == 20
    assert (await bus.get("/api/buses/status/INACTIVE")).json == []
    assert first in (await bus.get("/api/buses/line/L32H")).json


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"/api/buses/{NOBODY}"),
        ("GET", "/api/buses/number/none"),
        ("PUT", f"/api/buses/{NOBODY}"),
        ("PATCH", f"/api/buses/{NOBODY}/location"),
        ("DELETE", f"/api/buses/{NOBODY}"),
    ],
)
async def test_a_missing_bus_is_400_not_404(bus: Served, method: str, path: str) -> None:
    body = {**_request(), "latitude": 1.0, "longitude": 2.0} if method in {"PUT", "PATCH"} else None
    reply = await bus.ask(method, path, body)
    assert reply.status == 400
    assert set(reply.json) == {"status", "message", "timestamp"}
    assert isinstance(reply.json["timestamp"], int)


@pytest.mark.parametrize(
    "path", ["/api/buses/no-uuid", "/api/buses/status/FLYING", "/api/buses/status/active"]
)
async def test_bad_uuid_and_bad_enum_are_500(bus: Served, path: str) -> None:
    assert (await bus.get(path)).status == 500


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        {},
        _request(capacity=0),
        _request(capacity="40"),
        _request(busNumber=" "),
        _request(status="FLYING"),
        _request(latitude="north"),
    ],
)
async def test_what_fails_validation_is_500(bus: Served, body: Any) -> None:
    reply = await bus.ask("POST", "/api/buses", body)
    assert (reply.status, reply.json["message"]) == (500, "An unexpected error occurred")


async def test_a_number_that_is_taken_is_400(bus: Served) -> None:
    made = await _new(bus)
    assert (await bus.ask("POST", "/api/buses", _request())).status == 400
    taken = (await bus.get("/api/buses")).json[0]["busNumber"]
    assert (await bus.ask("PUT", f"/api/buses/{made['id']}", _request(number=taken))).status == 400


async def test_a_bus_lives_from_post_to_delete(bus: Served) -> None:
    made = await _new(bus, latitude=34.0)
    at = f"/api/buses/{made['id']}"
    assert uuid.UUID(made["id"])
    changed = await bus.ask("PUT", at, _request(capacity=41, status="INACTIVE"))
    assert (changed.status, changed.json["capacity"], changed.json["status"]) == (200, 41, "INACTIVE")
    moved = await bus.ask("PATCH", f"{at}/location", {"latitude": 34.5, "longitude": -6.5, "speed": 12.5})
    assert (moved.status, moved.json["latitude"], moved.json["speed"]) == (200, 34.5, 12.5)
    gone = await bus.ask("DELETE", at)
    assert (gone.status, gone.raw) == (204, b"")
    assert (await bus.get(at)).status == 400


async def test_a_location_needs_both_coordinates(bus: Served) -> None:
    made = await _new(bus)
    reply = await bus.ask("PATCH", f"/api/buses/{made['id']}/location", {"latitude": 1.0})
    assert reply.status == 500


async def test_every_answer_names_the_pod_and_no_server(bus: Served) -> None:
    for path in ("/api/buses", "/api/buses/status/FLYING", "/none", "/actuator/health"):
        reply = await bus.get(path)
        assert reply.pod == "bus", f"{path} does not say which pod answered"
        assert "Server" not in reply.headers


@pytest.mark.parametrize(
    ("page", "status"), [("health", 200), ("info", 200), ("metrics", 200), ("prometheus", 404)]
)
async def test_management_pages(bus: Served, page: str, status: int) -> None:
    assert (await bus.get(f"/actuator/{page}")).status == status


async def test_an_unknown_path_is_boots_own_404_and_a_wrong_method_its_405(bus: Served) -> None:
    unknown = await bus.get("/buses")
    assert (unknown.status, unknown.json["error"], unknown.json["path"]) == (404, "Not Found", "/buses")
    assert (await bus.ask("PUT", "/api/buses", {})).status == 405


async def test_the_feed_sends_one_bus_per_message_round_the_fleet(bus: Served) -> None:
    seen = []
    async with bus.session.ws_connect(f"{bus.url}/ws/gps-tracking") as feed:
        for _ in range(3):
            message = await feed.receive_json()
            assert message["type"] == "GPS_UPDATE"
            seen.append(message["payload"])
    assert len({each["busId"] for each in seen}) == 3, "each message should be about the next bus"
    assert set(seen[0]) == {
        "busId", "busMatricule", "lineNumber", "latitude", "longitude", "speed", "capacity", "occupancy",
        "nextStop", "estimatedArrival",
    }  # fmt: skip


async def test_a_talkative_client_does_not_stop_the_feed(bus: Served) -> None:
    async with bus.session.ws_connect(f"{bus.url}/ws/gps-tracking") as feed:
        for _ in range(50):
            await feed.send_str("hello")
        assert (await feed.receive()).type is aiohttp.WSMsgType.TEXT
