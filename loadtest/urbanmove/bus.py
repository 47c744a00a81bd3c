"""bus-service: the fleet over REST, and its GPS feed over a WebSocket.

Quirks of the original: a missing bus is 400, not 404, and everything its controller did not foresee (bad UUID,
bad enum, a body that fails validation) is 500.
"""

from collections.abc import Iterable

from aiohttp import web

from loadtest.urbanmove import actuator, bodies, gps, replies
from loadtest.urbanmove.fleet import DuplicateError, Fleet, Written
from loadtest.urbanmove.pod import Pod
from loadtest.urbanmove.replies import Refused

STATUSES = ("ACTIVE", "INACTIVE")


class Bus:
    """The service; a `role.Role`."""

    transparent = False

    def __init__(self, pod: Pod) -> None:
        self._pod = pod
        self._fleet = Fleet(pod.options.database)

    def routes(self) -> Iterable[web.RouteDef]:
        """`/api/buses` and below, the feed, and the management pages."""
        return [
            web.get("/api/buses", self.list_all),
            web.post("/api/buses", self.create),
            web.get("/api/buses/number/{number}", self.by_number),
            web.get("/api/buses/status/{status}", self.by_status),
            web.get("/api/buses/line/{line}", self.by_line),
            web.get("/api/buses/{id}", self.by_id),
            web.put("/api/buses/{id}", self.replace),
            web.patch("/api/buses/{id}/location", self.move),
            web.delete("/api/buses/{id}", self.remove),
            web.get("/ws/gps-tracking", self.feed),
            *actuator.full(),
        ]

    def admit(self, request: web.Request) -> None:
        """Everybody may."""

    def refuse(self, request: web.Request, refused: Refused) -> web.Response:
        """`{"status", "message", "timestamp"}`."""
        body = {"status": refused.status, "message": refused.message, "timestamp": replies.now_ms()}
        return replies.json(body, refused.status)

    async def start(self) -> None:
        """The database is open already."""

    async def stop(self) -> None:
        """Close the database."""
        self._fleet.close()

    async def list_all(self, request: web.Request) -> web.Response:
        """GET /api/buses."""
        return replies.json(self._fleet.all())

    async def by_id(self, request: web.Request) -> web.Response:
        """GET /api/buses/{id}."""
        return self._one("id", bodies.path_uuid(request))

    async def by_number(self, request: web.Request) -> web.Response:
        """GET /api/buses/number/{number}."""
        return self._one("busNumber", request.match_info["number"])

    async def by_status(self, request: web.Request) -> web.Response:
        """GET /api/buses/status/{status}; an unknown status is 500."""
        status = request.match_info["status"]
        if status not in STATUSES:
            raise Refused(500, "An unexpected error occurred")
        return replies.json(self._fleet.find("status", status))

    async def by_line(self, request: web.Request) -> web.Response:
        """GET /api/buses/line/{line}."""
        return replies.json(self._fleet.find("lineCode", request.match_info["line"]))

    async def create(self, request: web.Request) -> web.Response:
        """POST /api/buses: 201; a number that is taken is 400."""
        written = await _written(request)
        try:
            return replies.json(self._fleet.add(written), 201)
        except DuplicateError:
            raise _taken(written) from None

    async def replace(self, request: web.Request) -> web.Response:
        """PUT /api/buses/{id}."""
        identity = bodies.path_uuid(request)
        written = await _written(request)
        try:
            found = self._fleet.replace(identity, written)
        except DuplicateError:
            raise _taken(written) from None
        return self._one("id", identity) if found else _missing(identity)

    async def move(self, request: web.Request) -> web.Response:
        """PATCH /api/buses/{id}/location."""
        identity = bodies.path_uuid(request)
        form = await bodies.form(request)
        place = {name: form.number(name, required=True) for name in ("latitude", "longitude")}
        place |= {name: form.number(name) for name in ("speed", "heading") if form.has(name)}
        _check(form)
        return self._one("id", identity) if self._fleet.move(identity, place) else _missing(identity)

    async def remove(self, request: web.Request) -> web.Response:
        """DELETE /api/buses/{id}: 204."""
        identity = bodies.path_uuid(request)
        return replies.empty(204) if self._fleet.remove(identity) else _missing(identity)

    async def feed(self, request: web.Request) -> web.StreamResponse:
        """GET /ws/gps-tracking: positions until the client leaves."""
        return await gps.feed(request, self._pod, lambda: self._fleet.find("status", "ACTIVE"))

    def _one(self, column: str, value: str) -> web.Response:
        found = self._fleet.find(column, value)
        return replies.json(found[0]) if found else _missing(value)


def _missing(what: str) -> web.Response:
    raise Refused(400, f"Bus not found: {what}")


def _taken(written: Written) -> Refused:
    return Refused(400, f"Bus number already exists: {written.number}")


def _check(form: bodies.Form) -> None:
    """The controller's catch-all handler answers validation errors too."""
    if form.mistakes:
        raise Refused(500, "An unexpected error occurred")


async def _written(request: web.Request) -> Written:
    form = await bodies.form(request)
    written = Written(
        number=form.text("busNumber", required=True),
        line=form.text("lineCode", required=True),
        capacity=form.integer("capacity", 1),
        status=form.choice("status", STATUSES, "ACTIVE"),
        latitude=form.number("latitude"),
        longitude=form.number("longitude"),
        speed=form.number("speed"),
        heading=form.number("heading"),
    )
    _check(form)
    return written
