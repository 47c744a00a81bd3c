"""The management pages of Spring Boot, as far as each service exposes them."""

from aiohttp import web

from loadtest.urbanmove import replies
from loadtest.urbanmove.pod import Pod


def health() -> list[web.RouteDef]:
    """`/actuator/health` alone: Boot's default."""
    return [web.get("/actuator/health", _up)]


def full() -> list[web.RouteDef]:
    """Health, info and metrics: what bus and ticket expose."""
    return [*health(), web.get("/actuator/info", _info), web.get("/actuator/metrics", _metrics)]


def prometheus(pod: Pod) -> web.RouteDef:
    """`/actuator/prometheus`: only ticket-service carries the registry for it."""

    async def page(request: web.Request) -> web.Response:
        total = pod.requests.total()
        text = (
            f"# TYPE http_server_requests_seconds_count counter\nhttp_server_requests_seconds_count {total}\n"
        )
        return web.Response(text=text)

    return web.get("/actuator/prometheus", page)


async def _up(request: web.Request) -> web.Response:
    return replies.json({"status": "UP"})


async def _info(request: web.Request) -> web.Response:
    return replies.json({})


async def _metrics(request: web.Request) -> web.Response:
    return replies.json({"names": ["http.server.requests"]})
