"""trajet-service: lines, routes and stops, and the search over all of them. Read only, as the original is."""

from collections.abc import Iterable
from typing import Any

from aiohttp import web

from loadtest.urbanmove import actuator, city, replies, search
from loadtest.urbanmove.pod import Pod
from loadtest.urbanmove.replies import Refused


class Trajet:
    """The service; a `role.Role`."""

    transparent = False

    def __init__(self, pod: Pod) -> None:
        self._routes = city.routes()
        self._lines = {line.ref: line for line in city.lines()}

    def routes(self) -> Iterable[web.RouteDef]:
        """`/api/lines` and below, `/api/search`, health."""
        return [
            web.get("/api/lines", self.lines),
            web.get("/api/lines/routes/{id}", self.route),
            web.get("/api/lines/routes/{id}/stops", self.stops),
            web.get("/api/lines/{ref}", self.line),
            web.get("/api/lines/{ref}/routes", self.routes_of),
            web.get("/api/lines/{ref}/complete", self.complete),
            web.get("/api/search", self.search),
            *actuator.health(),
        ]

    def admit(self, request: web.Request) -> None:
        """Everybody may."""

    def refuse(self, request: web.Request, refused: Refused) -> web.Response:
        """404 has no body; the rest is Boot's own page."""
        return replies.empty(404) if refused.status == 404 else replies.whitelabel(request, refused.status)

    async def start(self) -> None:
        """The network is in memory already."""

    async def stop(self) -> None:
        """Nothing is held."""

    async def lines(self, request: web.Request) -> web.Response:
        """GET /api/lines."""
        return replies.json([_line(line) for line in self._lines.values()])

    async def line(self, request: web.Request) -> web.Response:
        """GET /api/lines/{ref}."""
        return replies.json(_line(self._named(request)))

    async def routes_of(self, request: web.Request) -> web.Response:
        """GET /api/lines/{ref}/routes."""
        return replies.json([_route(route) for route in self._pair(self._named(request))])

    async def route(self, request: web.Request) -> web.Response:
        """GET /api/lines/routes/{id}: the one ticket-service calls."""
        return replies.json(_route(self._numbered(request)))

    async def stops(self, request: web.Request) -> web.Response:
        """GET /api/lines/routes/{id}/stops."""
        return replies.json([_stop(stop) for stop in self._numbered(request).stops])

    async def complete(self, request: web.Request) -> web.Response:
        """GET /api/lines/{ref}/complete: a large body, with the shapes of both routes."""
        line = self._named(request)
        return replies.json({"line": _line(line), "routes": [_whole(route) for route in self._pair(line)]})

    async def search(self, request: web.Request) -> web.Response:
        """GET /api/search?fromLat&fromLon&toLat&toLon[&date]."""
        try:
            ends = [float(request.query[name]) for name in ("fromLat", "fromLon", "toLat", "toLon")]
        except (KeyError, ValueError):
            raise Refused(400, "Bad Request") from None
        found = search.between((ends[0], ends[1]), (ends[2], ends[3]), self._routes)
        return replies.json([_result(each) for each in found])

    def _named(self, request: web.Request) -> city.Line:
        line = self._lines.get(request.match_info["ref"])
        if line is None:
            raise Refused(404, "no such line")
        return line

    def _numbered(self, request: web.Request) -> city.Route:
        try:
            number = int(request.match_info["id"])
        except ValueError:
            raise Refused(400, "Bad Request") from None
        if not 1 <= number <= len(self._routes):
            raise Refused(404, "no such route")
        return self._routes[number - 1]

    def _pair(self, line: city.Line) -> tuple[city.Route, ...]:
        return self._routes[2 * line.id - 2 : 2 * line.id]


def _line(line: city.Line) -> dict[str, Any]:
    return {
        "id": line.id,
        "ref": line.ref,
        "name": line.name,
        "osmRelationId": line.osm,
        "metadata": None,
        "importedAt": city.WHEN,
        "updatedAt": city.WHEN,
    }


def _route(route: city.Route) -> dict[str, Any]:
    return {"id": route.id, "line": _line(route.line), **_shape(route)}


def _shape(route: city.Route) -> dict[str, Any]:
    return {"name": route.name, "geometry": route.geometry, "direction": route.direction}


def _stop(stop: city.Stop) -> dict[str, Any]:
    return {
        "id": stop.id,
        "name": stop.name,
        "latitude": stop.latitude,
        "longitude": stop.longitude,
        "address": stop.address,
        "order": stop.order,
    }


def _whole(route: city.Route) -> dict[str, Any]:
    stops = [
        {name: value for name, value in _stop(stop).items() if name != "address"} for stop in route.stops
    ]
    return {"id": route.id, **_shape(route), "stops": stops}


def _result(found: search.Ride) -> dict[str, Any]:
    minutes = 2 * found.stops
    return {
        "line": found.route.line.ref,
        "lineRef": found.route.line.ref,
        "lineName": found.route.line.name,
        "routeId": found.route.id,
        "direction": found.route.direction,
        "duration": f"{minutes} min",
        "estimatedDuration": f"{minutes} minutes",
        "price": 5.0,
        "fare": 5.0,
        "stops": found.stops,
        "originStop": found.origin.name,
        "destinationStop": found.destination.name,
        "nextDeparture": "5-10 min",
    }
