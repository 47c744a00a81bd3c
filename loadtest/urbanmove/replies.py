"""Answers in the shapes Spring Boot gives them, and the exception that becomes one."""

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import orjson
from aiohttp import web

from sidecar import clock


class Refused(Exception):
    """The request cannot be served; each service writes it in its own shape."""

    def __init__(
        self, status: int, message: str, code: str = "", fields: dict[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        """The machine-readable word, where a service has one."""
        self.fields = fields
        """Mistakes by field, for validation errors."""


def now_iso() -> str:
    """The current instant, UTC, ISO 8601, to the microsecond."""
    return datetime.fromtimestamp(clock.wall_s(), UTC).isoformat()


def now_ms() -> int:
    """Milliseconds since the epoch."""
    return int(clock.wall_s() * 1000)


def json(body: Any, status: int = 200) -> web.Response:
    """`body` as JSON."""
    return web.Response(body=orjson.dumps(body), status=status, content_type="application/json")


def empty(status: int) -> web.Response:
    """No body at all."""
    return web.Response(status=status)


def whitelabel(request: web.BaseRequest, status: int) -> web.Response:
    """What Boot answers when no code of the service was reached: its default error page as JSON."""
    return json(
        {
            "timestamp": now_iso(),
            "status": status,
            "error": phrase(status),
            "path": request.path,
        },
        status,
    )


def phrase(status: int) -> str:
    """The reason phrase; `Unknown` for numbers nobody registered."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
