"""The transport network every replica knows: 62 lines, two routes each (ids 1 to 124), their stops, 20 buses.

The original imports it from a file and a public map service; offline it would stay empty. Drawn from a fixed
seed, independent of the pod's, so that all replicas and all runs agree.
"""

import math
import random
import uuid
from dataclasses import dataclass
from functools import cache

import orjson

LINES = 62
STOPS = 20
BUSES = 20
WHEN = "2025-11-24T08:00:00"
NAMESPACE = uuid.UUID("6f1b1e0a-5e0c-4d0f-9a39-2f6e7f0c5d11")
SOUTH, NORTH, WEST, EAST = 33.93, 34.05, -6.92, -6.78
"""Rabat and Salé, degrees."""

_PLACES = (  # noqa: SIM905 - thirty words read better as one text
    "Bab Chellah,Hay Riad,Agdal,Medina,Bouregreg,Yacoub El Mansour,Souissi,Akkari,Ocean,Hassan,Takaddoum,"
    "Temara,Sale Medina,Tabriquet,Hay Salam,Bettana,Laayayda,Technopolis,Madinat Al Irfane,Kamra,Bab El Had,"
    "Ennahda,Massira,Sala Al Jadida,Bab Lamrissa,Youssoufia,Aviation,Diour Jamaa,Mabella,Guich Oudaya"
).split(",")


@dataclass(frozen=True, slots=True)
class Stop:
    """A stop of one route."""

    id: int
    name: str
    latitude: float
    longitude: float
    address: str
    order: int


@dataclass(frozen=True, slots=True)
class Route:
    """One direction of a line."""

    id: int
    line: "Line"
    name: str
    direction: str
    geometry: str
    """GeoJSON MultiLineString, as text."""
    stops: tuple[Stop, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """A bus line."""

    id: int
    ref: str
    name: str
    osm: int


@cache
def routes() -> tuple[Route, ...]:
    """All routes; the one with id n is at n - 1."""
    rng = random.Random("urbanmove network")
    found: list[Route] = []
    for number in range(1, LINES + 1):
        found.extend(_pair(number, rng))
    return tuple(found)


def lines() -> tuple[Line, ...]:
    """All lines, by id."""
    return tuple(route.line for route in routes()[::2])


def _pair(number: int, rng: random.Random) -> list[Route]:
    start, end = rng.sample(_PLACES, 2)
    line = Line(number, _ref(number), f"{start} - {end}", 9_000_000 + number)
    path = _path(rng)
    return [
        _route(2 * number - 1, line, start, end, "GOING", path),
        _route(2 * number, line, end, start, "RETURN", path[::-1]),
    ]


def _ref(number: int) -> str:
    return "32H" if number == 1 else f"{number}{'HT'[number % 2] if number % 3 == 0 else ''}"


def _path(rng: random.Random) -> list[tuple[float, float]]:
    """Points across town, five to a stop, on a line with one bend."""
    latitudes = [rng.uniform(SOUTH, NORTH) for _ in range(3)]
    longitudes = [WEST, rng.uniform(WEST, EAST), EAST]
    points = 5 * STOPS
    return [(_bent(latitudes, n / points), _bent(longitudes, n / points)) for n in range(points)]


def _bent(ends: list[float], at: float) -> float:
    first, middle, last = ends
    where = first + (middle - first) * 2 * at if at < 0.5 else middle + (last - middle) * (2 * at - 1)
    return round(where, 6)


def _route(number: int, line: Line, start: str, end: str, way: str, path: list[tuple[float, float]]) -> Route:
    shape = {
        "type": "MultiLineString",
        "coordinates": [[(longitude, latitude) for latitude, longitude in path]],
    }
    stops = tuple(_stop(number, n, *path[5 * n]) for n in range(STOPS))
    return Route(number, line, f"L{line.ref}: {start} → {end}", way, orjson.dumps(shape).decode(), stops)


def _stop(route: int, n: int, latitude: float, longitude: float) -> Stop:
    place = _PLACES[math.floor(abs(latitude + longitude) * 1000) % len(_PLACES)]
    return Stop(route * 100 + n, f"{place} {n + 1}", latitude, longitude, f"{n + 1} Avenue {place}, Rabat", n)


@dataclass(frozen=True, slots=True)
class Bus:
    """A seeded bus."""

    id: str
    number: str
    latitude: float
    longitude: float


def buses() -> list[Bus]:
    """The seeded fleet: one bus per stop of route 1, all on line L32H."""
    return [
        Bus(str(uuid.uuid5(NAMESPACE, f"bus {n}")), f"32H-BUS-{n:05d}", stop.latitude, stop.longitude)
        for n, stop in enumerate(routes()[0].stops[:BUSES], start=1)
    ]
