"""JSON request bodies, read field by field; every mistake is collected, as bean validation does."""

import uuid
from collections.abc import Sequence
from typing import Any

import orjson
from aiohttp import web

from loadtest.urbanmove.replies import Refused


async def form(request: web.Request) -> "Form":
    """The body as a form; Refused 500 when it is not a JSON object.

    Jackson throws `HttpMessageNotReadableException` there, which the services' catch-all handlers turn into 500.
    """
    try:
        document = orjson.loads(await request.read())
    except orjson.JSONDecodeError:
        document = None
    if not isinstance(document, dict):
        raise Refused(500, "An unexpected error occurred")
    return Form(document)


class Form:
    """A JSON object whose fields are asked for one at a time. Call `check` before using what was read."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document
        self.mistakes: dict[str, str] = {}

    def check(self) -> None:
        """Refused 400 with all mistakes, if there are any."""
        if self.mistakes:
            text = ", ".join(f"{name}: {why}" for name, why in self.mistakes.items())
            raise Refused(400, text, "VALIDATION_ERROR", self.mistakes)

    def has(self, name: str) -> bool:
        """Present and not null."""
        return self._document.get(name) is not None

    def text(self, name: str, *, required: bool = False, shortest: int = 1) -> str:
        """A string; empty when absent."""
        value = self._document.get(name)
        if value is None and not required:
            return ""
        if not isinstance(value, str) or not value.strip():
            self.mistakes[name] = "must not be blank"
        elif len(value) < shortest:
            self.mistakes[name] = f"size must be at least {shortest}"
        return value if isinstance(value, str) else ""

    def number(self, name: str, *, required: bool = False) -> float | None:
        """A number; None when absent."""
        value = self._document.get(name)
        if value is None and not required:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.mistakes[name] = "must be a number" if value is not None else "must not be null"
            return None
        return float(value)

    def integer(self, name: str, low: int, high: int = 2**63 - 1) -> int:
        """A required whole number from `low` to `high`; `low` when it is not one."""
        value = self._document.get(name)
        if isinstance(value, bool) or not isinstance(value, int):
            self.mistakes[name] = "must not be null" if value is None else "must be a whole number"
            return low
        if not low <= value <= high:
            wrong = f"less than or equal to {high}" if value > high else f"greater than or equal to {low}"
            self.mistakes[name] = f"must be {wrong}"
        return value

    def uuid(self, name: str) -> str:
        """A required UUID in canonical form."""
        value = self._document.get(name)
        try:
            return str(uuid.UUID(value if isinstance(value, str) else ""))
        except ValueError:
            self.mistakes[name] = "must not be null" if value is None else "must be a UUID"
            return ""

    def choice(self, name: str, allowed: Sequence[str], default: str | None = None) -> str:
        """One of the names of an enum; required unless there is a default."""
        value = self._document.get(name, default)
        if value not in allowed:
            self.mistakes[name] = f"must be one of {', '.join(allowed)}"
            return allowed[0]
        return str(value)


def path_uuid(request: web.Request) -> str:
    """The `{id}` of the path as a UUID; Refused 500 when it is none."""
    return as_uuid(request.match_info["id"])


def as_uuid(text: str) -> str:
    """A UUID in canonical form; Refused 500 when it is none: type mismatches reach the catch-all handlers."""
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise Refused(500, "An unexpected error occurred") from None
