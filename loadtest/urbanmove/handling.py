"""One request in a pod: it is counted, suffers what the active fault says, takes its time, and is answered."""

import asyncio
import contextlib
import logging
import time

from aiohttp import web
from aiohttp.typedefs import Handler

from loadtest.urbanmove import headers, replies
from loadtest.urbanmove.faults import Effect
from loadtest.urbanmove.pod import Pod
from loadtest.urbanmove.replies import Refused
from loadtest.urbanmove.role import Role

log = logging.getLogger("urbanmove")

PIECES = 10
SLOW_BODY = web.RequestKey("slow_body_s", float)
"""For a relay: do not stream, the body will be sent slowly."""
UNTYPED = web.RequestKey("untyped", bool)
"""From a relay: the answer has no `Content-Type`, and gets none."""


def application(pod: Pod, role: Role) -> web.Application:
    """The pod's aiohttp application."""

    @web.middleware
    async def around(request: web.Request, handler: Handler) -> web.StreamResponse:
        return await _answer(pod, role, request, handler)

    async def label(request: web.Request, response: web.StreamResponse) -> None:
        _label(pod, request, response)

    app = web.Application(middlewares=[around])
    app.add_routes(role.routes())
    app.on_response_prepare.append(label)
    return app


def route_of(request: web.Request) -> str:
    """Method and path template, as in the latency table."""
    resource = request.match_info.route.resource
    return f"{request.method} {resource.canonical if resource else '(no such path)'}"


async def _answer(pod: Pod, role: Role, request: web.Request, handler: Handler) -> web.StreamResponse:
    if request.path.startswith("/actuator"):
        return await _served(role, request, handler)
    route = route_of(request)
    pod.requests[route] += 1
    effect = pod.faults.draw(request.path)
    if effect.error_status is not None:
        return replies.whitelabel(request, effect.error_status)
    await _suffer(pod, request, effect)
    if request.transport is None:  # its caller left meanwhile: work for nobody would slow a healed pod
        return replies.empty(400)
    if effect.slow_body_s and request.method != "HEAD":
        request[SLOW_BODY] = effect.slow_body_s
    await pod.latency.sleep(route)
    response = await _served(role, request, handler)
    if SLOW_BODY in request and isinstance(response, web.Response):
        return await _slowly(request, response, effect.slow_body_s)
    return response


async def _suffer(pod: Pod, request: web.Request, effect: Effect) -> None:
    if effect.cpu_s:
        burn(effect.cpu_s)
    if effect.hang:
        await pod.faults.held(request.path)
    if effect.delay_s:
        await asyncio.sleep(effect.delay_s)


def burn(cpu_s: float) -> None:
    """Spend that much CPU time in this thread, blocking the event loop as a busy interpreter does."""
    until = time.thread_time() + cpu_s
    while time.thread_time() < until:
        pass


async def _served(role: Role, request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        role.admit(request)
        return await handler(request)
    except Refused as refused:
        return role.refuse(request, refused)
    except web.HTTPException as error:
        return replies.whitelabel(request, error.status)
    except ConnectionError:  # its caller left: nobody reads this
        return replies.empty(400)
    except Exception:
        log.exception("%s %s", request.method, request.path)
        return role.refuse(request, Refused(500, "An unexpected error occurred"))


async def _slowly(request: web.Request, whole: web.Response, seconds: float) -> web.StreamResponse:
    body = whole.body if isinstance(whole.body, bytes) else b""
    response = web.StreamResponse(status=whole.status, headers=whole.headers)
    response.content_length = len(body)
    size = -(-len(body) // PIECES) or 1
    with contextlib.suppress(ConnectionError):  # a caller that does not wait for all of it
        await response.prepare(request)
        for start in range(0, len(body), size):
            await asyncio.sleep(seconds / PIECES)
            await response.write(body[start : start + size])
        await response.write_eof()
    return response


def _label(pod: Pod, request: web.Request, response: web.StreamResponse) -> None:
    fields = response.headers
    fields.setdefault(headers.X_POD, pod.name)
    if fields.get("Server", "").startswith("Python/"):
        del fields["Server"]  # Tomcat and Netty send none
    if fields.get("Content-Length") == "0" or request.get(UNTYPED):
        fields.pop("Content-Type", None)  # aiohttp adds one where Spring does not
    if pod.draining:
        fields["Connection"] = "close"
        response.force_close()
