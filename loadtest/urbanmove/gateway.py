"""The gateway: one table of path prefixes, nothing rewritten, bodies streamed both ways.

It adds no headers, checks no tokens and sets no timeout on responses, like a Spring Cloud Gateway configured
with routes alone. When it cannot get an answer: 503 no connection, 504 no connection in time, 502 a broken answer.
"""

from collections.abc import Iterable

import aiohttp
from aiohttp import web
from yarl import URL

from loadtest.urbanmove import actuator, handling, headers, relay_ws, replies, upstreams
from loadtest.urbanmove.pod import Pod
from loadtest.urbanmove.replies import Refused

TABLE = (
    ("/api/auth", "user"),
    ("/api/users", "user"),
    ("/api/buses", "bus"),
    ("/ws/gps-tracking", "bus"),
    ("/api/lines", "trajet"),
    ("/api/search", "trajet"),
    ("/api/v1/tickets", "ticket"),
    ("/api/v1/payments", "ticket"),
)


class Gateway:
    """The service; a `role.Role`."""

    transparent = True

    def __init__(self, pod: Pod) -> None:
        self._pod = pod
        self._bases = {role: upstreams.base_url(role) for role in upstreams.SERVICES}
        self._session: aiohttp.ClientSession | None = None

    def routes(self) -> Iterable[web.RouteDef]:
        """The table; `**` in a predicate matches nothing as well as anything below."""
        found = [*actuator.health()]
        for prefix, _ in TABLE:
            found.append(web.route("*", prefix, self.relay))
            found.append(web.route("*", f"{prefix}/{{rest:.*}}", self.relay))
        return found

    def admit(self, request: web.Request) -> None:
        """Everybody may: there is no token filter."""

    def refuse(self, request: web.Request, refused: Refused) -> web.Response:
        """Boot's own error page."""
        return replies.whitelabel(request, refused.status)

    async def start(self) -> None:
        """Open the client."""
        self._session = upstreams.session(self._pod.options, self._pod.rng)

    async def stop(self) -> None:
        """Close it."""
        if self._session is not None:
            await self._session.close()

    async def relay(self, request: web.Request) -> web.StreamResponse:
        """Pass the request on and its answer back."""
        if self._session is None:
            raise Refused(503, "not started")
        url = URL(self._target(request) + request.rel_url.raw_path_qs, encoded=True)
        try:
            if request.headers.get("Upgrade", "").lower() == "websocket":
                return await relay_ws.relay(self._session, self._pod, request, url)
            return await _relay(self._session, request, url)
        except aiohttp.ClientConnectorError as error:
            raise Refused(503, "no connection") from error
        except TimeoutError as error:
            raise Refused(504, "no answer in time") from error
        except aiohttp.ClientError as error:
            raise Refused(502, "broken answer") from error

    def _target(self, request: web.Request) -> str:
        return next(self._bases[role] for prefix, role in TABLE if request.path.startswith(prefix))


async def _relay(session: aiohttp.ClientSession, request: web.Request, url: URL) -> web.StreamResponse:
    async with session.request(
        request.method,
        url,
        headers=headers.passed(request.raw_headers, headers.OF_THIS_REQUEST),
        data=request.content if request.body_exists else None,
        allow_redirects=False,
    ) as answer:
        if handling.SLOW_BODY in request:
            return await _whole(answer)
        response = web.StreamResponse(
            status=answer.status, reason=answer.reason, headers=headers.passed(answer.raw_headers)
        )
        request[handling.UNTYPED] = "Content-Type" not in response.headers
        await response.prepare(request)
        try:
            await _body(answer, response)
        except (aiohttp.ClientError, TimeoutError):
            _cut(request)  # the head is out: all that is left is to make the end visible
        return response


async def _whole(answer: aiohttp.ClientResponse) -> web.Response:
    response = web.Response(status=answer.status, reason=answer.reason, body=await answer.read())
    response.headers.extend(headers.passed(answer.raw_headers, headers.FRAMING))
    return response


async def _body(answer: aiohttp.ClientResponse, response: web.StreamResponse) -> None:
    async for piece in answer.content.iter_any():
        await response.write(piece)
    await response.write_eof()


def _cut(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()
